/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_life.c - prints the records of one socket as lines, with the time since the one before. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "report_life.h"

#define RECORDS_MAX 10000
#define ACCEPTS_MAX 1000 /* of a listener: what it accepted */
#define BYTES_MAX   ((size_t)64 << 20)

struct report_life {
	const struct options *options;
	char quoted[24]; /* "ID", as it stands in a line */
	char boot[40];
	uint64_t first_ns, last_ns;
	uint64_t records, accepts, left_out;
	struct buf body;
};

struct report_life *report_life__new(const struct options *o)
{
	struct report_life *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->options = o;
	snprintf(l->quoted, sizeof(l->quoted), "\"%llu\"", (unsigned long long)o->report.sock);
	return l;
}

void report_life__free(struct report_life *l)
{
	if (!l)
		return;
	buf__free(&l->body);
	free(l);
}

bool report_life__found(const struct report_life *l)
{
	return l->records;
}

bool report_life__wants(const struct report_life *l, const char *line, size_t len)
{
	return memmem(line, len, l->quoted, strlen(l->quoted));
}

/* --- a line --- */

__attribute__((format(printf, 2, 3))) static void put(struct buf *b, const char *format, ...)
{
	char s[256];
	va_list args;

	va_start(args, format);
	vsnprintf(s, sizeof(s), format, args);
	va_end(args);
	buf__str(b, s);
}

static void put_safe(struct buf *b, const char *s)
{
	buf__safe(b, s, strlen(s), false);
}

static void put_time(struct buf *b, const struct report_life *l, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char s[64];

	if (l->options->utc ? !gmtime_r(&seconds, &tm) : !localtime_r(&seconds, &tm))
		return;
	strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S", &tm);
	put(b, "%s.%06u", s, (unsigned int)(ns % 1000000000 / 1000));
}

static void put_us(struct buf *b, uint64_t us)
{
	if (us < 1000)
		put(b, "%lluus", (unsigned long long)us);
	else if (us < 1000000)
		put(b, "%.1fms", (double)us / 1e3);
	else
		put(b, "%.1fs", (double)us / 1e6);
}

static void put_end(struct buf *b, const char *addr, uint64_t port)
{
	if (!addr && !port) {
		buf__char(b, '-');
		return;
	}
	put(b, addr && strchr(addr, ':') ? "[%.45s]:" : "%.45s:", addr ? addr : "*");
	put(b, port ? "%llu" : "*", (unsigned long long)port);
}

static void put_process(struct buf *b, const char *comm, uint64_t pid)
{
	if (!comm)
		return;
	put_safe(b, comm);
	if (pid)
		put(b, " (pid %llu)", (unsigned long long)pid);
}

static void put_options(struct buf *b, struct json_object *options)
{
	size_t n = options ? json_object_array_length(options) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(options, i));

		buf__char(b, ' ');
		put_safe(b, s ? s : "");
	}
}

/* --- one function a type: what it has besides ends and process --- */

static void tell_bind(struct buf *b, const struct report_record *r)
{
	if (r->automatic)
		buf__str(b, " chosen by the first send");
	if (r->req_addr && (r->error || r->req_port != r->lport)) {
		buf__str(b, " asked for ");
		put_end(b, r->req_addr, r->req_port);
	}
	put_options(b, r->options);
}

static void tell_listen(struct buf *b, const struct report_record *r)
{
	put(b, " backlog %llu", (unsigned long long)r->backlog);
}

static void tell_connect(struct buf *b, const struct report_record *r)
{
	if (r->has_latency) {
		buf__str(b, " after ");
		put_us(b, r->latency_us);
	}
	if (r->abandoned)
		buf__str(b, " abandoned");
}

static void tell_accept(struct buf *b, const struct report_record *r)
{
	if (r->has_queue) {
		buf__str(b, " queued ");
		put_us(b, r->queue_us);
	}
	if (r->listener)
		put(b, " by listener sk:%llx", strtoull(r->listener, NULL, 10));
}

