/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_record.c - a table of the fields that are looked at, with the type that each must have. A line is
 * parsed once and its members are walked once: each finds its row by a hash of its name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit_line.h"
#include "json.h"
#include "report_record.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SLOTS         256 /* a power of two, well above the number of rows */
#define DEPTH_MAX     16

const char *const log_type_names[LOG_TYPES] = {
	[LOG_START] = "start",       [LOG_SEGMENT] = "segment", [LOG_PROCESS] = "process",
	[LOG_SNAPSHOT] = "snapshot", [LOG_BIND] = "bind",       [LOG_LISTEN] = "listen",
	[LOG_CONNECT] = "connect",   [LOG_ACCEPT] = "accept",   [LOG_PEER] = "peer",
	[LOG_STATE] = "state",       [LOG_CLOSE] = "close",     [LOG_FINDING] = "finding",
	[LOG_LOST] = "lost",         [LOG_CLOCK] = "clock",     [LOG_SEAL] = "seal",
	[LOG_STOP] = "stop",
};

int log_type__find(const char *name, size_t len)
{
	for (int i = 0; i < LOG_TYPES; i++)
		if (strlen(log_type_names[i]) == len && !memcmp(log_type_names[i], name, len))
			return i;
	return -1;
}

enum kind { STRING, NUMBER, SIGNED, DECIMAL, PORT, BOOL, SECONDS, OBJECT, ARRAY };
static const char *const kind_names[] = {
	[STRING] = "a string",       [NUMBER] = "a number of 0 or more",
	[SIGNED] = "a whole number", [DECIMAL] = "a string of digits",
	[PORT] = "a port",           [BOOL] = "true or false",
	[SECONDS] = "a number",      [OBJECT] = "an object",
	[ARRAY] = "an array",
};

/* Types that must have a field. */
#define ON(type)   (1u << (type))
#define ALL        (ON(LOG_TYPES) - 1)
#define OF_SOCKETS (ON(LOG_CLOSE + 1) - ON(LOG_SNAPSHOT))

struct field {
	const char *name;
	uint16_t offset;
	uint16_t has; /* offset of a bool that says that it was there, 0: none */
	enum kind kind;
	uint32_t must;
};

