// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_http.c - the server: what is answered to which path, and its bounds. */
#include "metrics_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "metrics_look.h"
#include "metrics_text.h"

#define BACKLOG           16
#define SEND_BUFFER       (64 << 10)         /* what the kernel keeps for one that does not read */
#define CONNECTION_MEMORY ((size_t)16 << 10) /* request and response head */

struct metrics_http {
	int fd;
	struct MHD_Daemon *daemon;
	struct metrics *metrics;
	struct metrics_look *look;
	/* the thread's: one at a time */
	struct metrics_values values;
	char listeners[LOOK_LISTENERS][COMM_LEN];
	struct utsname kernel;
};

/* --- answers --- */

static void read_memory(struct metrics_own *own)
{
	unsigned long long total = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%llu %llu", &total, &resident) != 2)
		total = resident = 0;
	if (f)
		fclose(f);
	own->virtual_bytes = total * (uint64_t)sysconf(_SC_PAGESIZE);
	own->resident_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_values(struct metrics_http *h)
{
	struct metrics_values *v = &h->values;
	size_t i;

	v->now_ns = host__now();
	v->looked = metrics_look__get(h->look, v->now_ns);
	v->now_ns = host__now();
	metrics__read(h->metrics, &v->counts);
	v->n_comms = metrics__comms(h->metrics, v->comms);
	for (i = 0; i < v->looked->n_listeners; i++)
		if (!metrics__listener(h->metrics, v->looked->listeners[i].sock.cookie,
				       h->listeners[i]))
			memset(h->listeners[i], 0, COMM_LEN);
	v->listeners = h->listeners;
	v->own.cpu_ns = host__clock(CLOCK_PROCESS_CPUTIME_ID);
	read_memory(&v->own);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, const char *type,
			      struct buf *b)
{
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *r = NULL;

	if (!b->failed && b->data)
		r = MHD_create_response_from_buffer(b->len, b->data, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		buf__free(b);
		return MHD_NO; /* no memory: the connection is closed */
	}
	if (MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned int status, const char *text)
{
	struct buf b = { 0 };

	buf__str(&b, text);
	return answer(c, status, "text/plain; charset=utf-8", &b);
}

static enum MHD_Result answer_metrics(struct metrics_http *h, struct MHD_Connection *c)
{
	const char *accept =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool openmetrics = metrics_text__is_openmetrics(accept);
	struct buf b = { 0 };

	read_values(h);
	metrics_text__write(&b, &h->values, openmetrics);
	return answer(c, MHD_HTTP_OK,
		      openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" :
				    "text/plain; version=0.0.4; charset=utf-8",
		      &b);
}

static enum MHD_Result answer_health(struct metrics_http *h, struct MHD_Connection *c)
{
	const char *sick;
	char text[128];

	metrics__read(h->metrics, &h->values.counts);
	sick = metrics_text__sick(&h->values.counts, host__now(), text, sizeof(text));
	return answer_text(c, sick ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
			   sick ? sick : "ok\n");
}

/* Called once for the head, and again until a body, which nobody wants, has been read. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct metrics_http *h = arg;

	(void)version;
	(void)data;
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	if (!*state && strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	if (!*state) {
		*state = strcmp(url, "/metrics") ? (void *)"" : h;
		return MHD_YES;
	}
	if (!strcmp(url, "/metrics"))
		return answer_metrics(h, c);
	if (!strcmp(url, "/healthz"))
		return answer_health(h, c);
	return answer_text(c, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz\n");
}

/* `*state` tells a request of /metrics from the others. */
static void on_completed(void *arg, struct MHD_Connection *c, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct metrics_http *h = arg;

	(void)c;
	if (*state == h)
		metrics__scraped(h->metrics, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

/* --- life --- */

static int open_listener(const struct metrics_address *at)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(at->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(at->port) };
	const bool v4 = at->family == AF_INET;
	int on = 1, send_buffer = SEND_BUFFER, fd, err = 0;

	memcpy(&in6.sin6_addr, at->addr, ADDR_LEN);
	memcpy(&in.sin_addr, at->addr + 12, sizeof(in.sin_addr));
	fd = socket(at->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* scrapes that ended leave TIME_WAIT behind, which must not keep a new start from its port */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer)) ||
	    (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    bind(fd, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
		 v4 ? sizeof(in) : sizeof(in6)) ||
	    listen(fd, BACKLOG))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

struct metrics_http *metrics_http__listen(const struct metrics_address *at)
{
	struct metrics_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->fd = open_listener(at);
	if (h->fd >= 0)
		return h;
	errno = -h->fd;
	free(h);
	return NULL;
}

int metrics_http__start(struct metrics_http *h, struct metrics *m, const struct socket_filter *f)
{
	h->metrics = m;
	h->look = metrics_look__new(f);
	if (!h->look)
		return -ENOMEM;
	uname(&h->kernel);
	h->values.own.version = SOCKLIFE_VERSION;
	h->values.own.kernel = h->kernel.release;
	h->values.own.started_s = (double)host__clock(CLOCK_REALTIME) / 1e9;
	errno = 0;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
				     on_request, h, MHD_OPTION_LISTEN_SOCKET, h->fd,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned int)METRICS_CONNECTIONS,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)METRICS_TIMEOUT_S,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
				     MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
	return h->daemon ? 0 : -(errno ? errno : ENOMEM);
}

void metrics_http__free(struct metrics_http *h)
{
	if (!h)
		return;
	if (h->daemon)
		MHD_stop_daemon(h->daemon); /* closes the listener */
	else
		close(h->fd);
	metrics_look__free(h->look);
	free(h);
}
