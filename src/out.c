// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * out.c - what the sinks share: the buffer in front of a descriptor, and some words. Whole puts stay together in one write() wherever they
 * fit, so that a reader of a pipe sees whole lines. After the first error everything is dropped.
 */
#include <errno.h>
#include <sys/stat.h>
#include <stdbool.h>
#include <stdint.h>
#include <signal.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "addr.h"
#include "json.h"
#include "sink.h"

#define OUT_FIRST ((size_t)4 << 10)
#define OUT_MAX   ((size_t)64 << 10)

#define PATIENCE_MS 200

struct out {
	int fd;
	int err;      /* of the first failed write, 0 or -errno */
	size_t chunk; /* as much as one write may take once poll() has said that it does not block */
	size_t len, cap;
	char *data;
};

struct out *out__new(int fd)
{
	struct out *o = calloc(1, sizeof(*o));
	struct stat st;

	if (!o)
		return NULL;
	o->data = malloc(OUT_FIRST);
	if (!o->data) {
		free(o);
		errno = ENOMEM;
		return NULL;
	}
	o->fd = fd;
	o->chunk = fstat(fd, &st) || S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
	o->cap = OUT_FIRST;
	return o;
}

/* A signal that means the end waits to be taken: the caller has it blocked. */
static bool stop_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
				     sigismember(&set, SIGHUP));
}

/* A reader that takes nothing must not keep the program from being stopped: -EINTR then. */
static int wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int n;

	while (!(n = poll(&p, 1, PATIENCE_MS)))
		if (stop_pending())
			return -EINTR;
	return n < 0 && errno != EINTR ? -errno : 0;
}

static void write_all(struct out *o, const char *s, size_t n)
{
	while (n && !o->err) {
		ssize_t done;

		if (o->chunk != SIZE_MAX && (o->err = wait_writable(o->fd)))
			return;
		done = write(o->fd, s, n < o->chunk ? n : o->chunk);
		if (done > 0) {
			s += done;
			n -= (size_t)done;
		} else if (!done) {
			o->err = -EIO;
		} else if (errno == EAGAIN) {
			o->err = wait_writable(o->fd);
		} else if (errno != EINTR) {
			o->err = -errno;
		}
	}
}

/* Where there is no memory for a larger buffer the old one does, with more writes. */
static void make_room(struct out *o, size_t n)
{
	size_t cap = o->cap;
	char *data;

	while (cap < OUT_MAX && cap - o->len < n)
		cap *= 2;
	if (cap != o->cap && (data = realloc(o->data, cap))) {
		o->data = data;
		o->cap = cap;
	}
	if (o->cap - o->len < n)
		out__flush(o);
}

void out__put(struct out *o, const char *s, size_t n)
{
	if (o->err || !n)
		return;
	if (o->cap - o->len < n)
		make_room(o, n);
	if (o->cap - o->len < n) {
		write_all(o, s, n);
		return;
	}
	memcpy(o->data + o->len, s, n);
	o->len += n;
}

int out__flush(struct out *o)
{
	write_all(o, o->data, o->len);
	o->len = 0;
	return o->err;
}

void out__fail(struct out *o, int err)
{
	if (!out__flush(o)) /* what came before is whole */
		o->err = err;
}

void out__free(struct out *o)
{
	if (!o)
		return;
	free(o->data);
	free(o);
}

/* --- words --- */

const char *const sink_option_names[SINK_OPTIONS] = {
	"reuseaddr", "reuseport", "v6only", "bind_address_no_port", "transparent", "freebind",
};

const char *sink__state_name(unsigned int state)
{
	/* enum in include/net/tcp_states.h */
	static const char *const names[] = {
		"UNKNOWN",   "ESTABLISHED", "SYN_SENT",     "SYN_RECV",       "FIN_WAIT1",
		"FIN_WAIT2", "TIME_WAIT",   "CLOSE",        "CLOSE_WAIT",     "LAST_ACK",
		"LISTEN",    "CLOSING",     "NEW_SYN_RECV", "BOUND_INACTIVE",
	};

	return names[state < sizeof(names) / sizeof(names[0]) ? state : 0];
}

const char *sink__proto_name(unsigned int proto)
{
	return proto == IPPROTO_UDP ? "udp" : proto == PROTO_MPTCP ? "mptcp" : "tcp";
}

bool sink__has_local(const struct ev_sock *s)
{
	return s->lport || !addr__is_wildcard(s->laddr);
}

bool sink__has_counters(const struct record *r)
{
	const struct ev_sock *s = r->sock;

	return s->proto != IPPROTO_UDP &&
	       (r->u.life->established_ns || (s->facts & (FACT_ESTABLISHED | FACT_SYN_SENT)) ||
		((s->facts & FACT_EXISTED) && s->rport));
}