static void tell_state(struct buf *b, const struct report_record *r)
{
	buf__char(b, ' ');
	put_safe(b, r->old_state);
	buf__str(b, " -> ");
	put_safe(b, r->new_state);
}

static void tell_snapshot(struct buf *b, const struct report_record *r)
{
	buf__str(b, " was there before, ");
	put_safe(b, r->state ? r->state : "in an unknown state");
	put_options(b, r->options);
}

static void put_closer(struct buf *b, const struct report_record *r)
{
	const char *comm = report__member_string(r->closed_by, "comm");

	if (!r->closed_by)
		return;
	buf__str(b, ", closed by ");
	if (comm)
		put_process(b, comm, report__member_u64(r->closed_by, "pid"));
	else
		buf__str(b, "the kernel");
	if (report__member_bool(r->closed_by, "exit"))
		buf__str(b, ", which ended");
}

static void put_bytes(struct buf *b, const struct report_record *r)
{
	if (!r->has_bytes)
		return;
	put(b, ", sent %llu, received %llu", (unsigned long long)r->tx_bytes,
	    (unsigned long long)r->rx_bytes);
	if (r->unacked_bytes)
		put(b, ", %llu not acknowledged", (unsigned long long)r->unacked_bytes);
	if (r->unread_bytes)
		put(b, ", %llu never read", (unsigned long long)r->unread_bytes);
	if (r->retrans)
		put(b, ", %llu retransmitted", (unsigned long long)r->retrans);
	if (r->srtt_us)
		put(b, ", srtt %lluus", (unsigned long long)r->srtt_us);
}

static void tell_close(struct buf *b, const struct report_record *r)
{
	buf__char(b, ' ');
	put_safe(b, r->reason);
	put_closer(b, r);
	if (r->has_duration) {
		buf__str(b, ", lasted ");
		put_us(b, r->duration_us);
	}
	put_bytes(b, r);
	if (!strcmp(r->role, "listener"))
		put(b, ", accepted %llu", (unsigned long long)r->accepted);
	if (r->time_wait)
		buf__str(b, ", its ports stay in TIME_WAIT");
}

static void tell_finding(struct buf *b, const struct report_record *r)
{
	buf__char(b, ' ');
	put_safe(b, r->finding);
	buf__char(b, ' ');
	put_safe(b, r->status);
	buf__str(b, ": ");
	put_safe(b, r->message);
	if (r->advice && *r->advice) {
		buf__str(b, "; ");
		put_safe(b, r->advice);
	}
}

static void (*const tell_own[LOG_TYPES])(struct buf *b, const struct report_record *r) = {
	[LOG_SNAPSHOT] = tell_snapshot, [LOG_BIND] = tell_bind,       [LOG_LISTEN] = tell_listen,
	[LOG_CONNECT] = tell_connect,   [LOG_ACCEPT] = tell_accept,   [LOG_STATE] = tell_state,
	[LOG_CLOSE] = tell_close,       [LOG_FINDING] = tell_finding,
};

/* The moments that `close` tells, also those of before the log. */
static void put_moments(struct buf *b, const struct report_life *l, const struct report_record *r)
{
	const struct {
		const char *word, *time;
	} rows[] = { { "created", r->created },     { "bound", r->bound },
		     { "listening", r->listening }, { "established", r->established },
		     { "released", r->released },   { "ended", r->ended } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = rows[i].time ? report__time_ns(rows[i].time, strlen(rows[i].time)) :
					     0;

		if (!ns)
			continue;
		put(b, "    %-12s", rows[i].word);
		put_time(b, l, ns);
		buf__char(b, '\n');
	}
}