#define FIELD(f) offsetof(struct report_record, f)
static const struct field fields[] = {
	{ "v", FIELD(v), 0, NUMBER, ALL },
	{ "seq", FIELD(seq), 0, NUMBER, ALL },
	{ "ts", FIELD(ts), 0, STRING, ALL },
	{ "boot_ns", FIELD(boot_ns), 0, NUMBER, ALL },
	{ "boot", FIELD(boot), 0, STRING, ALL },
	{ "host", FIELD(host), 0, STRING, ALL },
	{ "sock", FIELD(sock), 0, DECIMAL, OF_SOCKETS },
	{ "proto", FIELD(proto), 0, STRING, OF_SOCKETS },
	{ "family", FIELD(family), 0, STRING, OF_SOCKETS },
	{ "laddr", FIELD(laddr), 0, STRING, 0 },
	{ "raddr", FIELD(raddr), 0, STRING, ON(LOG_PEER) },
	{ "lport", FIELD(lport), 0, PORT, 0 },
	{ "rport", FIELD(rport), 0, PORT, ON(LOG_PEER) },
	{ "state", FIELD(state), 0, STRING, 0 },
	{ "netns", FIELD(netns), 0, NUMBER, 0 },
	{ "netns_cookie", FIELD(netns_cookie), 0, DECIMAL, 0 },
	{ "inode", FIELD(inode), 0, NUMBER, 0 },
	{ "ifindex", FIELD(ifindex), 0, NUMBER, 0 },
	{ "fd", FIELD(fd), FIELD(has_fd), NUMBER, 0 },
	{ "proc", FIELD(proc), 0, STRING, ON(LOG_PROCESS) },
	{ "pid", FIELD(pid), 0, NUMBER, ON(LOG_PROCESS) },
	{ "comm", FIELD(comm), 0, STRING, ON(LOG_PROCESS) },
	{ "uid", FIELD(uid), FIELD(has_uid), NUMBER, 0 },
	{ "user", FIELD(user), 0, STRING, 0 },
	{ "nspid", FIELD(nspid), 0, NUMBER, 0 },
	{ "cgroup", FIELD(cgroup), 0, STRING, 0 },
	{ "container", FIELD(container), 0, STRING, 0 },
	{ "owner", FIELD(owner), 0, OBJECT, 0 },
	{ "options", FIELD(options), 0, ARRAY, 0 },
	{ "error", FIELD(error), 0, STRING, 0 },
	{ "latency_us", FIELD(latency_us), FIELD(has_latency), NUMBER, 0 },
	{ "queue_us", FIELD(queue_us), FIELD(has_queue), NUMBER, 0 },
	{ "abandoned", FIELD(abandoned), 0, BOOL, 0 },
	{ "auto", FIELD(automatic), 0, BOOL, 0 },
	{ "syn_sent", FIELD(syn_sent), 0, BOOL, 0 },
	{ "backlog", FIELD(backlog), 0, NUMBER, ON(LOG_LISTEN) },
	{ "listener", FIELD(listener), 0, STRING, 0 },
	{ "req_addr", FIELD(req_addr), 0, STRING, 0 },
	{ "req_port", FIELD(req_port), 0, PORT, 0 },
	{ "old", FIELD(old_state), 0, STRING, ON(LOG_STATE) },
	{ "new", FIELD(new_state), 0, STRING, ON(LOG_STATE) },
	{ "role", FIELD(role), 0, STRING, ON(LOG_CLOSE) },
	{ "reason", FIELD(reason), 0, STRING, ON(LOG_CLOSE) | ON(LOG_LOST) },
	{ "created", FIELD(created), 0, STRING, 0 },
	{ "bound", FIELD(bound), 0, STRING, 0 },
	{ "listening", FIELD(listening), 0, STRING, 0 },
	{ "established", FIELD(established), 0, STRING, 0 },
	{ "released", FIELD(released), 0, STRING, 0 },
	{ "ended", FIELD(ended), 0, STRING, ON(LOG_CLOSE) },
	{ "duration_us", FIELD(duration_us), FIELD(has_duration), NUMBER, 0 },
	{ "tx_bytes", FIELD(tx_bytes), FIELD(has_bytes), NUMBER, 0 },
	{ "rx_bytes", FIELD(rx_bytes), FIELD(has_bytes), NUMBER, 0 },
	{ "unacked_bytes", FIELD(unacked_bytes), 0, NUMBER, 0 },
	{ "unread_bytes", FIELD(unread_bytes), 0, NUMBER, 0 },
	{ "retrans", FIELD(retrans), 0, NUMBER, 0 },
	{ "srtt_us", FIELD(srtt_us), 0, NUMBER, 0 },
	{ "accepted", FIELD(accepted), 0, NUMBER, 0 },
	{ "time_wait", FIELD(time_wait), 0, BOOL, 0 },
	{ "closed_by", FIELD(closed_by), 0, OBJECT, 0 },
	{ "finding", FIELD(finding), 0, STRING, ON(LOG_FINDING) },
	{ "key", FIELD(key), 0, STRING, ON(LOG_FINDING) },
	{ "status", FIELD(status), 0, STRING, ON(LOG_FINDING) },
	{ "severity", FIELD(severity), 0, STRING, ON(LOG_FINDING) },
	{ "message", FIELD(message), 0, STRING, ON(LOG_FINDING) },
	{ "advice", FIELD(advice), 0, STRING, 0 },
	{ "rule", FIELD(rule), 0, STRING, 0 },
	{ "first", FIELD(first), 0, STRING, ON(LOG_FINDING) },
	{ "last", FIELD(last), 0, STRING, ON(LOG_FINDING) },
	{ "evidence", FIELD(evidence), 0, OBJECT, ON(LOG_FINDING) },
	{ "holders", FIELD(holders), 0, ARRAY, 0 },
	{ "count", FIELD(count), 0, NUMBER, ON(LOG_LOST) },
	{ "from", FIELD(from), 0, STRING, 0 },
	{ "to", FIELD(to), 0, STRING, 0 },
	{ "step_us", FIELD(step_us), 0, SIGNED, ON(LOG_CLOCK) },
	{ "gap_s", FIELD(gap_s), FIELD(has_gap), SECONDS, 0 },
	{ "version", FIELD(version), 0, STRING, ON(LOG_START) | ON(LOG_SEGMENT) },
	{ "kernel", FIELD(kernel), 0, STRING, ON(LOG_START) | ON(LOG_SEGMENT) },
	{ "exe", FIELD(exe), 0, STRING, 0 },
	{ "ppid", FIELD(ppid), 0, NUMBER, 0 },
	{ "segment", FIELD(segment), 0, NUMBER, ON(LOG_SEGMENT) },
	{ "args", FIELD(args), 0, ARRAY, 0 },
	{ "parents", FIELD(parents), 0, ARRAY, 0 },
	{ "settings", FIELD(settings), 0, OBJECT, 0 },
};
_Static_assert(ARRAY_SIZE(fields) <= 96, "the bits of `seen`");

struct report_reader {
	struct json_tokener *tokener;
	struct json_object *line;
	int8_t slots[SLOTS]; /* row + 1 by the hash of its name, 0: free; the next slots where taken */
};

static unsigned int hash_name(const char *s)
{
	unsigned int h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ (h >> 15);
}

