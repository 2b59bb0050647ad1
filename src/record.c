/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - the words of the output: names of record types, reasons, roles and losses, the same in
 * JSON, in text and on the command line.
 */
#include <stddef.h>
#include "record.h"

const char *const record_names[RECORD_TYPES] = {
	[RECORD_START] = "start",   [RECORD_PROCESS] = "process", [RECORD_SNAPSHOT] = "snapshot",
	[RECORD_BIND] = "bind",     [RECORD_LISTEN] = "listen",   [RECORD_CONNECT] = "connect",
	[RECORD_ACCEPT] = "accept", [RECORD_PEER] = "peer",       [RECORD_STATE] = "state",
	[RECORD_CLOSE] = "close",   [RECORD_FINDING] = "finding", [RECORD_LOST] = "lost",
	[RECORD_CLOCK] = "clock",   [RECORD_SEGMENT] = "segment", [RECORD_STOP] = "stop",
};

const char *const reason_names[REASONS] = {
	[REASON_UNKNOWN] = "unknown",
	[REASON_LOCAL_CLOSE] = "local-close",
	[REASON_REMOTE_CLOSE] = "remote-close",
	[REASON_LOCAL_RESET] = "local-reset",
	[REASON_REMOTE_RESET] = "remote-reset",
	[REASON_TIMEOUT] = "timeout",
	[REASON_REFUSED] = "refused",
	[REASON_UNREACHABLE] = "unreachable",
	[REASON_ABANDONED] = "abandoned",
	[REASON_ABORTED] = "aborted",
	[REASON_BIND_FAILED] = "bind-failed",
	[REASON_LISTEN_FAILED] = "listen-failed",
	[REASON_CONNECT_FAILED] = "connect-failed",
	[REASON_UNUSED] = "unused",
	[REASON_CLOSED] = "closed",
};

const char *const role_names[ROLES] = {
	[ROLE_IDLE] = "idle",         [ROLE_CLIENT] = "client",     [ROLE_SERVER] = "server",
	[ROLE_LISTENER] = "listener", [ROLE_DATAGRAM] = "datagram",
};

const char *const lost_names[LOST_REASONS] = {
	[LOST_RING] = "ring",   [LOST_FACTS] = "facts",   [LOST_SCRATCH] = "calls",
	[LOST_PEERS] = "peers", [LOST_TREE] = "tree",     [LOST_MISSED] = "missed",
	[LOST_TABLE] = "table", [LOST_RECORD] = "record", [LOST_QUEUE] = "queue",
	[LOST_DISK] = "disk",   [LOST_CRASH] = "crash",   [LOST_RETENTION] = "retention",
};

const char *const severity_names[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_ERROR] = "error",
};

const char *const finding_status_names[] = {
	[FINDING_OPEN] = "open",
	[FINDING_UPDATE] = "update",
	[FINDING_CLOSED] = "closed",
};