static void put_line(struct report_life *l, const struct report_record *r)
{
	bool other = r->sock != l->options->report.sock;
	struct buf *b = &l->body;
	size_t from;

	buf__str(b, "  ");
	put_time(b, l, r->ts_ns);
	from = b->len;
	buf__str(b, "  +");
	put_us(b, r->ts_ns > l->first_ns ? (r->ts_ns - l->first_ns) / 1000 : 0);
	buf__pad(b, from + 13);
	put(b, "%-9s", log_type_names[r->type]);
	if (other && r->sock)
		put(b, "sk:%llx ", (unsigned long long)r->sock);
	if (r->type != LOG_FINDING) {
		put_end(b, r->laddr, r->lport);
		if (r->rport) {
			buf__str(b, " to ");
			put_end(b, r->raddr, r->rport);
		}
		if (r->comm) {
			buf__str(b, "  ");
			put_process(b, r->comm, r->pid);
		}
	}
	if (tell_own[r->type])
		tell_own[r->type](b, r);
	if (r->error) {
		buf__char(b, ' ');
		put_safe(b, r->error);
	}
	buf__char(b, '\n');
	if (r->type == LOG_CLOSE)
		put_moments(b, l, r);
}

static void put_head(struct report_life *l, const struct report_record *r)
{
	struct buf *b = &l->body;

	/* a cookie is that of one socket in one boot only */
	if (!strncmp(l->boot, r->boot, sizeof(l->boot) - 1))
		return;
	snprintf(l->boot, sizeof(l->boot), "%s", r->boot);
	l->first_ns = r->ts_ns;
	if (l->options->json)
		return;
	put(b, "sk:%llx (%llu)", (unsigned long long)l->options->report.sock,
	    (unsigned long long)l->options->report.sock);
	if (r->proto) {
		buf__str(b, "  ");
		put_safe(b, r->proto);
	}
	buf__str(b, "  ");
	put_safe(b, r->host);
	buf__str(b, ", boot ");
	put_safe(b, r->boot);
	if (r->netns)
		put(b, ", network namespace %llu", (unsigned long long)r->netns);
	buf__char(b, '\n');
}

/* --- records --- */

static bool holds(const struct report_life *l, const struct report_record *r)
{
	size_t n = r->holders ? json_object_array_length(r->holders) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *sock =
			report__member_string(json_object_array_get_idx(r->holders, i), "sock");

		if (sock && strtoull(sock, NULL, 10) == l->options->report.sock)
			return true;
	}
	return false;
}

static bool is_about(const struct report_life *l, const struct report_record *r)
{
	uint64_t sock = l->options->report.sock;

	if (r->sock == sock)
		return log_type__of_socket(r->type) || r->type == LOG_FINDING;
	if (r->type == LOG_ACCEPT && r->listener)
		return strtoull(r->listener, NULL, 10) == sock;
	return r->type == LOG_FINDING && holds(l, r);
}

void report_life__take(struct report_life *l, const struct report_record *r, const char *line,
		       size_t len)
{
	const struct report_options *o = &l->options->report;

	if (!is_about(l, r) || r->ts_ns < o->since_ns || (o->until_ns && r->ts_ns > o->until_ns))
		return;
	l->records++;
	l->accepts += r->sock != o->sock;
	if (l->records > RECORDS_MAX || l->body.len > BYTES_MAX ||
	    (r->sock != o->sock && l->accepts > ACCEPTS_MAX && r->type == LOG_ACCEPT)) {
		l->left_out++;
		return;
	}
	put_head(l, r);
	if (!l->options->json) {
		put_line(l, r);
		return;
	}
	json__comma(&l->body);
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	buf__put(&l->body, line, len);
}

void report_life__write(struct report_life *l, struct buf *b)
{
	if (!l->records)
		return;
	if (!l->options->json) {
		buf__put(b, l->body.data, l->body.len);
		if (l->left_out)
			put(b, "  and %llu more records\n", (unsigned long long)l->left_out);
	} else {
		json__open(b, '{');
		json__put_u64(b, "v", 1);
		json__put_id(b, "sock", l->options->report.sock);
		json__key(b, "records");
		json__open(b, '[');
		buf__put(b, l->body.data, l->body.len);
		json__close(b, ']');
		json__put_u64(b, "left_out", l->left_out);
		json__close(b, '}');
		buf__char(b, '\n');
	}
	b->failed |= l->body.failed;
}
