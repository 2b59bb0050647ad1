/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * option_rows.c - the table of options, a row each, and what each does with its value; option_rows_log.c
 * has those of the audit log. A new option is a row here; options.c reads command lines with it and prints its help.
 */
#include <errno.h>
#include <string.h>
#include "command.h"
#include "options.h"
#include "parse.h"
#include "record.h"

#define TABLE_SIZE_MAX   (1u << 26)
#define RING_SIZE_MIN    (4u << 10)
#define RING_SIZE_MAX    (1u << 30)
#define INTERVAL_MIN_NS  100000000ull
#define INTERVAL_MAX_NS  (3600 * 1000000000ull)
#define PID_MAX          (1u << 22) /* PID_MAX_LIMIT */
#define CONTAINER_ID_MIN 12
#define CONTAINER_ID_MAX 64

static void *field_of(struct options *o, const struct option_row *row)
{
	return (char *)o + row->field;
}

int option__set_flag(struct options *o, const struct option_row *row, const char *value)
{
	(void)value;
	*(bool *)field_of(o, row) = true;
	return 0;
}

static int set_verbose(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	o->verbose++;
	return 0;
}

static int ask_help(struct options *o, const struct option_row *row, const char *value)
{
	(void)o;
	(void)row;
	(void)value;
	return OPTION_HELP;
}

static int ask_version(struct options *o, const struct option_row *row, const char *value)
{
	(void)o;
	(void)row;
	(void)value;
	return OPTION_VERSION;
}

int option__set_string(struct options *o, const struct option_row *row, const char *value)
{
	if (!*value)
		return -EINVAL;
	*(const char **)field_of(o, row) = value;
	return 0;
}

int option__set_duration(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t ns;

	if (parse__duration(value, &ns) || !ns)
		return -EINVAL;
	*(uint64_t *)field_of(o, row) = ns;
	return 0;
}

static int set_interval(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t ns;

	(void)row;
	if (parse__duration(value, &ns) || ns < INTERVAL_MIN_NS || ns > INTERVAL_MAX_NS)
		return -EINVAL;
	o->interval_ns = ns;
	return 0;
}

static int set_count(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	return parse__unsigned(value, 1, UINT64_MAX, &o->count);
}

static int set_table_size(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t n;

	(void)row;
	if (parse__unsigned(value, 1, TABLE_SIZE_MAX, &n))
		return -EINVAL;
	o->table_size = n;
	return 0;
}

static int set_ring_size(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t n;

	(void)row;
	if (parse__size(value, &n) || n < RING_SIZE_MIN || n > RING_SIZE_MAX || n & (n - 1))
		return -EINVAL;
	o->ring_size = n;
	return 0;
}

static int set_user(struct options *o, const struct option_row *row, const char *value)
{
	uint32_t uid;

	(void)row;
	if ((*value >= '0' && *value <= '9') || parse__uid(value, &uid))
		return -EINVAL;
	o->user = value;
	return 0;
}

static int add_number(uint32_t *set, size_t *n, uint32_t value)
{
	for (size_t i = 0; i < *n; i++)
		if (set[i] == value)
			return 0;
	if (*n == FILTER_SET_MAX)
		return -E2BIG;
	set[(*n)++] = value;
	return 0;
}

static int add_string(const char **set, size_t *n, const char *value)
{
	if (*n == OPTION_SET_MAX)
		return -E2BIG;
	set[(*n)++] = value;
	return 0;
}

static int add_pid(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t pid;

	(void)row;
	if (parse__unsigned(value, 1, PID_MAX, &pid))
		return -EINVAL;
	return add_number(o->sockets.pids, &o->sockets.n_pids, (uint32_t)pid);
}

static int add_uid(struct options *o, const struct option_row *row, const char *value)
{
	uint32_t uid;

	(void)row;
	if (parse__uid(value, &uid))
		return -EINVAL;
	return add_number(o->sockets.uids, &o->sockets.n_uids, uid);
}

/* The kernel keeps COMM_LEN - 1 bytes of a name: a longer one is cut as the kernel did. */
static int add_comm(struct options *o, const struct option_row *row, const char *value)
{
	struct socket_filter *f = &o->sockets;

	(void)row;
	if (!*value)
		return -EINVAL;
	if (f->n_comms == FILTER_COMMS)
		return -E2BIG;
	memcpy(f->comms[f->n_comms++], value, strnlen(value, COMM_LEN - 1));
	return 0;
}

