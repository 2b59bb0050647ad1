# SPDX-License-Identifier: GPL-2.0-or-later
# socklife's records (trace --json, the audit log) as Elastic Common Schema 8.17: docs/schemas.md.
#   zcat -f /var/log/socklife/socklife-*.ndjson* | jq -nc -f ecs.jq

def some: del(.[] | select(. == null or . == {} or . == []));

# Known of a process and of the host only by earlier records; a segment tells all of it again, so what is kept is bounded.
# One flat object, changed by setpath() only and without `//`: at anything else jq 1.6 copies all of it.
def remember($r):
  "\($r.host)/\($r.proc)" as $of
  | if $r.type == "segment" or $r.type == "start" then
      with_entries(select(.key | startswith($r.host + "/") | not)) | setpath([$of]; $r | {version, kernel, machine_id})
    elif $r.type == "process" then
      setpath([$of]; $r | {ppid, parents, started, exe, args, nspid, euid, user, session})
    else . end
  | setpath(["process"]; if $r.proc == null then null else .[$of] end)
  | setpath(["start"]; .["\($r.host)/null"]);

def failed_reason:
  {"timeout": 1, "refused": 1, "unreachable": 1, "abandoned": 1, "bind-failed": 1, "listen-failed": 1,
   "connect-failed": 1}[.] == 1;

def outcome:
  if .error != null or .abandoned then "failure"
  elif .type == "close" then
    if .reason == "unknown" then "unknown" elif (.reason | failed_reason) then "failure" else "success" end
  elif .type == "finding" or .type == "lost" then "failure"
  elif .type == "snapshot" or .type == "state" or .type == "clock" then null
  else "success" end;

# event.kind, event.category and event.type of each record type; null: no event of its own.
def kinds: {
  start:    ["event", "process", ["start"]],
  stop:     ["event", "process", ["end"]],
  lost:     ["event", "process", ["info"]],
  clock:    ["event", "host",    ["change"]],
  snapshot: ["state", "network", ["info"]],
  bind:     ["event", "network", ["info"]],
  listen:   ["event", "network", ["info"]],
  connect:  ["event", "network", ["connection", "start"]],
  accept:   ["event", "network", ["connection", "start"]],
  peer:     ["event", "network", ["connection", "start"]],
  state:    ["event", "network", ["info"]],
  close:    ["event", "network", ["end"]],
  finding:  ["alert", "network", ["info"]],
  segment: null, process: null, seal: null
};

def direction:
  if .type == "accept" or .role == "server" then "ingress"
  elif .type == "connect" or .type == "peer" or .role == "client" then "egress"
  elif .raddr != null then "unknown"
  else null end;

def address: if .ip == null then .address = null else .address = .ip end;

# The client is the source. Who that is of an older connection is not known: then this host is.
def ends:
  direction as $direction
  | ({ip: (.laddr // .req_addr), port: (.lport // .req_port), bytes: .tx_bytes}
     | if .port == 0 then .port = null else . end | address | some) as $local
  | ({ip: .raddr, port: .rport, bytes: .rx_bytes} | address | some) as $remote
  | if $direction == null then {destination: ($local | del(.bytes))}
    elif $direction == "ingress" then {source: $remote, destination: $local}
    else {source: $local, destination: $remote} end;

def network:
  if .proto == null then null else
    {transport: (if .proto == "mptcp" then "tcp" else .proto end), type: (if .mapped then "ipv4" else .family end),
     iana_number: (if .proto == "udp" then "17" else "6" end), direction: direction,
     bytes: (if .tx_bytes == null then null else .tx_bytes + .rx_bytes end)} | some
  end;

def id: if . == null or . == 4294967295 then null else tostring end;

def process($p):
  if .pid == null or .type == "stop" then null else
    {entity_id: (.boot + "." + .proc), pid, name: .comm, executable: $p.exe, args: $p.args,
     args_count: ($p.args | if . == null then null else length end), start: $p.started, vpid: (.nspid // $p.nspid),
     thread: ({id: .tid, name: .thread} | some), user: ({id: ($p.euid | id)} | some),
     real_user: ({id: (.uid | id), name: $p.user} | some),
     parent: ({pid: $p.ppid, entity_id: (.boot as $boot | $p.parents[0].proc | if . == null then null else $boot + "." + . end),
               name: $p.parents[0].comm, executable: $p.parents[0].exe} | some)} | some
  end;

def recorder:
  {name: "socklife", args: .args, args_count: (.args | if . == null then null else length end)} | some;

def event($kind):
  {kind: $kind[0], category: [$kind[1]], type: $kind[2], action: .type, outcome: outcome, module: "socklife",
   dataset: "socklife.log", id: (.boot + "." + (.seq | tostring)), sequence: .seq, reason: (.error // .reason),
   duration: (if .duration_us != null then .duration_us * 1000 elif .latency_us != null then .latency_us * 1000 else null end),
   start: (if .type == "finding" then .first elif .type == "close" then .created // .established
           elif .type == "lost" then .from else null end),
   end: (if .type == "finding" then .last elif .type == "close" then .ended elif .type == "lost" then .to else null end),
   severity: ({"info": 1, "warning": 2, "error": 3}[.severity // ""]),
   code: .finding}
  | some;

# What has no field of ECS is kept under `socklife`, in its own words.
def rest:
  del(.v, .seq, .ts, .boot, .host, .type, .family, .laddr, .lport, .raddr, .rport, .tx_bytes, .rx_bytes, .pid, .proc, .comm, .tid,
      .thread, .uid, .nspid, .container, .error, .severity, .message, .args, .version, .kernel, .machine_id)
  | if .proto != "mptcp" then del(.proto) else . end;

kinds as $kinds
| foreach inputs as $r ({};
  remember($r);
  .process as $p
  | .start as $start
  | $r
  | (if .v != 1 or (.type as $type | $kinds | has($type) | not) then
       error("socklife: seq \(.seq), type \(.type), v \(.v): not a record that ecs.jq knows") else . end)
  | $kinds[.type] as $kind
  | if $kind == null then empty else
      ends as $ends
      | {"@timestamp": .ts,
         ecs: {version: "8.17.0"},
         message: (.message // (if .type == "lost" then "\(.count) lost: \(.reason)" else null end)),
         event: event($kind),
         host: ({name: .host, hostname: .host, id: $start.machine_id, boot: {id: .boot},
                 os: ({type: "linux", kernel: $start.kernel} | some)} | some),
         agent: ({type: "socklife", version: $start.version} | some),
         process: (if $kind[1] == "process" then recorder else process($p) end),
         user: (if .uid == null then null else {id: (.uid | id), name: $p.user} | some end),
         container: (if .container == null then null else {id: .container} end),
         network: network,
         source: $ends.source,
         destination: $ends.destination,
         error: (if .error == null then null else {code: .error} end),
         rule: (if .finding == null then null else {id: .finding, name: .finding, ruleset: "socklife"} end),
         related: ({ip: ([.laddr, .raddr] | map(select(. != null)) | unique)} | some),
         socklife: rest}
      | some
    end)
