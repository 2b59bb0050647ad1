# SPDX-License-Identifier: GPL-2.0-or-later
# What the jq answers of docs/queries.md share; queries.sql has the same for SQL.

def within: .ts >= $from and .ts < $to;

def owner: .owner // .;
def comm: owner.comm // "?";
def local: if .lport == null then "-" else "\(.laddr):\(.lport)" end;
def remote: if .rport == null then "-" else "\(.raddr):\(.rport)" end;
def failed: .error != null or .abandoned == true;

# Nearest rank of sorted numbers.
def percentile($p): .[((length * $p + 99) / 100 | floor) - 1];

# A number for each IPv4 address; null for others.
def ipv4: (split(".") | if length == 4 then map(tonumber) | ((.[0] * 256 + .[1]) * 256 + .[2]) * 256 + .[3] else null end);
def in_cidr($cidr):
  ($cidr | split("/")) as $part
  | pow(2; 32 - ($part[1] // "32" | tonumber)) as $size
  | (. // "" | ipv4) as $address
  | $address != null and ($address / $size | floor) == ($part[0] | ipv4 / $size | floor);

# Every record, with the path of its owner's program as `exe`: processes are told again in each segment.
def records:
  foreach (inputs | {r: ., of: "\(owner.proc)"}) as {$r, $of} ({};
    if $r.type == "segment" then {} elif $r.type == "process" then setpath([$r.proc]; $r.exe) else . end
    | setpath(["told"]; .[$of]);
    .told as $exe | $r | if .type == "process" then . else .exe = ($exe // comm) end);

def is_socket: .sock != null and .type != "finding";
def earliest($time): [., $time] | map(select(. != null)) | min;

# What is known of a socket, with one record more.
def updated($r):
  .first = (.first // $r.ts)
  | .bound = (.bound | earliest($r.bound // if $r.type == "bind" and $r.error == null then $r.ts else null end))
  | .listening = (.listening | earliest($r.listening
      // if ($r.type == "listen" and $r.error == null) or ($r.type == "snapshot" and $r.state == "LISTEN") then $r.ts
         else null end))
  | .established = (.established | earliest($r.established))
  | .until = $r.ended
  | .seen = $r.seq
  | if $r.lport == null then . else . + ($r | {proto, laddr, lport, raddr, rport, comm: comm, pid: owner.pid}) end;

# One object a socket: its ends and owner as told last, when it was bound, listened, was connected, and `until`: when it was
# closed, null where it is open. One that was closed while nobody recorded has no `close`: it was open until the next start
# of the recorder at most.
# The state is one flat object, changed by setpath() only and without `//`: at anything else jq 1.6 copies all of it.
def sockets(stream):
  reduce (stream | select(is_socket or .type == "start")) as $r ({};
    if $r.type == "start" then setpath(["starts"]; .starts + [$r | {seq, ts}])
    else
      "\($r.boot).\($r.sock)" as $key
      | .[$key] as $old
      | (reduce ($old | updated($r)) as $one (null; $one)) as $new
      | setpath([$key]; $new)
    end)
  | (.starts // []) as $starts
  | del(.starts)[] | select(.lport != null)
  | if .until == null then .seen as $seen | .until = (first($starts[] | select(.seq > $seen) | .ts) // null) else . end;
def lives: sockets(inputs);

# [kind, name, number] of a whole log, for the comparison of two.
def summary:
  [records] as $all
  | ($all | map(select((.type == "connect" or .type == "peer") and .rport != null))
     | group_by([comm, remote, .proto])[]
     | (.[0] | "\(comm) to \(remote)/\(.proto)") as $name
     | ["destination", $name, length],
       ["failed %", $name, ((map(select(failed)) | length) * 100 / length | floor)]),
    ($all | map(select(.type == "close" and .role == "client" and .established != null and .rport != null))
     | group_by([comm, remote, .proto])[]
     | ["median us", (.[0] | "\(comm) to \(remote)/\(.proto)"), (map(.duration_us) | sort | percentile(50))]),
    ($all | map(select(.type == "finding")) | group_by([.finding, comm])[]
     | ["finding", "\(.[0].finding) of \(.[0] | comm)", (map([.key, .first]) | unique | length)]),
    ($all | [sockets(.[]) | select(.listening != null)] | group_by([.comm, .proto, .laddr, .lport])[]
     | ["listener", (.[0] | "\(.comm) on \(.laddr):\(.lport)/\(.proto)"), length]);