static int add_ports(struct options *o, const struct option_row *row, const char *value)
{
	return parse__ports(value, o->sockets.ports[row->side]);
}

static int add_cidr(struct options *o, const struct option_row *row, const char *value)
{
	struct socket_filter *f = &o->sockets;
	struct filter_cidr cidr;

	if (parse__cidr(value, &cidr))
		return -EINVAL;
	if (f->n_cidrs[row->side] == FILTER_CIDRS)
		return -E2BIG;
	f->cidrs[row->side][f->n_cidrs[row->side]++] = cidr;
	return 0;
}

static int add_proto(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (!strcmp(value, "tcp"))
		o->sockets.tcp = true;
	else if (!strcmp(value, "udp"))
		o->sockets.udp = true;
	else
		return -EINVAL;
	return 0;
}

static int add_netns(struct options *o, const struct option_row *row, const char *value)
{
	uint32_t inode;

	(void)row;
	if (parse__netns(value, &inode))
		return -EINVAL;
	return add_number(o->sockets.netns, &o->sockets.n_netns, inode);
}

static int add_cgroup(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (!*value)
		return -EINVAL;
	return add_string(o->sockets.cgroups, &o->sockets.n_cgroups, value);
}

static int add_container(struct options *o, const struct option_row *row, const char *value)
{
	size_t len = strspn(value, "0123456789abcdef");

	(void)row;
	if (value[len] || len < CONTAINER_ID_MIN || len > CONTAINER_ID_MAX)
		return -EINVAL;
	return add_string(o->sockets.containers, &o->sockets.n_containers, value);
}

static int add_unit(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (!*value || strchr(value, '/'))
		return -EINVAL;
	return add_string(o->sockets.units, &o->sockets.n_units, value);
}

/* Those that tell of a socket, and findings; start, lost and stop are not chosen, they are told. */
static int add_event(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	for (unsigned int type = RECORD_PROCESS; type <= RECORD_FINDING; type++) {
		if (strcmp(value, record_names[type]))
			continue;
		o->records.events |= 1u << type;
		if (type == RECORD_STATE)
			o->states = true;
		return 0;
	}
	return -EINVAL;
}

static int add_errno(struct options *o, const struct option_row *row, const char *value)
{
	struct record_filter *f = &o->records;
	int error;

	(void)row;
	if (parse__errno(value, &error))
		return -EINVAL;
	if (f->n_errnos == OPTION_SET_MAX)
		return -E2BIG;
	f->errnos[f->n_errnos++] = error;
	return 0;
}

#define WRONG_PORT "is not a port: give N or N-M with 1 to 65535, separated by commas"
#define WRONG_CIDR                                                                                 \
	"is not an address: give an IPv4 or IPv6 address, or ADDRESS/LENGTH, separated by commas"