static const struct field *find_field(const struct report_reader *p, const char *name)
{
	for (unsigned int i = hash_name(name) % SLOTS; p->slots[i]; i = (i + 1) % SLOTS)
		if (!strcmp(fields[p->slots[i] - 1].name, name))
			return &fields[p->slots[i] - 1];
	return NULL;
}

struct report_reader *report_reader__new(void)
{
	struct report_reader *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!p->tokener) {
		free(p);
		errno = ENOMEM;
		return NULL;
	}
	json_tokener_set_flags(p->tokener, JSON_TOKENER_STRICT);
	for (size_t row = 0; row < ARRAY_SIZE(fields); row++) {
		unsigned int i = hash_name(fields[row].name) % SLOTS;

		while (p->slots[i])
			i = (i + 1) % SLOTS;
		p->slots[i] = (int8_t)(row + 1);
	}
	return p;
}

void report_reader__free(struct report_reader *p)
{
	if (!p)
		return;
	json_object_put(p->line);
	json_tokener_free(p->tokener);
	free(p);
}

/* --- values --- */

static int two(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' ?
		       (s[0] - '0') * 10 + (s[1] - '0') :
		       -1;
}

/* Days since 1970 (the civil calendar in whole numbers: timegm() is slow for a value in every line). */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return 365 * y + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

uint64_t report__time_ns(const char *s, size_t len)
{
	int century, year, month, day, hour, minute, second;
	uint64_t fraction = 0, unit = 100000000;
	int64_t days;

	if (len < 20 || len > AUDIT_TS || s[4] != '-' || s[7] != '-' || s[10] != 'T' ||
	    s[13] != ':' || s[16] != ':' || s[len - 1] != 'Z')
		return 0;
	century = two(s);
	year = two(s + 2);
	month = two(s + 5);
	day = two(s + 8);
	hour = two(s + 11);
	minute = two(s + 14);
	second = two(s + 17);
	if (century < 19 || year < 0 || month < 1 || month > 12 || day < 1 || day > 31 ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return 0;
	if (len > 20 && (s[19] != '.' || len == 21))
		return 0;
	for (size_t i = 20; i + 1 < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		fraction += (uint64_t)(s[i] - '0') * unit;
	}
	days = days_of(century * 100 + year, month, day);
	/* after 2554 it does not fit into 64 bits */
	if (days < 0 || days >= 213503)
		return 0;
	return ((uint64_t)days * 86400 + (uint64_t)(hour * 3600 + minute * 60 + second)) *
		       1000000000ull +
	       fraction;
}

static bool take_decimal(const char *s, uint64_t *value)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++)
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	*value = v;
	return true;
}

static bool take_number(struct json_object *o, uint64_t *value)
{
	/* json_object_get_int64() of what does not fit is INT64_MAX, and errno says it. */
	if (!json_object_is_type(o, json_type_int))
		return false;
	if (json_object_get_int64(o) < 0)
		return false;
	*value = json_object_get_uint64(o);
	return true;
}

/* A NUL inside a string ends it: no name of ours has one. */
static bool take_string(struct json_object *o, const char **s)
{
	if (!json_object_is_type(o, json_type_string))
		return false;
	*s = json_object_get_string(o);
	return true;
}

static bool take_value(const struct field *f, struct json_object *o, struct report_record *r)
{
	void *to = (char *)r + f->offset;
	const char *s;

	switch (f->kind) {
	case STRING:
		return take_string(o, to);
	case NUMBER:
		return take_number(o, to);
	case SIGNED:
		*(int64_t *)to = json_object_get_int64(o);
		return json_object_is_type(o, json_type_int);
	case DECIMAL:
		return take_string(o, &s) && take_decimal(s, to);
	case PORT:
		return take_number(o, to) && *(uint64_t *)to <= 65535;
	case BOOL:
		*(bool *)to = json_object_get_boolean(o);
		return json_object_is_type(o, json_type_boolean);
	case SECONDS:
		*(double *)to = json_object_get_double(o);
		return json_object_is_type(o, json_type_double) ||
		       json_object_is_type(o, json_type_int);
	case OBJECT:
		*(struct json_object **)to = o;
		return json_object_is_type(o, json_type_object);
	case ARRAY:
		*(struct json_object **)to = o;
		return json_object_is_type(o, json_type_array);
	}
	return false;
}

/* --- a line --- */

/*
 * json-c takes both inside a string: invalid UTF-8, and control characters as they are. No line of ours has
 * them, and report --socket gives lines on as they stand.
 */
static bool is_clean(const char *line, size_t len)
{
	size_t n;

	for (; len; line += n, len -= n) {
		unsigned char c = (unsigned char)*line;

		n = c < 0x80 ? c >= 0x20 : utf8__len(line, len);
		if (!n)
			return false;
	}
	return true;
}

