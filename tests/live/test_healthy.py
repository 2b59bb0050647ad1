# SPDX-License-Identifier: GPL-2.0-or-later
"""
A healthy host raises no warning and no error: ordinary servers under load, with thousands of short connections and
restarts in between. What an hour of it has in kinds of traffic, in seconds.
"""
import glob
import os
import shutil
import subprocess

import live
from live import check, equal, netns, netns_inode

POSTGRES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))

PROLOGUE = """
set -eu
await() { for i in $(seq 200); do "$@" >$DIR/await 2>&1 && return; sleep 0.05; done; cat $DIR/await; exit 1; }
"""

NGINX = PROLOGUE + """
mkdir -p $DIR/html
seq 2000 >$DIR/html/index.html
cat >$DIR/nginx.conf <<END
worker_processes 2;
error_log $DIR/error.log;
pid $DIR/pid;
daemon off;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $DIR/t1; proxy_temp_path $DIR/t2; fastcgi_temp_path $DIR/t3;
    uwsgi_temp_path $DIR/t4; scgi_temp_path $DIR/t5;
    server { listen 80 default_server reuseport; listen [::]:80 reuseport; root $DIR/html;
        location /up { proxy_pass http://127.0.0.1:8081/; } }
    server { listen 127.0.0.1:8081; root $DIR/html; }
}
END
for round in 1 2 3; do
    nginx -p $DIR -c $DIR/nginx.conf -e $DIR/error.log &
    server=$!
    await curl -s -o $DIR/out http://127.0.0.1/
    wrk -t 2 -c 50 -d 2s http://127.0.0.1/ >$DIR/wrk1
    wrk -t 2 -c 50 -d 1s -H 'Connection: close' http://127.0.0.1/ >$DIR/wrk2
    wrk -t 2 -c 20 -d 1s -H 'Connection: close' http://127.0.0.1/up >$DIR/wrk3
    kill -HUP $server
    await curl -s -o $DIR/out "http://[::1]/"
    kill -QUIT $server
    wait $server
done
"""

REDIS = PROLOGUE + """
for round in 1 2; do
    redis-server --port 6379 --bind 0.0.0.0 :: --protected-mode no --save "" --appendonly no --dir $DIR --logfile $DIR/log &
    server=$!
    await redis-cli -h 127.0.0.1 ping
    redis-benchmark -q -h 127.0.0.1 -n 20000 -c 50 >$DIR/bench1
    redis-benchmark -q -h 127.0.0.1 -n 3000 -c 50 -k 0 -t ping_mbulk,set >$DIR/bench2
    redis-cli -h ::1 shutdown nosave || true
    wait $server || true
done
"""

DATABASE = PROLOGUE + """
as="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 711 $(dirname $DIR) $DIR
mkdir $DIR/db && chown 65534:65534 $DIR/db
$as $BIN/initdb -D $DIR/db -A trust -U nobody >$DIR/initdb
for round in 1 2; do
    $as $BIN/postgres -D $DIR/db -k $DIR/db -c listen_addresses='*' -c fsync=off >$DIR/db/log 2>&1 &
    server=$!
    await $BIN/pg_isready -h 127.0.0.1
    [ $round != 1 ] || pgbench -q -i -h 127.0.0.1 -U nobody postgres >$DIR/init 2>&1
    pgbench -n -c 8 -j 2 -T 2 -h 127.0.0.1 -U nobody postgres >$DIR/bench1 2>&1
    pgbench -n -S -C -c 8 -j 2 -t 15 -h ::1 -U nobody postgres >$DIR/bench2 2>&1
    kill -INT $server
    wait $server || true
done
"""


def healthy(script, least, **env):
    """Runs it in a namespace of its own; at least so many connections, and nothing worse than an info."""
    with netns() as where:
        directory = os.path.join(live.tmp(), "work")
        os.mkdir(directory)
        out = live.new_path(".out")
        with live.Tracer("--netns", "/run/netns/" + where, "--event", "connect,finding") as tracer:
            done = subprocess.run(live.in_netns(where, "bash", "-c", script), stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, cwd=directory,
                                  env=dict(os.environ, DIR=directory, OUT=out, LC_ALL="C", **env))
        equal(done.returncode, 0, "exit of the traffic: %s" % done.stdout[-2000:])
        inode = netns_inode(where)
        shutil.rmtree(directory)
    records = [r for r in tracer.records if r.get("netns") == inode]
    connects = sum(1 for r in records if r["type"] == "connect")
    check(connects >= least, "only %d connections", connects)
    findings = [(r["finding"], r["status"], r["message"]) for r in records
                if r["type"] == "finding" and r["severity"] != "info"]
    equal(findings, [], "warnings and errors after %d connections" % connects)
    equal([r for r in tracer.records if r["type"] == "lost"], [], "losses")
    print("%d connections" % connects)


def test_nginx():
    live.need("nginx", "wrk", "curl")
    healthy(NGINX, 2000)


def test_redis():
    live.need("redis-server", "redis-benchmark", "redis-cli")
    healthy(REDIS, 5000)


def test_postgres():
    if not POSTGRES:
        raise live.Skip("postgresql is not installed")
    live.need("pgbench")
    healthy(DATABASE, 200, BIN=POSTGRES[-1])
