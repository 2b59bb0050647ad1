/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_record.h - one line of a log as `report` needs it: read by json-c, every field's type checked.
 * What a record of its type must have is there; the rest is zero where it is not.
 */
#ifndef SOCKLIFE_REPORT_RECORD_H
#define SOCKLIFE_REPORT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>

/* The types of records in a log; names in log_type_names. */
enum log_type {
	LOG_START,
	LOG_SEGMENT,
	LOG_PROCESS,
	LOG_SNAPSHOT,
	LOG_BIND,
	LOG_LISTEN,
	LOG_CONNECT,
	LOG_ACCEPT,
	LOG_PEER,
	LOG_STATE,
	LOG_CLOSE,
	LOG_FINDING,
	LOG_LOST,
	LOG_CLOCK,
	LOG_SEAL,
	LOG_STOP,
	LOG_TYPES
};
extern const char *const log_type_names[LOG_TYPES];
/* -1: no such type. */
int log_type__find(const char *name, size_t len);
/* What a recorder writes first: `start`, or `segment` where a log goes on. */
static inline bool log_type__begins(int type)
{
	return type == LOG_START || type == LOG_SEGMENT;
}

static inline bool log_type__of_socket(enum log_type type)
{
	return type >= LOG_SNAPSHOT && type <= LOG_CLOSE;
}

/* Strings are NULL where absent and live until the next line is read. Times are ns since 1970, 0: absent. */
struct report_record {
	enum log_type type;
	uint64_t v, seq, ts_ns, boot_ns;
	const char *ts, *boot, *host;
	uint64_t sock; /* 0: none */
	const char *proto, *family, *laddr, *raddr, *state;
	uint64_t lport, rport, netns, netns_cookie, inode, ifindex, fd;
	const char *proc, *comm, *cgroup, *container;
	const char *user;
	uint64_t pid, uid, nspid;
	bool has_uid, has_fd;
	struct json_object *owner, *options;
	const char *error;
	bool has_latency, has_queue, abandoned, automatic, syn_sent;
	uint64_t latency_us, queue_us, backlog;
	const char *listener, *req_addr;
	uint64_t req_port;
	const char *old_state, *new_state;
	const char *role, *reason;
	const char *created, *bound, *listening, *established, *released, *ended;
	uint64_t duration_us, tx_bytes, rx_bytes, unacked_bytes, unread_bytes, retrans, srtt_us,
		accepted;
	bool has_duration, has_bytes, time_wait;
	struct json_object *closed_by;
	const char *finding, *key, *status, *severity, *message, *advice, *rule, *first, *last;
	struct json_object *evidence, *holders;
	uint64_t count;
	const char *from, *to;
	int64_t step_us;
	bool has_gap;
	double gap_s;
	const char *version, *kernel, *exe;
	uint64_t ppid, segment;
	struct json_object *args, *parents, *findings, *settings;
};

struct report_reader;

struct report_reader *report_reader__new(void); /* NULL: ENOMEM */
/*
 * 0, or -errno with words about it in `why`: -EBADMSG no record of socklife, -EPROTO one of another version,
 * -ENOMSG a type that is not known, -EINVAL a field that is missing or not what it should be.
 */
int report_reader__parse(struct report_reader *p, const char *line, size_t len,
			 struct report_record *r, char *why, size_t why_size);
void report_reader__free(struct report_reader *p);

/* ns since 1970 of an RFC 3339 time in UTC as socklife writes it, 0 where it is none. */
uint64_t report__time_ns(const char *s, size_t len);
/* The time span of a `lost` record; its own time where it has none that is a time. */
void report__lost_span(const struct report_record *r, uint64_t *from_ns, uint64_t *to_ns);
/* Members of an object that a record has, such as evidence or owner; NULL, 0: absent or of another type. */
const char *report__member_string(struct json_object *o, const char *name);
uint64_t report__member_u64(struct json_object *o, const char *name);
bool report__member_bool(struct json_object *o, const char *name);

#endif
