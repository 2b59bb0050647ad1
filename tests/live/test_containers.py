# SPDX-License-Identifier: GPL-2.0-or-later
"""
Containers, pods and units: cgroups and files laid out as runtimes and the kubelet do, what records say of who runs there.
"""
import contextlib
import json
import os
import subprocess
import sys
import time

import live
import logs
from live import check, equal

HIDDEN = ("/run", "/var/lib", "/var/log")    # of this test only: the files of runtimes are below them
FIELDS = ("container", "runtime", "container_name", "pod", "pod_namespace", "pod_uid", "unit")
BUNDLES = "/run/containerd/io.containerd.runtime.v2.task"
SERVER = """
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""
STORAGE = "/var/lib/containers/storage/overlay-containers"


def new_id(n):
    return "%064x" % (0x50c41ee << 224 | n << 32 | os.getpid())


def new_uid(n):
    return "%08x-0000-4000-8000-%012x" % (0x50c41e00 + n, os.getpid())


def hide():
    """Empty directories in place of the machine's."""
    logs.private_mounts()
    for path in HIDDEN:
        live.sh("mount", "-t", "tmpfs", "-o", "size=16m", "socklife-test", path)


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    with open(path, "wb") as f:
        f.write(data)


@contextlib.contextmanager
def cgroups(*paths):
    """These cgroups, as directories; what was made for them is removed again."""
    with open("/proc/self/mounts") as f:
        mount = next((line.split()[1] for line in f if line.split()[2] == "cgroup2"), None)
    if not mount:
        raise live.Skip("cgroup2 is not mounted")
    made = []
    try:
        for path in paths:
            at = mount
            for name in path.strip("/").split("/"):
                at = os.path.join(at, name)
                if not os.path.exists(at):
                    os.mkdir(at)
                    made.append(at)
        yield [mount + path for path in paths]
    finally:
        for path in reversed(made):
            os.rmdir(path)


def inside(path):
    return ["sh", "-c", 'echo $$ >%s/cgroup.procs; exec "$@"' % path.replace("\\", "\\\\"), "sh"]


def what(record):
    return {key: record[key] for key in FIELDS if key in record}


def traced(layouts, program=("bind_unused",), kind="process"):
    """One run of the program in each layout's cgroup; the records of this kind, by path."""
    with cgroups(*(path for path, _ in layouts)) as places:
        options = [word for path, _ in layouts for word in ("--cgroup", path)]
        with live.Tracer(*options) as tracer:
            for place in places:
                live.run_alone(*program, prefix=inside(place))
            live.wait_for(lambda: all(tracer.has(type="close", cgroup=path) for path, _ in layouts), "each one's close")
    return {path: [r for r in tracer.records if r["type"] == kind and r.get("cgroup") == path] for path, _ in layouts}


def expect(layouts, **options):
    records = traced(layouts, **options)
    for path, wanted in layouts:
        check(records[path], "no record of %s", path)
        for record in records[path]:
            equal(what(record), wanted, "what runs in %s" % path)


def cri(name, pod, namespace):
    key = "io.kubernetes.cri."
    return {"annotations": {key + "container-name": name, key + "sandbox-name": pod,
                            key + "sandbox-namespace": namespace}}


def kubernetes(name, pod, namespace):
    key = "io.kubernetes."
    return {key + "container.name": name, key + "pod.name": pod, key + "pod.namespace": namespace}


