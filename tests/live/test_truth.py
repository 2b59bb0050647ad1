# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ground truth: real programs under socklife and strace at once. Every bind, listen, connect, accept and final close of
each IP socket that strace saw has its record with the same errno and ports, and nothing else has one.
"""
import glob
import json
import os
import re
import socket

import live
from live import check, equal, need

CALLS = ("socket,bind,listen,connect,accept,accept4,close,close_range,getsockopt,dup,dup2,dup3,fcntl,ioctl,"
         "clone,clone3,fork,vfork,execve,exit_group")
LINE = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\)\s+= (-?\d+|\?)(<[^>]*>)?(?: (E[A-Z0-9]+) )?.*$")
EXITED = re.compile(r"^(\d+\.\d+) \+\+\+ (?:exited with|killed by) .*$")
TOOK = re.compile(r" <(\d+\.\d+)>$")
SOCKET_FD = re.compile(r"^(\d+)<socket:\[(\d+)\]>")
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')
IN_PROGRESS = "EINPROGRESS"
NO_CONNECT = {"EINTR", "EALREADY", "EISCONN"}
NO_ACCEPT = {"EAGAIN", "EINTR"}


class Socket:
    def __init__(self, proto):
        self.proto = proto
        self.events = []      # (type, error or None, addr, port)
        self.holders = set()  # (process, fd)
        self.cloexec = set()
        self.listener = None  # inode
        self.drops = []       # ((begin, end), (pid, did it by its exit)), seconds

    def closers(self):
        """Who may have had it last. Of calls that overlapped, strace does not say which the kernel came to first."""
        latest = max((begin for (begin, _), _ in self.drops), default=0)
        return {who for (_, end), who in self.drops if end >= latest} if not self.holders else set()


class Strace:
    """What strace saw, per socket inode. Reads the files of `strace -ff -ttt -T -y`."""

    def __init__(self, prefix):
        self.sockets = {}
        self.process = {}    # tid -> process
        self.threads = {}    # process -> its living tids
        self.last = {}       # tid -> when its last call began
        self.unread = []
        for begin, _, tid, line in sorted(self.lines(prefix)):
            took = TOOK.search(line)
            self.when = begin, begin + float(took[1] if took else 0)
            if EXITED.match(line):    # what a process still has it closes between its last call and this line
                self.when = self.last.get(tid, begin), begin
            self.last[tid] = begin
            self.line(tid, line)
        check(not self.unread, "strace lines that the test cannot read: %r", self.unread[:5])

    @staticmethod
    def lines(prefix):
        for path in glob.glob(prefix + ".*"):
            with open(path, errors="replace") as f:
                for number, line in enumerate(f):
                    yield float(line.split(" ", 1)[0]), number, int(path.rsplit(".", 1)[1]), line.rstrip("\n")

    def owner(self, tid):
        process = self.process.setdefault(tid, tid)
        self.threads.setdefault(process, {tid})
        return process

    def line(self, tid, line):
        process = self.owner(tid)
        if EXITED.match(line):
            self.exited(process, tid)
            return
        match = LINE.match(line)
        if not match:
            # a signal, a call without result, a thread that exec replaced, a call that a kill cut short
            if not any(word in line for word in (" --- ", "= ?", "+++ superseded", " ???(")):
                self.unread.append(line)
            return
        _, call, args, result, link, error = match.groups()
        handler = getattr(self, "on_" + call, None)
        if handler and result != "?":
            handler(process, tid, args, int(result), link or "", error)

    def at(self, args):
        """(fd, inode, socket) of the first argument, if it is an IP socket."""
        match = SOCKET_FD.match(args)
        if not match:
            return None
        sock = self.sockets.get(int(match[2]))
        return (int(match[1]), int(match[2]), sock) if sock else None

    @staticmethod
    def address(args):
        match = ADDRESS.search(args)
        return (match[2] or match[3], int(match[1])) if match else (None, None)

    def hold(self, process, fd, link, cloexec):
        match = re.match(r"<socket:\[(\d+)\]>", link)
        sock = self.sockets.get(int(match[1])) if match else None
        if sock:
            sock.holders.add((process, fd))
            sock.cloexec.discard((process, fd))
            if cloexec:
                sock.cloexec.add((process, fd))

    def drop(self, sock, process, fd, by_exit=False):
        if (process, fd) in sock.holders:
            sock.holders.discard((process, fd))
            sock.cloexec.discard((process, fd))
            sock.drops.append((self.when, (process, by_exit)))

    def exited(self, process, tid):
        living = self.threads[process]
        living.discard(tid)
        if not living:
            for sock in self.sockets.values():
                for holder, fd in [h for h in sock.holders if h[0] == process]:
                    self.drop(sock, holder, fd, True)

    def on_socket(self, process, tid, args, result, link, error):
        if result < 0 or not args.startswith(("AF_INET,", "AF_INET6,")):
            return
        proto = "tcp" if "SOCK_STREAM" in args else "udp" if "SOCK_DGRAM" in args else None
        if proto:
            self.sockets[int(re.search(r"\[(\d+)\]", link)[1])] = Socket(proto)
            self.hold(process, result, link, "SOCK_CLOEXEC" in args)

    def on_bind(self, process, tid, args, result, link, error):
        found = self.at(args)
        if found:
            found[2].events.append(("bind", error, *self.address(args)))

    def on_listen(self, process, tid, args, result, link, error):
        found = self.at(args)
        if found:
            found[2].events.append(("listen", error, None, None))

    def on_connect(self, process, tid, args, result, link, error):
        found = self.at(args)
        if not found or "AF_UNSPEC" in args:
            return
        events = found[2].events
        if events and events[-1][:2] == ("connect", IN_PROGRESS) and error not in ("EALREADY", "EINTR"):
            outcome = None if error == "EISCONN" else error
            events[-1] = ("connect", outcome, *events[-1][2:])    # asked again: this is its outcome
        elif error not in NO_CONNECT and not (error == "EAGAIN" and found[2].proto == "tcp"):
            events.append(("connect", error, *self.address(args)))

    def on_getsockopt(self, process, tid, args, result, link, error):
        """SO_ERROR tells the outcome of a connect() that was in progress."""
        found = self.at(args)
        match = re.search(r"SO_ERROR, \[([A-Z0-9]+)\]", args)
        if not found or not match:
            return
        events = found[2].events
        for i, event in enumerate(events):
            if event[0] == "connect" and event[1] == IN_PROGRESS:
                outcome = None if match[1] == "0" else match[1]
                events[i] = ("connect", outcome, event[2], event[3])

    def on_accept(self, process, tid, args, result, link, error):
        found = self.at(args)
        if not found or error in NO_ACCEPT:
            return
        if error:
            found[2].events.append(("accept", error, None, None))
            return
        child = Socket(found[2].proto)
        child.listener = found[1]
        child.events.append(("accept", None, *self.address(args)))
        self.sockets[int(re.search(r"\[(\d+)\]", link)[1])] = child
        self.hold(process, result, link, "SOCK_CLOEXEC" in args)

    on_accept4 = on_accept

    def on_close(self, process, tid, args, result, link, error):
        found = self.at(args)
        if found:
            self.drop(found[2], process, found[0])

    def on_close_range(self, process, tid, args, result, link, error):
        first, last = [int(re.match(r"\d+", word)[0]) for word in args.split(", ")[:2]]
        for sock in self.sockets.values():
            for holder, fd in [h for h in sock.holders if h[0] == process and first <= h[1] <= last]:
                self.drop(sock, holder, fd)

    def on_dup(self, process, tid, args, result, link, error):
        if result >= 0:
            self.hold(process, result, link, "O_CLOEXEC" in args)

    on_dup2 = on_dup3 = on_dup

    def on_fcntl(self, process, tid, args, result, link, error):
        found = self.at(args)
        if found and "F_DUPFD" in args and result >= 0:
            self.hold(process, result, link, "CLOEXEC" in args)
        elif found and "F_SETFD" in args:
            (found[2].cloexec.add if "FD_CLOEXEC" in args else found[2].cloexec.discard)((process, found[0]))

    def on_ioctl(self, process, tid, args, result, link, error):
        found = self.at(args)
        if found and "FIOCLEX" in args:
            found[2].cloexec.add((process, found[0]))

    def on_clone(self, process, tid, args, result, link, error):
        if result <= 0:
            return
        if "CLONE_THREAD" in args:
            self.process[result] = process
            self.threads[process].add(result)
            return
        self.owner(result)
        for sock in self.sockets.values():
            for holder, fd in [h for h in sock.holders if h[0] == process]:
                sock.holders.add((result, fd))
                if (holder, fd) in sock.cloexec:
                    sock.cloexec.add((result, fd))

    on_clone3 = on_fork = on_vfork = on_clone

    def on_execve(self, process, tid, args, result, link, error):
        if result == 0:
            for sock in self.sockets.values():
                for holder, fd in [h for h in sock.cloexec if h[0] == process]:
                    self.drop(sock, holder, fd)


def plain(addr):
    return addr[7:] if addr and addr.startswith("::ffff:") else addr


def event_of(record):
    error = record.get("error")
    if record["type"] == "bind":
        return ("bind", error, record.get("req_addr"), record.get("req_port"))
    if record["type"] == "listen":
        return ("listen", error, None, None)
    if record["type"] == "connect":
        return ("connect", error, record.get("raddr"), record.get("rport"))
    return ("accept", error, record.get("raddr"), record.get("rport"))


def inode_of(life):
    return next((r["inode"] for r in life if "inode" in r), None)


def compare(records, strace):
    socks = live.by_sock(records)
    inodes = {inode_of(life): sock for sock, life in socks.items()}
    problems = []
    if None in inodes:
        problems.append("a socket without an inode: %s" % json.dumps(socks[inodes.pop(None)][0]))
    expected = {inode: sock for inode, sock in strace.sockets.items() if sock.events}
    for inode in set(inodes) - set(expected):
        problems.append("invented: %r" % [event_of(r) for r in socks[inodes[inode]] if r["type"] != "close"])
    compared = 0
    for inode, sock in expected.items():
        if inode not in inodes:
            problems.append("missing: %s %r" % (sock.proto, sock.events))
            continue
        life = socks[inodes[inode]]
        equal({r["proto"] for r in life}, {sock.proto}, "proto")
        got = [event_of(r) for r in life if r["type"] in ("bind", "listen", "connect", "accept")
               and not r.get("auto")]
        want = [(kind, error, plain(addr), port) for kind, error, addr, port in sock.events]
        if got != want:
            problems.append("strace %r, socklife %r" % (want, got))
        end = life[-1]
        if end["type"] != "close":
            problems.append("no close: %r" % want)
        elif closers := sock.closers():
            closer = end.get("closed_by", {})
            if (closer.get("pid"), closer.get("exit", False)) not in closers:
                problems.append("%r closed by %r, strace says %r" % (want, closer, closers))
        else:
            problems.append("strace never saw the end of %r" % want)
        if sock.listener and life[0].get("listener") != inodes.get(sock.listener):
            problems.append("%r came from listener %r, expected %r" % (want, life[0].get("listener"),
                                                                     inodes.get(sock.listener)))
        compared += len(want) + 1
    check(not problems, "%d differences:\n%s", len(problems), "\n".join(problems))
    return compared


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def truth(script, at_least, **values):
    """Run a shell script under both; PORT and DIR are its own."""
    need("strace")
    directory = os.path.join(live.tmp(), "work")
    os.makedirs(directory, exist_ok=True)
    os.chmod(live.tmp(), 0o755)
    os.chmod(directory, 0o777)
    prefix = os.path.join(live.tmp(), "strace")
    path = os.path.join(live.tmp(), "script")
    with open(path, "w") as f:
        f.write("set -eu\nPORT=%d\nDIR=%s\n" % (values.get("port") or free_port(), directory) + script)
    output, _ = live.traced(["strace", "-ff", "-ttt", "-T", "-y", "-s", "200", "-e", "trace=" + CALLS, "-o",
                             prefix, "sh", path])
    records = live.parse(output)
    live.check_stream(records)
    compared = compare(records, Strace(prefix))
    check(compared >= at_least, "only %d facts compared", compared)


# Wait until something listens, by trying: the refused attempts are facts to compare as well.
AWAIT = 'tries=0; until %s; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.05; done\n'


def test_nginx_and_curl():
    need("nginx", "curl")
    truth("""