static int parse_json(struct report_reader *p, const char *line, size_t len)
{
	enum json_tokener_error error;

	json_object_put(p->line);
	p->line = NULL;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (!is_clean(line, len))
		return -EBADMSG;
	json_tokener_reset(p->tokener);
	p->line = json_tokener_parse_ex(p->tokener, line, (int)len);
	error = json_tokener_get_error(p->tokener);
	if (!p->line || error != json_tokener_success ||
	    !json_object_is_type(p->line, json_type_object))
		return -EBADMSG;
	return json_tokener_get_parse_end(p->tokener) == len ? 0 : -EBADMSG;
}

/* Version and type: what says how to read the rest. */
static int look_at_type(struct report_reader *p, struct report_record *r, char *why, size_t size)
{
	struct json_object *v, *type;
	int found;

	if (!json_object_object_get_ex(p->line, "v", &v) || !take_number(v, &r->v) ||
	    !json_object_object_get_ex(p->line, "type", &type) ||
	    !json_object_is_type(type, json_type_string)) {
		snprintf(why, size, "is not a record of socklife");
		return -EBADMSG;
	}
	if (r->v != 1) {
		snprintf(why, size,
			 "is of version %llu of the format, this socklife reads version 1",
			 (unsigned long long)r->v);
		return -EPROTO;
	}
	found = log_type__find(json_object_get_string(type),
			       (size_t)json_object_get_string_len(type));
	if (found < 0) {
		snprintf(why, size, "has type '%.40s', which this socklife does not know",
			 json_object_get_string(type));
		return -ENOMSG;
	}
	r->type = (enum log_type)found;
	return 0;
}

static int wrong(char *why, size_t size, const struct report_record *r, const struct field *f,
		 const char *what)
{
	snprintf(why, size, "%s record: %s %s%s", log_type_names[r->type], f->name, what,
		 strcmp(what, "is missing") != 0 ? kind_names[f->kind] : "");
	return -EINVAL;
}

static int take_fields(struct report_reader *p, struct report_record *r, char *why, size_t size)
{
	bool seen[ARRAY_SIZE(fields)] = { false };

	json_object_object_foreach(p->line, name, value)
	{
		const struct field *f = find_field(p, name);

		if (!f)
			continue;
		/* other types give other meanings to these names: `stop` has counts of findings in one */
		if (!take_value(f, value, r)) {
			memset((char *)r + f->offset, 0, f->kind == BOOL ? sizeof(bool) : 8);
			if (!(f->must & ON(r->type)) &&
			    !(ON(r->type) & (OF_SOCKETS | ON(LOG_FINDING))))
				continue;
			return wrong(why, size, r, f, "is not ");
		}
		if (f->has)
			*((bool *)((char *)r + f->has)) = true;
		seen[f - fields] = true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].must & ON(r->type) && !seen[i])
			return wrong(why, size, r, &fields[i], "is missing");
	return 0;
}

int report_reader__parse(struct report_reader *p, const char *line, size_t len,
			 struct report_record *r, char *why, size_t why_size)
{
	int err = parse_json(p, line, len);

	memset(r, 0, sizeof(*r));
	if (err) {
		snprintf(why, why_size, "is not a JSON object");
		return err;
	}
	err = look_at_type(p, r, why, why_size);
	if (!err)
		err = take_fields(p, r, why, why_size);
	if (err)
		return err;
	r->ts_ns = report__time_ns(r->ts, strlen(r->ts));
	if (!r->ts_ns) {
		snprintf(why, why_size, "%s record: ts is not a time", log_type_names[r->type]);
		return -EINVAL;
	}
	return 0;
}

void report__lost_span(const struct report_record *r, uint64_t *from_ns, uint64_t *to_ns)
{
	*from_ns = r->from ? report__time_ns(r->from, strlen(r->from)) : 0;
	*to_ns = r->to ? report__time_ns(r->to, strlen(r->to)) : 0;
	if (!*from_ns)
		*from_ns = r->ts_ns;
	if (!*to_ns)
		*to_ns = r->ts_ns;
}

/* --- members --- */

const char *report__member_string(struct json_object *o, const char *name)
{
	struct json_object *member;
	const char *s = NULL;

	if (o && json_object_object_get_ex(o, name, &member))
		take_string(member, &s);
	return s;
}

uint64_t report__member_u64(struct json_object *o, const char *name)
{
	struct json_object *member;
	uint64_t n = 0;

	if (o && json_object_object_get_ex(o, name, &member))
		take_number(member, &n);
	return n;
}

bool report__member_bool(struct json_object *o, const char *name)
{
	struct json_object *member;

	return o && json_object_object_get_ex(o, name, &member) &&
	       json_object_is_type(member, json_type_boolean) && json_object_get_boolean(member);
}
