# SPDX-License-Identifier: GPL-2.0-or-later
"""
contrib/kubernetes/daemonset.yaml, and its pod without a container engine: a root directory that is read-only, with the
volumes, capabilities and namespaces that the manifest asks for. The host of this pod has cgroup2 at /sys/fs/cgroup and
tracefs at /sys/kernel/tracing, whatever this machine has. Not imitated: the runtime's seccomp and AppArmor profiles.
"""
import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFEST = os.path.join(TOP, "contrib/kubernetes/daemonset.yaml")
PATIENCE = 60
# Of the container that the load is in, as the kubelet names cgroups.
ID, UID = "%064x" % os.getpid(), "00000000-0000-4000-8000-%012x" % os.getpid()

# What the manifest may have, by Kubernetes' API reference (core/v1, apps/v1): kind of each value, "..." for maps of strings.
META = {"name": str, "namespace": str, "labels": ...}
PROBE = {"httpGet": {"host": str, "port": (int, str), "path": str}, "initialDelaySeconds": int, "periodSeconds": int,
         "timeoutSeconds": int, "failureThreshold": int}
CONTAINER = {
    "name": str, "image": str, "imagePullPolicy": str, "args": [str],
    "env": [{"name": str, "value": str}], "livenessProbe": PROBE,
    "securityContext": {"privileged": bool, "allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool,
                        "runAsUser": int, "runAsGroup": int, "capabilities": {"drop": [str], "add": [str]},
                        "seccompProfile": {"type": str}},
    "resources": {"requests": ..., "limits": ...},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
}
POD = {
    "nodeSelector": ..., "tolerations": [{"operator": str}], "priorityClassName": str,
    "automountServiceAccountToken": bool, "enableServiceLinks": bool, "hostPID": bool, "hostNetwork": bool,
    "dnsPolicy": str, "terminationGracePeriodSeconds": int, "containers": [CONTAINER],
    "volumes": [{"name": str, "hostPath": {"path": str, "type": str}}],
}
KINDS = {
    "Namespace": {"apiVersion": str, "kind": str, "metadata": META},
    "DaemonSet": {"apiVersion": str, "kind": str, "metadata": META,
                  "spec": {"selector": {"matchLabels": ...}, "template": {"metadata": META, "spec": POD}}},
}


def strange(value, shape, where):
    """What of it is not of this shape, a line each."""
    if shape is ...:
        shape = {key: str for key in value} if isinstance(value, dict) else dict
    if isinstance(shape, dict) and isinstance(value, dict):
        for key in value:
            yield from strange(value[key], shape[key], where + "." + key) if key in shape else [where + "." + key + ": unknown"]
    elif isinstance(shape, list) and isinstance(value, list):
        for i, item in enumerate(value):
            yield from strange(item, shape[0], "%s[%d]" % (where, i))
    elif isinstance(shape, (dict, list)) or not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        yield "%s: %r" % (where, value)


def wrong():
    """All that is wrong with the manifest, a line each."""
    with open(MANIFEST, encoding="utf-8") as f:
        objects = list(yaml.safe_load_all(f))
    for o in objects:
        yield from strange(o, KINDS.get(o.get("kind"), {}), o.get("kind", "object"))
    pod = daemonset()["spec"]["template"]
    if daemonset()["spec"]["selector"]["matchLabels"] != pod["metadata"]["labels"]:
        yield "the selector does not select the pods"
    volumes = [v["name"] for v in pod["spec"]["volumes"]]
    mounts = [m["name"] for m in container()["volumeMounts"]]
    if sorted(volumes) != sorted(mounts) or len(set(mounts)) != len(mounts):
        yield "volumes %s, mounts %s" % (volumes, mounts)


def daemonset():
    with open(MANIFEST, encoding="utf-8") as f:
        return next(o for o in yaml.safe_load_all(f) if o["kind"] == "DaemonSet")


def container():
    return daemonset()["spec"]["template"]["spec"]["containers"][0]


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