mkdir -p $DIR/html
echo hello >$DIR/html/index.html
cat >$DIR/nginx.conf <<END
worker_processes 2;
error_log $DIR/error.log;
pid $DIR/pid;
daemon off;
events {}
http {
    access_log off;
    client_body_temp_path $DIR/t1; proxy_temp_path $DIR/t2; fastcgi_temp_path $DIR/t3;
    uwsgi_temp_path $DIR/t4; scgi_temp_path $DIR/t5;
    server { listen 127.0.0.1:$PORT; root $DIR/html; location /up { proxy_pass http://127.0.0.1:$PORT/; } }
    server { listen [::1]:$PORT; root $DIR/html; }
}
END
nginx -p $DIR -c $DIR/nginx.conf -e $DIR/error.log &
server=$!
""" + AWAIT % "curl -s -o $DIR/out http://127.0.0.1:$PORT/" + """
for i in 1 2 3; do curl -s -o $DIR/out http://127.0.0.1:$PORT/; done
curl -s -o $DIR/out "http://[::1]:$PORT/"
curl -s -o $DIR/out http://127.0.0.1:$PORT/up
curl -s -o $DIR/out http://127.0.0.1:$PORT/ -o $DIR/out2 http://127.0.0.1:$PORT/
kill -QUIT $server
wait $server
""", 30)


def test_redis():
    need("redis-server", "redis-cli")
    truth("""
redis-server --port $PORT --bind 127.0.0.1 ::1 --save "" --appendonly no --dir $DIR --logfile $DIR/log &
server=$!
""" + AWAIT % "redis-cli -h 127.0.0.1 -p $PORT ping >$DIR/out 2>&1" + """
redis-cli -h 127.0.0.1 -p $PORT set key value >$DIR/out
redis-cli -h ::1 -p $PORT get key >$DIR/out
redis-cli -h 127.0.0.1 -p $PORT -r 5 incr number >$DIR/out
redis-cli -h 127.0.0.1 -p $PORT shutdown nosave || true
wait $server || true
""", 20)


def test_python_http_server():
    need("python3", "curl")
    truth("""
echo hello >$DIR/index.html
python3 -m http.server $PORT --bind 127.0.0.1 --directory $DIR >$DIR/log 2>&1 &
server=$!
""" + AWAIT % "curl -s -o $DIR/out http://127.0.0.1:$PORT/index.html" + """
for i in 1 2 3; do curl -s -o $DIR/out http://127.0.0.1:$PORT/index.html; done
python3 -m http.server $PORT --bind 127.0.0.1 --directory $DIR >$DIR/log2 2>&1 || true
kill -TERM $server
wait $server || true
""", 15)


def test_iperf3():
    need("iperf3")
    truth("""
iperf3 -s -p $PORT >$DIR/log 2>&1 &
server=$!
""" + AWAIT % "iperf3 -c 127.0.0.1 -p $PORT -n 1M >$DIR/out 2>&1" + """
iperf3 -c 127.0.0.1 -p $PORT -n 20M -P 3 >$DIR/out
iperf3 -c 127.0.0.1 -p $PORT -n 5M -R >$DIR/out
iperf3 -c 127.0.0.1 -p $PORT -u -b 50M -n 2M >$DIR/out
kill -TERM $server
wait $server || true
""", 30)