def test_runtimes():
    """Docker, containerd, CRI-O, podman, with both cgroup drivers; nspawn and LXC; what only the kubelet's links tell."""
    hide()
    ids, uids = [new_id(n) for n in range(20)], [new_uid(n) for n in range(20)]
    slices = ["/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/" % uid.replace("-", "_")
              for uid in uids]
    shop = {"pod": "web-7d9f", "pod_namespace": "shop", "container_name": "web"}
    put("/var/lib/docker/containers/%s/config.v2.json" % ids[0], {"ID": ids[0], "Name": "/db", "Config": {"Labels": {}}})
    put("/var/lib/docker/containers/%s/config.v2.json" % ids[1], {"Name": "/k8s_web_web-7d9f_shop", "Config": {
        "Labels": kubernetes("web", "web-7d9f", "shop")}})
    put("%s/k8s.io/%s/config.json" % (BUNDLES, ids[2]), cri("web", "web-7d9f", "shop"))
    put("%s/k8s.io/%s/config.json" % (BUNDLES, ids[3]), cri("web", "web-7d9f", "shop"))
    put("/run/containers/storage/overlay-containers/%s/userdata/config.json" % ids[4], {
        "annotations": kubernetes("web", "web-7d9f", "shop")})
    put(STORAGE + "/containers.json", [{"id": "0" * 64, "names": ["x"]}, {"id": ids[5], "names": ["cache"]}])
    put(STORAGE + "/volatile-containers.json", [{"id": ids[6], "names": ["job"], "layer": "y"}])
    put("/var/log/containers/web-7d9f_shop_web-%s.log" % ids[7], b"")
    os.makedirs("/var/log/pods/shop_web-7d9f_%s/web" % uids[8])
    put("%s/default/%s/config.json" % (BUNDLES, ids[9]), {"annotations": {"nerdctl/name": "tool"}})
    pid = os.getpid()
    expect([
        ("/system.slice/docker-%s.scope" % ids[0], {"container": ids[0], "runtime": "docker", "container_name": "db"}),
        ("/kubepods/burstable/pod%s/%s" % (uids[1], ids[1]),
         {"container": ids[1], "runtime": "docker", "pod_uid": uids[1], **shop}),
        ("/kubepods/pod%s/%s" % (uids[2], ids[2]),
         {"container": ids[2], "runtime": "containerd", "pod_uid": uids[2], **shop}),
        (slices[3] + "cri-containerd-%s.scope" % ids[3],
         {"container": ids[3], "runtime": "containerd", "pod_uid": uids[3], **shop}),
        (slices[4] + "crio-%s.scope" % ids[4],
         {"container": ids[4], "runtime": "cri-o", "pod_uid": uids[4], **shop}),
        ("/machine.slice/libpod-%s.scope/container" % ids[5],
         {"container": ids[5], "runtime": "podman", "container_name": "cache"}),
        ("/system.slice/socklife-live-%d.service/libpod-payload-%s" % (pid, ids[6]),
         {"container": ids[6], "runtime": "podman", "container_name": "job",
          "unit": "socklife-live-%d.service" % pid}),
        (slices[7] + "cri-containerd-%s.scope" % ids[7],
         {"container": ids[7], "runtime": "containerd", "pod_uid": uids[7], **shop}),
        (slices[8] + "crio-%s.scope" % ids[8], {"container": ids[8], "runtime": "cri-o", "pod_uid": uids[8],
                                                "pod": "web-7d9f", "pod_namespace": "shop"}),
        ("/default/%s" % ids[9], {"container": ids[9], "runtime": "containerd", "container_name": "tool"}),
        ("/docker/%s/docker/%s" % (ids[0], ids[10]), {"container": ids[10], "runtime": "docker"}),
        ("/machine.slice/systemd-nspawn@box%d.service/payload" % pid,
         {"runtime": "systemd-nspawn", "container_name": "box%d" % pid, "unit": "systemd-nspawn@box%d.service" % pid}),
        ("/lxc.payload.box%d" % pid, {"runtime": "lxc", "container_name": "box%d" % pid}),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-x\\x2dy-%d.service" % pid,
         {"unit": "app-x\\x2dy-%d.service" % pid}),
    ])


def test_hostile_files():
    """Links, pipes, what is too large or no JSON tells nothing; a name is any bytes and does no harm."""
    hide()
    ids = [new_id(n) for n in range(10)]
    file = "/var/lib/docker/containers/%s/config.v2.json"
    put("/run/outside.json", {"Name": "/outside"})
    os.makedirs(os.path.dirname(file % ids[0]))
    os.symlink("/run/outside.json", file % ids[0])
    put("/run/outside/config.v2.json", {"Name": "/outside"})
    os.symlink("/run/outside", os.path.dirname(file % ids[1]))
    os.makedirs(os.path.dirname(file % ids[2]))
    os.mkfifo(file % ids[2])
    put(file % ids[3], b'{"Name":"/big","x":"' + b"x" * (2 << 20) + b'"}')
    put(file % ids[4], b'{"Name":"/cut')
    put(file % ids[5], b'{"Name":' + b"[" * 100000)
    os.makedirs(file % ids[6])
    put(file % ids[7], {"Name": "/" + "long" * 100})
    put(file % ids[8], {"Name": ["/x"], "Config": {"Labels": [1]}})
    put(file % ids[9], b'{"Name":"/a\\u001b[31m\\n\xff\xfe b\\"\\u202e"}')
    layouts = [("/docker/%s" % i, {"container": i, "runtime": "docker"}) for i in ids]
    layouts[9][1]["container_name"] = "a\033[31m\n\ufffd\ufffd b\"\u202e"
    expect(layouts)


