// SPDX-License-Identifier: GPL-2.0-or-later
/* audit_writer.c - the thread that writes the log, and both sides of its queue. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "audit_writer.h"
#include "host.h"

#define FULL_FILL 90    /* percent of the queue below which it can be told what did not fit */
#define SLEEP_MAX 60000 /* ms */

struct audit_writer {
	struct audit_log *log; /* the thread's */
	struct audit_queue *queue;
	pthread_t thread;
	int wake, notify; /* eventfds: for the thread, for the event loop */
	bool asleep;      /* by both, as are: */
	bool wants;
	uint64_t rounds; /* of the thread's loop */
	pthread_mutex_t lock;
	struct audit_status status;
	/* the event loop's */
	bool started, stop_put;
	struct lost overflow;
	/* the thread's */
	bool done;
	int end_error;
};

/* Full (EAGAIN, the only error of eventfd_write()): it is readable already. A wakeup must not be missing. */
static void poke(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		;
}

/* --- the thread --- */

/* False: there was nothing to do. */
static bool pump(struct audit_writer *w)
{
	struct audit_item item;
	bool any = false, more = true;

	audit_log__ready(w->log);
	while (more && !w->done && audit_queue__take(w->queue, &item)) {
		any = true;
		switch (item.kind) {
		case AUDIT_RECORD:
			more = audit_log__record(w->log, &item);
			break;
		case AUDIT_SEGMENT:
			audit_log__segment(w->log, &item);
			break;
		case AUDIT_OPENED:
			audit_log__opened(w->log);
			break;
		case AUDIT_STOP:
			w->end_error = audit_log__end(w->log, &item);
			w->done = true;
			break;
		}
	}
	audit_log__flush(w->log);
	return any;
}

static void publish_status(struct audit_writer *w)
{
	const struct audit_status *s = audit_log__status(w->log);
	bool news = s->error != w->status.error || s->stopped != w->status.stopped ||
		    s->gzip != w->status.gzip || s->keep != w->status.keep;

	if (!news && s->lost == w->status.lost)
		return;
	pthread_mutex_lock(&w->lock);
	w->status = *s;
	pthread_mutex_unlock(&w->lock);
	if (news)
		poke(w->notify);
}

static int sleep_ms(uint64_t until)
{
	uint64_t now = host__now();

	if (until == UINT64_MAX)
		return -1;
	if (until <= now)
		return 0;
	return (until - now) / 1000000 < SLEEP_MAX ? (int)((until - now) / 1000000 + 1) : SLEEP_MAX;
}

static void wait_for_work(struct audit_writer *w)
{
	struct pollfd p = { .fd = w->wake, .events = POLLIN };
	uint64_t ignored;

	__atomic_store_n(&w->asleep, true, __ATOMIC_SEQ_CST);
	if (audit_queue__empty(w->queue))
		poll(&p, 1, sleep_ms(audit_log__due(w->log)));
	__atomic_store_n(&w->asleep, false, __ATOMIC_SEQ_CST);
	if (p.revents && read(w->wake, &ignored, sizeof(ignored)) < 0)
		return;
}

static void *run(void *arg)
{
	struct audit_writer *w = arg;

	while (!w->done) {
		bool any = pump(w);

		__atomic_store_n(&w->rounds, w->rounds + 1, __ATOMIC_RELAXED);
		if (!w->done && audit_log__keep_time(w->log)) {
			__atomic_store_n(&w->wants, true, __ATOMIC_RELEASE);
			poke(w->notify);
		}
		publish_status(w);
		if (!any && !w->done && !audit_log__pack(w->log))
			wait_for_work(w);
	}
	return NULL;
}

/* --- the event loop's side --- */

struct audit_writer *audit_writer__new(struct audit_log *log, size_t queue_size)
{
	struct audit_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	pthread_mutex_init(&w->lock, NULL);
	w->log = log;
	w->overflow.reason = LOST_QUEUE;
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->queue = audit_queue__new(queue_size);
	if (w->queue && w->wake >= 0 && w->notify >= 0)
		return w;
	audit_writer__free(w);
	errno = ENOMEM;
	return NULL;
}

int audit_writer__start(struct audit_writer *w)
{
	int err = pthread_create(&w->thread, NULL, run, w);

	w->started = !err;
	return -err;
}

void audit_writer__put(struct audit_writer *w, enum audit_kind kind, uint64_t boot_ns,
		       const char *line, size_t len)
{
	bool nothing = !len && (kind == AUDIT_RECORD || kind == AUDIT_SEGMENT);

	w->stop_put |= kind == AUDIT_STOP;
	if (!nothing && !audit_queue__put(w->queue, kind, boot_ns, line, len))
		return;
	if (!w->overflow.count++)
		w->overflow.from_ns = boot_ns;
	w->overflow.to_ns = boot_ns;
}

void audit_writer__publish(struct audit_writer *w)
{
	if (audit_queue__publish(w->queue) &&
	    __atomic_exchange_n(&w->asleep, false, __ATOMIC_SEQ_CST))
		poke(w->wake);
}

unsigned int audit_writer__fill(const struct audit_writer *w)
{
	return audit_queue__fill(w->queue);
}

bool audit_writer__overflow(struct audit_writer *w, struct lost *lost)
{
	if (!w->overflow.count || audit_queue__fill(w->queue) >= FULL_FILL)
		return false;
	*lost = w->overflow;
	w->overflow.count = 0;
	return true;
}

int audit_writer__fd(const struct audit_writer *w)
{
	return w->notify;
}

bool audit_writer__wants_segment(struct audit_writer *w)
{
	return __atomic_exchange_n(&w->wants, false, __ATOMIC_ACQUIRE);
}

void audit_writer__status(struct audit_writer *w, struct audit_status *s)
{
	uint64_t ignored;

	if (read(w->notify, &ignored, sizeof(ignored)) < 0)
		ignored = 0; /* nothing new */
	pthread_mutex_lock(&w->lock);
	*s = w->status;
	pthread_mutex_unlock(&w->lock);
}

bool audit_writer__goes_on(const struct audit_writer *w, uint64_t *rounds)
{
	uint64_t now = __atomic_load_n(&w->rounds, __ATOMIC_RELAXED), before = *rounds;

	*rounds = now;
	return now != before || __atomic_load_n(&w->asleep, __ATOMIC_SEQ_CST);
}

void audit_writer__settle(struct audit_writer *w, unsigned int ms)
{
	while (w->started && ms-- &&
	       !(audit_queue__empty(w->queue) && __atomic_load_n(&w->asleep, __ATOMIC_SEQ_CST)))
		poll(NULL, 0, 1);
}

int audit_writer__finish(struct audit_writer *w)
{
	if (!w->started)
		return 0;
	if (!w->stop_put)
		audit_writer__put(w, AUDIT_STOP, 0, NULL, 0);
	audit_writer__publish(w);
	pthread_join(w->thread, NULL);
	w->started = false;
	w->status = *audit_log__status(w->log);
	return w->end_error;
}

void audit_writer__free(struct audit_writer *w)
{
	if (!w)
		return;
	audit_writer__finish(w);
	audit_queue__free(w->queue);
	if (w->wake >= 0)
		close(w->wake);
	if (w->notify >= 0)
		close(w->notify);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
