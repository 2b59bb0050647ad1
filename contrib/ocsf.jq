# SPDX-License-Identifier: GPL-2.0-or-later
# socklife's records (trace --json, the audit log) as OCSF 1.3.0, profiles host and container: docs/schemas.md.
#   zcat -f /var/log/socklife/socklife-*.ndjson* | jq -nc -f ocsf.jq
# Network Activity (4001), Detection Finding (2004), and Application Lifecycle (6002) for the recorder itself.

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

def ms: if . == null then null else (.[0:19] + "Z" | fromdateiso8601) * 1000 + (.[20:23] | tonumber) end;
def id: if . == null or . == 4294967295 then null else tostring end;

def class_names: {"4001": ["Network Activity", "Network Activity"], "2004": ["Detection Finding", "Findings"],
                  "6002": ["Application Lifecycle", "Application Activity"]};

def failed: .error != null or .abandoned == true;

# [class_uid, activity_id, activity_name]; null: no event of its own.
def activity:
  {start: [6002, 3, "Start"], stop: [6002, 4, "Stop"], lost: [6002, 99, "Lost"], clock: [6002, 99, "Clock"],
   segment: null, process: null, seal: null,
   snapshot: [4001, 99, "Snapshot"], bind: [4001, 99, "Bind"], state: [4001, 99, "State"],
   listen: [4001, 7, "Listen"], accept: [4001, 1, "Open"], connect: [4001, 1, "Open"], peer: [4001, 1, "Open"],
   close: [4001, 2, "Close"],
   finding: ({"open": [2004, 1, "Create"], "update": [2004, 2, "Update"], "closed": [2004, 3, "Close"]}[.status // ""])} as $of
  | if .v != 1 or (.type as $type | $of | has($type) | not) then
      error("socklife: seq \(.seq), type \(.type), v \(.v): not a record that ocsf.jq knows")
    elif .type == "connect" and .error == "ECONNREFUSED" then [4001, 5, "Refuse"]
    elif (.type == "connect" or .type == "accept" or .type == "listen" or .type == "peer") and failed then [4001, 4, "Fail"]
    elif .type == "close" then
      {"local-reset": [4001, 3, "Reset"], "remote-reset": [4001, 3, "Reset"], "aborted": [4001, 3, "Reset"],
       "refused": [4001, 5, "Refuse"], "timeout": [4001, 4, "Fail"], "unreachable": [4001, 4, "Fail"],
       "abandoned": [4001, 4, "Fail"], "bind-failed": [4001, 4, "Fail"], "listen-failed": [4001, 4, "Fail"],
       "connect-failed": [4001, 4, "Fail"]}[.reason] // $of.close
    else $of[.type] end;

# [status_id, status]
def status($activity):
  if .type == "finding" then
    {"open": [1, "New"], "update": [2, "In Progress"], "closed": [4, "Resolved"]}[.status]
  elif failed or $activity[1] == 4 or $activity[1] == 5 or .type == "lost" then [2, "Failure"]
  elif .reason == "unknown" then [0, "Unknown"]
  else [1, "Success"] end;

# [severity_id, severity]
def severity($status):
  if .type == "finding" then {"info": [1, "Informational"], "warning": [3, "Medium"], "error": [4, "High"]}[.severity] // [0, "Unknown"]
  elif .type == "lost" then [3, "Medium"]
  elif $status[0] == 2 then [2, "Low"]
  else [1, "Informational"] end;

# [direction_id, direction]
def direction:
  if .type == "accept" or .role == "server" then [1, "Inbound"]
  elif .type == "connect" or .type == "peer" or .role == "client" then [2, "Outbound"]
  else [0, "Unknown"] end;

# The client is the source. Who that is of an older connection is not known: then this host is. What has one end only
# (a listener, a bind) has a destination.
def ends:
  direction as $direction
  | ({name: .host, ip: (.laddr // .req_addr), port: (.lport // .req_port)}
     | if .port == 0 then .port = null else . end | some) as $local
  | ({ip: .raddr, port: .rport} | some) as $remote
  | if $remote == {} then {dst_endpoint: $local}
    elif $direction[0] == 1 then {src_endpoint: $remote, dst_endpoint: $local,
                                  traffic: {bytes_in: .tx_bytes, bytes_out: .rx_bytes}}
    else {src_endpoint: $local, dst_endpoint: $remote, traffic: {bytes_in: .rx_bytes, bytes_out: .tx_bytes}} end
  | if .traffic.bytes_in == null then del(.traffic) else .traffic.bytes = .traffic.bytes_in + .traffic.bytes_out end;

def connection:
  if .proto == null then null else
    direction as $direction
    | {direction_id: $direction[0], direction: $direction[1], uid: (.boot + "." + .sock),
       protocol_name: (if .proto == "mptcp" then "tcp" else .proto end), protocol_num: (if .proto == "udp" then 17 else 6 end),
       protocol_ver_id: (if .family == "ipv6" and .mapped == null then 6 else 4 end)}
  end;

def user($uid; $name): if ($uid | id) == null then null else {uid: ($uid | id), name: $name} | some end;

def actor($p):
  if .proc == null then null else
    .boot as $boot
    | {process: ({
        pid: .pid, uid: ($boot + "." + .proc), name: .comm, tid: .tid, created_time: ($p.started | ms),
        cmd_line: (if $p.args == null then null else $p.args | join(" ") end),
        file: (if ($p.exe // "") == "" then null else {path: $p.exe, name: ($p.exe | split("/")[-1]), type_id: 1} end),
        user: user(.uid; $p.user),
        container: (if .container == null then null else {uid: .container} end),
        namespace_pid: (.nspid // $p.nspid),
        parent_process: ($p.parents[0] | if . == null then null else {pid, uid: ($boot + "." + .proc), name: .comm} end)} | some)}
  end;

def device($start):
  {type_id: 0, type: "Unknown", name: .host, uid: $start.machine_id,
   hostname: (.host | if test("^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$") then . else null end),
   os: ({name: "Linux", type: "Linux", type_id: 200, build: $start.kernel} | some)} | some;

def product($start): {name: "socklife", vendor_name: "socklife", version: $start.version} | some;

# What has no attribute of OCSF, in socklife's own words.
def rest:
  del(.v, .seq, .ts, .host, .type, .proto, .family, .laddr, .lport, .raddr, .rport, .tx_bytes, .rx_bytes, .pid, .proc, .comm, .tid,
      .uid, .container, .error, .severity, .message, .advice, .finding, .holders, .evidence, .version, .kernel, .machine_id);

foreach inputs as $r ({};
  remember($r);
  .process as $p
  | .start as $start
  | $r
  | activity as $activity
  | if $activity == null then empty else
      status($activity) as $status
      | severity($status) as $severity
      | class_names["\($activity[0])"] as $class
      | actor($p) as $actor
      | (if .sock == null then {} else ends end) as $ends
      | {activity_id: $activity[1], activity_name: $activity[2],
         class_uid: $activity[0], class_name: $class[0],
         category_uid: ($activity[0] / 1000 | floor), category_name: $class[1],
         type_uid: ($activity[0] * 100 + $activity[1]), type_name: ($class[0] + ": " + $activity[2]),
         severity_id: $severity[0], severity: $severity[1], status_id: $status[0], status: $status[1],
         status_code: .error, status_detail: .reason,
         time: (.ts | ms), timezone_offset: 0,
         message: (.message // (if .type == "lost" then "\(.count) lost: \(.reason)" else null end)),
         metadata: {version: "1.3.0", product: product($start), uid: (.boot + "." + (.seq | tostring)), sequence: .seq,
                    log_name: "socklife", original_time: .ts,
                    profiles: (if $actor.process.container == null then ["host"] else ["host", "container"] end)},
         device: device($start), actor: $actor, unmapped: rest}
      + (if $activity[0] == 4001 then
           $ends
           + {connection_info: connection,
              start_time: (if .type == "close" then .created // .established else null end | ms), end_time: (.ended | ms),
              duration: ((.duration_us // .latency_us) | if . == null then null else . / 1000 | floor end)}
         elif $activity[0] == 2004 then
           {finding_info: {title: .finding, uid: (.host + "." + .key + "." + .first), desc: .message, types: [.finding],
                           first_seen_time: (.first | ms), last_seen_time: (.last | ms),
                           analytic: ({name: .finding, uid: .finding, type_id: 1, type: "Rule"})},
            start_time: (.first | ms), end_time: (.last | ms), count: .evidence.count,
            remediation: (if (.advice // "") == "" then null else {desc: .advice} end),
            evidences: [{actor: $actor, connection_info: connection, src_endpoint: $ends.src_endpoint,
                         dst_endpoint: $ends.dst_endpoint, data: {evidence, holders}} | some]}
         else
           {app: product($start), start_time: (.from | ms), end_time: (.to | ms), count: .count}
         end)
      | some
    end)