class Pod:
    """The container of the manifest, less these capabilities and volumes. Use with `with`."""

    def __init__(self, work, binary, without=(), without_volumes=()):
        spec, self.container = daemonset()["spec"]["template"]["spec"], container()
        assert spec["hostPID"] and spec["hostNetwork"] and self.container["securityContext"]["readOnlyRootFilesystem"]
        security = self.container["securityContext"]
        assert security["capabilities"]["drop"] == ["ALL"] and not security["allowPrivilegeEscalation"]
        self.capabilities = ["cap_" + name.lower() for name in security["capabilities"]["add"] if name not in without]
        self.paths = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if v["name"] not in without_volumes}
        self.root, self.host, self.binary = os.path.join(work, "pod"), os.path.join(work, "pod-host"), binary
        self.health = None
        self.cgroups = os.path.join(self.host, "sys/fs/cgroup")
        self.own = os.path.join(self.cgroups, "socklife-%d" % os.getpid())
        kubepods = os.path.join(self.cgroups, "socklife-kubepods-%d" % os.getpid())
        self.load = os.path.join(kubepods, "pod" + UID, ID)
        self.made = [self.own, kubepods, os.path.dirname(self.load), self.load]

    def __enter__(self):
        for path in ("proc", "sys", "usr/bin", "etc", "var/log/socklife", "var/log/containers"):
            os.makedirs(os.path.join(self.root, path))
        subprocess.run(["cp", self.binary, os.path.join(self.root, "usr/bin/socklife")], check=True)
        for path in ("etc", "var/log/socklife", "var/log/containers", "sys/fs/cgroup", "sys/kernel/tracing"):
            os.makedirs(os.path.join(self.host, path))
        os.symlink("/var/log/pods/gone.log", os.path.join(self.host, "var/log/containers/web-1_shop_nginx-%s.log" % ID))
        mount("-t", "cgroup2", "cgroup2", self.cgroups)
        mount("-t", "tracefs", "tracefs", os.path.join(self.host, "sys/kernel/tracing"))
        for cgroup in self.made:
            os.mkdir(cgroup)
        for name, text in (("passwd", "root-of-host:x:0:0::/:/\n"), ("machine-id", "0123456789abcdef0123456789abcdef\n")):
            for where in (self.host, self.root):
                with open(os.path.join(where, "etc", name), "w", encoding="utf-8") as f:
                    f.write(text if where == self.host else "")
        mount("--bind", self.root, self.root)
        mount("-t", "proc", "proc", os.path.join(self.root, "proc"))
        mount("-t", "sysfs", "-o", "ro", "sysfs", os.path.join(self.root, "sys"))
        for volume in self.container["volumeMounts"]:
            if volume["name"] in self.paths:
                there = self.root + volume["mountPath"]
                mount("--bind", self.host + self.paths[volume["name"]], there)
                if volume.get("readOnly"):
                    mount("-o", "remount,ro,bind", there)
        mount("-o", "remount,ro,bind", self.root)
        return self

    def __exit__(self, *_):
        for cgroup in reversed(self.made):
            with contextlib.suppress(OSError):
                os.rmdir(cgroup)
        for path in (self.root, self.host):
            for mounted in (path, self.cgroups, os.path.join(self.host, "sys/kernel/tracing")):
                subprocess.run(["umount", "-R", mounted], stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)

    def join(self, cgroup):
        """For a child, before it execs: a cgroup of its own, as a container has."""
        with open(os.path.join(cgroup, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write("0")

    def logged(self):
        records = []
        for path in glob.glob(os.path.join(self.host, "var/log/socklife/*.ndjson")):
            with open(path, encoding="utf-8") as f:
                records += [json.loads(line) for line in f if line.endswith("\n")]
        return records

    def probe(self):
        """What the kubelet would get: the status."""
        get = self.container["livenessProbe"]["httpGet"]
        try:
            with urllib.request.urlopen("http://%s:%d%s" % (get["host"], get["port"], get["path"]), timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def record(self, load):
        """Run it, and the Python program `load` outside once it records: (exit status, stderr, records)."""
        listed = subprocess.run(["capsh", "--print"], stdout=subprocess.PIPE, text=True, check=True).stdout
        bound = next(line for line in listed.splitlines() if line.startswith("Bounding set")).partition("=")[2].split(",")
        drop = ",".join(name for name in bound if name not in self.capabilities)
        with subprocess.Popen(["unshare", "--cgroup", "--ipc", "--uts", "capsh", "--chroot=" + self.root, "--drop=" + drop,
                               "--no-new-privs", "--shell=/usr/bin/socklife", "--", *self.container["args"]],
                              preexec_fn=lambda: self.join(self.own), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, cwd="/",
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) as process:
            try:
                end = time.monotonic() + PATIENCE
                while process.poll() is None and time.monotonic() < end and not self.logged():
                    time.sleep(0.05)
                if process.poll() is None:
                    subprocess.run([sys.executable, "-c", load], check=True, preexec_fn=lambda: self.join(self.load))
                    self.health = self.probe()
            finally:
                process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=PATIENCE)[1]
        return process.returncode, said, self.logged()