def test_finding_and_ports():
    """A finding says it too; `ports` of who listens; and --unit and --container mean what the records say."""
    hide()
    container = new_id(1)
    path = "/docker/%s" % container
    put("/var/lib/docker/containers/%s/config.v2.json" % container, {"Name": "/db"})
    wanted = {"container": container, "runtime": "docker", "container_name": "db"}
    expect([(path, wanted)], program=("bind_in_use", "127.0.0.1", "127.0.0.1"), kind="finding")
    with cgroups(path) as places:
        with subprocess.Popen(inside(places[0]) + [sys.executable, "-c", SERVER], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as server:
            port = int(server.stdout.readline())
            out = live.sh(live.binary(), "ports", str(port), "--json", "--container", container[:12]).stdout
            server.stdin.close()
    records = [json.loads(line) for line in out.splitlines()]
    for record in records:
        live.schema.valid(record, live.schema.PORTS)
    held = [p for r in records if r["type"] == "port" for p in r["processes"]]
    equal([what(p) for p in held], [wanted], "processes")


def test_names_that_come_later():
    """The kubelet makes its links after the container has begun: the next look has them."""
    hide()
    container, uid = new_id(2), new_uid(2)
    path = "/kubepods/besteffort/pod%s/%s" % (uid, container)
    bare = {"container": container, "pod_uid": uid}
    with cgroups(path) as places:
        with live.Tracer("--cgroup", path) as tracer:
            live.run_alone("bind_unused", prefix=inside(places[0]))
            live.wait_for(lambda: tracer.has(type="close", cgroup=path), "the first records")
            put("/var/log/containers/web-0_shop_web-%s.log" % container, b"")
            time.sleep(1.1)
            live.run_alone("bind_unused", prefix=inside(places[0]))
    told = [what(r) for r in tracer.records if r["type"] == "process" and r.get("cgroup") == path]
    named = {**bare, "pod": "web-0", "pod_namespace": "shop", "container_name": "web"}
    equal([t for i, t in enumerate(told) if i == 0 or t != told[i - 1]], [bare, named], "what was told")


def test_netns_name():
    """The name of `ip netns`, wherever a namespace is told: findings, the log, ports now and then."""
    directory = os.path.join(live.tmp(), "log")
    with live.netns() as where:
        inode = live.netns_inode(where)
        with logs.Recorder(directory, "--netns", "/run/netns/" + where) as recorder, \
                live.Held("0", where=where) as held:
            live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=["ip", "netns", "exec", where])
            logs.until_sealed(directory)
            held_ports = [json.loads(line) for line in live.sh(live.binary(), "ports", "--json", "--netns",
                                                               "/run/netns/" + where).stdout.splitlines()]
            check(held.facts, "no facts of the trigger")
            recorder.stop()
        trigger = live.trigger("bind_in_use", "127.0.0.1", "127.0.0.1", where=where)
    log = logs.whole(directory)
    past = live.sh(live.binary(), "ports", "--at", log.of("finding")[-1]["ts"], directory).stdout
    for records in (log.of("finding"), [r for r in trigger.records if r["type"] == "finding"]):
        check(records, "no finding")
        equal({r.get("netns_name") for r in records}, {where}, "names in findings")
    told = [r["settings"] for r in log.records if "settings" in r]
    equal({s.get("name") for s in told}, {where}, "names in settings")
    of_ports = [r for r in held_ports if r["type"] == "port" and r["netns"] == inode]
    check(of_ports, "no ports")
    for record in held_ports:
        live.schema.valid(record, live.schema.PORTS)
    equal({r.get("netns_name") for r in of_ports}, {where}, "names in ports")
    check("%d %s" % (inode, where) in past, "ports --at does not have %s: %s", where, past)