const struct option_row option_rows[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .list = true,
	  .arg = "N[,N]",
	  .fallback = "any",
	  .help = "processes that hold the socket or act on it",
	  .wrong = "is not a process id: give numbers from 1 to 4194304, separated by commas",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_PID,
	  .parse = add_pid },
	{ .name = "follow",
	  .letter = 'f',
	  .help = "and all descendants of --pid",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .field = offsetof(struct options, sockets.follow),
	  .parse = option__set_flag },
	{ .name = "comm",
	  .list = true,
	  .arg = "NAME[,NAME]",
	  .fallback = "any",
	  .help = "processes of this name; its first 15 bytes count",
	  .wrong = "is not a process name: give names of 1 byte or more, separated by commas",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_COMM,
	  .parse = add_comm },
	{ .name = "uid",
	  .letter = 'u',
	  .list = true,
	  .arg = "UID|NAME",
	  .fallback = "any",
	  .help = "processes of this user",
	  .wrong = "is not a user: give user ids or names of users, separated by commas",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_UID,
	  .parse = add_uid },
	{ .name = "port",
	  .letter = 'P',
	  .list = true,
	  .arg = "N[-M][,...]",
	  .fallback = "any",
	  .help = "port of either end",
	  .wrong = WRONG_PORT,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_PORT,
	  .side = SIDE_EITHER,
	  .parse = add_ports },
	{ .name = "lport",
	  .list = true,
	  .arg = "N[-M][,...]",
	  .fallback = "any",
	  .help = "local port",
	  .wrong = WRONG_PORT,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_LPORT,
	  .side = SIDE_LOCAL,
	  .parse = add_ports },
	{ .name = "rport",
	  .list = true,
	  .arg = "N[-M][,...]",
	  .fallback = "any",
	  .help = "remote port",
	  .wrong = WRONG_PORT,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_RPORT,
	  .side = SIDE_REMOTE,
	  .parse = add_ports },
	{ .name = "addr",
	  .list = true,
	  .arg = "CIDR",
	  .fallback = "any",
	  .help = "address of either end; IPv4 also matches v4-mapped IPv6",
	  .wrong = WRONG_CIDR,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_ADDR,
	  .side = SIDE_EITHER,
	  .parse = add_cidr },
	{ .name = "laddr",
	  .list = true,
	  .arg = "CIDR",
	  .fallback = "any",
	  .help = "local address",
	  .wrong = WRONG_CIDR,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_LADDR,
	  .side = SIDE_LOCAL,
	  .parse = add_cidr },
	{ .name = "raddr",
	  .list = true,
	  .arg = "CIDR",
	  .fallback = "any",
	  .help = "remote address",
	  .wrong = WRONG_CIDR,
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_RADDR,
	  .side = SIDE_REMOTE,
	  .parse = add_cidr },
	{ .name = "proto",
	  .list = true,
	  .arg = "tcp,udp",
	  .fallback = "tcp,udp",
	  .help = "protocols; tcp takes MPTCP too",
	  .wrong = "is not a protocol that can be followed: give tcp, udp or tcp,udp (tcp takes "
		   "MPTCP too)",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .parse = add_proto },
	{ .name = "ipv4",
	  .letter = '4',
	  .help = "IPv4 sockets; with neither -4 nor -6, both",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .field = offsetof(struct options, sockets.ipv4),
	  .parse = option__set_flag },
	{ .name = "ipv6",
	  .letter = '6',
	  .help = "IPv6 sockets",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .field = offsetof(struct options, sockets.ipv6),
	  .parse = option__set_flag },
	{ .name = "netns",
	  .arg = "ID|PATH",
	  .fallback = "any",
	  .help = "network namespace: its inode number, a path to it, or its name in /run/netns",
	  .wrong = "is not a network namespace: give its inode number, a path such as "
		   "/proc/PID/ns/net, or a name in /run/netns",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_NETNS,
	  .parse = add_netns },
	{ .name = "cgroup",
	  .arg = "PATH",
	  .fallback = "any",
	  .help = "processes in this cgroup or below it",
	  .wrong = "is not a cgroup: give its path, with or without the mount point",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_CGROUP,
	  .parse = add_cgroup },
	{ .name = "container",
	  .arg = "ID",
	  .fallback = "any",
	  .help = "processes of this container",
	  .wrong = "is not a container id: give 12 to 64 hexadecimal digits, lower case",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_CGROUP,
	  .parse = add_container },
	{ .name = "unit",
	  .arg = "NAME",
	  .fallback = "any",
	  .help = "processes of this systemd unit",
	  .wrong = "is not a unit: give the name of a systemd unit, such as nginx.service",
	  .section = SECTION_SOCKETS,
	  .groups = OPTS_FILTERS,
	  .filter = FILTER_CGROUP,
	  .parse = add_unit },
	{ .name = "event",
	  .list = true,
	  .arg = "NAME[,NAME]",
	  .fallback = "all but state",
	  .help = "of process snapshot bind listen connect accept peer state close finding; state turns "
		  "on --states",
	  .wrong =
		  "is not an event: give process, snapshot, bind, listen, connect, accept, peer, state, "
		  "close or finding, separated by commas",
	  .section = SECTION_RECORDS,
	  .groups = OPTS_RECORDS,
	  .parse = add_event },
	{ .name = "failed",
	  .help = "only what failed",
	  .section = SECTION_RECORDS,
	  .groups = OPTS_RECORDS,
	  .field = offsetof(struct options, records.failed),
	  .parse = option__set_flag },
	{ .name = "errno",
	  .list = true,
	  .arg = "NAME[,NAME]",
	  .fallback = "any",
	  .help = "only what failed with one of these errors",
	  .wrong = "is not an error: give names such as EADDRINUSE, separated by commas",
	  .section = SECTION_RECORDS,
	  .groups = OPTS_RECORDS,
	  .parse = add_errno },
	{ .name = "slower",
	  .arg = "T",
	  .fallback = "off",
	  .help = "only a connect or accept that waited at least T",
	  .wrong = WRONG_TIME,
	  .section = SECTION_RECORDS,
	  .groups = OPTS_RECORDS,
	  .field = offsetof(struct options, records.slower_ns),
	  .parse = option__set_duration },
	{ .name = "json",
	  .help = "JSON, one object a line, instead of text",
	  .section = SECTION_OUTPUT,
	  .groups = OPTS_OUTPUT | OPTS_CHECK | OPTS_VERIFY | OPTS_REPORT,
	  .field = offsetof(struct options, json),
	  .parse = option__set_flag },
	{ .name = "output",
	  .letter = 'o',
	  .arg = "FILE",
	  .fallback = "-, stdout",
	  .help = "write to FILE",
	  .wrong = WRONG_FILE,
	  .section = SECTION_OUTPUT,
	  .groups = OPTS_OUTPUT,
	  .field = offsetof(struct options, output),
	  .parse = option__set_string },
	{ .name = "utc",
	  .help = "times in UTC, not in local time",
	  .section = SECTION_OUTPUT,
	  .groups = OPTS_UTC | OPTS_REPORT,
	  .field = offsetof(struct options, utc),
	  .parse = option__set_flag },
	{ .name = "states",
	  .help = "also every change of a TCP state",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .field = offsetof(struct options, states),
	  .parse = option__set_flag },
	{ .name = "timeout",
	  .arg = "T",
	  .fallback = "none",
	  .help = "stop after T",
	  .wrong = WRONG_TIME,
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .field = offsetof(struct options, timeout_ns),
	  .parse = option__set_duration },
	{ .name = "count",
	  .arg = "N",
	  .fallback = "no limit",
	  .help = "stop after N events",
	  .wrong = "is not a count: give a number of events, 1 or more",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .parse = set_count },
	{ .name = "no-snapshot",
	  .help = "do not tell of the sockets that exist already",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .field = offsetof(struct options, no_snapshot),
	  .parse = option__set_flag },
	{ .name = "capture",
	  .arg = "FILE",
	  .fallback = "none",
	  .help = "keep what the kernel said in FILE, for socklife replay",
	  .wrong = WRONG_FILE,
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .field = offsetof(struct options, capture),
	  .parse = option__set_string },
	{ .name = "user",
	  .arg = "NAME",
	  .fallback = "who runs socklife",
	  .help = "run CMD as this user",
	  .wrong = "is not a user: give the name of a user of this system",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE,
	  .parse = set_user },
	{ .name = "interval",
	  .arg = "T",
	  .fallback = "1s",
	  .help = "how often the screen is refreshed, 100ms at least",
	  .wrong = "is not an interval: give 100ms to 1h, such as 500ms or 2s",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TOP,
	  .parse = set_interval },
	{ .name = "close-wait",
	  .arg = "T",
	  .fallback = "60s",
	  .help = "how long a socket may stay in CLOSE_WAIT before it counts as a leak",
	  .wrong = WRONG_TIME,
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE | OPTS_LOG | OPTS_TOP,
	  .field = offsetof(struct options, close_wait_ns),
	  .parse = option__set_duration },
	{ .name = "ring-size",
	  .arg = "SIZE",
	  .fallback = "16M",
	  .help = "bytes of the ring buffer between kernel and socklife",
	  .wrong = "is not a ring buffer's size: give a power of two from 4K to 1G",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE | OPTS_LOG | OPTS_TOP,
	  .parse = set_ring_size },
	{ .name = "table-size",
	  .arg = "N",
	  .fallback = "1000000",
	  .help = "sockets kept in memory at most; beyond, the oldest are forgotten",
	  .wrong = "is not a number of sockets: give 1 to 67108864",
	  .section = SECTION_TRACE,
	  .groups = OPTS_TRACE | OPTS_LOG | OPTS_TOP,
	  .parse = set_table_size },
	{ .name = "verbose",
	  .letter = 'v',
	  .help = "say more on stderr; in text, a column with the socket's id",
	  .section = SECTION_GENERAL,
	  .parse = set_verbose },
	{ .name = "help",
	  .letter = 'h',
	  .help = "print this page",
	  .section = SECTION_GENERAL,
	  .parse = ask_help },
	{ .name = "version",
	  .letter = 'V',
	  .help = "print the version",
	  .section = SECTION_GENERAL,
	  .parse = ask_version },
	{ .name = NULL },
};
