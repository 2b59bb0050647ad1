// SPDX-License-Identifier: GPL-2.0-or-later
/* live.c - opens what a session needs, runs the epoll loop, and ends it in order: drain, close, count. */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ask.h"
#include "child.h"
#include "command.h"
#include "host.h"
#include "inside.h"
#include "live.h"
#include "live_journal.h"
#include "live_log.h"
#include "live_metrics.h"
#include "log.h"
#include "notify.h"
#include "pipeline.h"
#include "privileges.h"
#include "resync.h"
#include "sock_table.h"
#include "tracer.h"

#define BATCH_MS   10              /* how long records gather while there is traffic */
#define LINGER_NS  1000000000ull   /* sockets of a command may outlive it so long */
#define DRAIN_NS   2000000000ull   /* for one look, while records come */
#define SWEEP_NS   30000000000ull  /* how often sockets that died unseen are looked for */
#define DYING_NS   120000000000ull /* tcp_orphan_retries, tcp_fin_timeout: most have died by then */
#define SWEEP_ROOM (4 * SWEEP_MAX)
#define SETTLE_MS  10
#define LAST_MS    2000   /* for a record that is being written when all hooks are gone */
#define STEP_NS    100000 /* smaller steps of the wall clock cannot be told from noise */

enum { WATCH_RING, WATCH_SIGNAL, WATCH_TICK, WATCH_CLOCK, WATCH_LOG, WATCH_QUIT };

struct live {
	const struct options *options;
	struct out *out;              /* or: */
	struct live_log *log;         /* the audit log */
	struct live_journal *journal; /* --journal, else NULL */
	const struct live_screen *screen;
	struct tracer *tracer;
	struct ask *ask;
	struct pipeline *pipeline;
	struct capture_writer *capture;
	uint64_t attached_ns; /* all hooks */
	int epoll, signals, tick, clock;
	bool busy; /* the ring is polled by time, not by its descriptor */
	bool ended;
	bool resync;
	uint64_t swept_ns, gone[SWEEP_ROOM];
	size_t n_gone;        /* found by a sweep, not told yet */
	pid_t child;          /* -1: reaped */
	int status;           /* of the child */
	uint64_t deadline_ns; /* 0: none */
	uint64_t linger_ns;   /* when the command's sockets must be dead; 0: it runs */
	struct ending ending;
	struct live_metrics metrics;
	struct watchdog watchdog;
	int err;             /* first failed write */
	bool capture_failed; /* ... was the capture's */
};

static void on_event(void *arg, const void *data, size_t size)
{
	struct live *l = arg;

	pipeline__event(l->pipeline, data, size);
}

static int drain(struct live *l);

/* Found after the hooks were attached, but of the time before the first of them: what they saw comes after it. */
static void on_existing(void *arg, const void *data, size_t size)
{
	struct ev_snapshot e;
	struct live *l = arg;

	if (size != sizeof(e))
		return;
	memcpy(&e, data, sizeof(e));
	e.base.head.boot_ns = tracer__attaching(l->tracer);
	pipeline__event(l->pipeline, &e, sizeof(e));
	/* there may be more of them than the log's queue takes at once, and what happens must not wait */
	while (l->log && live_log__wait(l->log))
		drain(l);
}

static void on_lost(void *arg, const struct lost *lost)
{
	struct live *l = arg;

	pipeline__lost(l->pipeline, lost);
	/* of these a socket's end can be among what was lost */
	if (lost->reason == LOST_RING || lost->reason == LOST_FACTS)
		l->resync = true;
}

/* For the ask interface: every socket with this port. */
struct each_socket {
	void (*found)(void *ctx, const struct ev_snapshot *s);
	void *ctx;
};

static void on_holder(void *arg, const void *data, size_t size)
{
	struct each_socket *each = arg;
	union event e;

	if (!decode__event(&e, data, size) && e.head.type == EV_SNAPSHOT)
		each->found(each->ctx, &e.snapshot);
}

static int each_socket(void *arg, uint16_t port, uint32_t netns,
		       void (*found)(void *ctx, const struct ev_snapshot *s), void *ctx)
{
	struct each_socket each = { .found = found, .ctx = ctx };
	struct live *l = arg;

	return tracer__snapshot(l->tracer, SNAPSHOT_HOLDERS, port, netns, on_holder, &each);
}

static int find_process(void *arg, uint32_t tgid, struct ev_process *e)
{
	struct live *l = arg;

	return tracer__process(l->tracer, tgid, e);
}

static void follow_pid(void *arg, uint32_t pid)
{
	struct live *l = arg;

	tracer__follow(l->tracer, pid);
}

static int open_tracer(struct live *l)
{
	const struct options *o = l->options;
	uint32_t events = o->records.events;
	struct tracer_config config = {
		.filter = &o->sockets,
		.states = o->states,
		.sends = !events || l->screen ||
			 (events & (1u << RECORD_BIND | 1u << RECORD_PEER | 1u << RECORD_CLOSE |
				    1u << RECORD_FINDING)),
		.tree = o->command || o->sockets.follow,
		.ring_size = o->ring_size,
	};
	struct tracer_error why = { 0 };

	l->tracer = tracer__open(&config, &why);
	if (!l->tracer || tracer__start(l->tracer, &why)) {
		log__error("%s", why.text);
		return why.usage ? EXIT_USAGE : EXIT_CANNOT_RUN;
	}
	l->attached_ns = l->swept_ns = host__now();
	return 0;
}

static int watch(struct live *l, int fd, int what, uint32_t flags)
{
	struct epoll_event e = { .events = EPOLLIN | flags, .data.u32 = what };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_pipeline(struct live *l, const struct live_config *c)
{
	static const char *const blind[] = { "raw", "sctp", "dccp", "udplite", NULL };
	const struct options *o = l->options;
	struct ask_config ask = { .cgroup_fd = tracer__cgroup_fd(l->tracer),
				  .each_socket = each_socket,
				  .process = find_process,
				  .arg = l,
				  .bounded = true };
	struct pipeline_config config = {
		.wall = host__wall(o->utc),
		.table_size = o->table_size,
		.count = o->count,
		.verbose = o->verbose,
		.no_args = o->log.no_args,
		.detect = { .close_wait_ns = o->close_wait_ns,
			    .chosen = o->command || o->sockets.on || o->sockets.follow },
	};
	struct kernel kernel = { .ask = ask__answer };
	struct sink_config sink = {
		.out = c->out, .color = c->color, .verbose = o->verbose, .columns = c->columns
	};

	/* a screen needs all records of a socket, and chooses itself */
	if (!c->screen)
		config.filter = o->records;
	if (l->log)
		sink.taker = live_log__taker(l->log);
	host__describe(&config.start);
	memcpy(config.start.blind, blind, sizeof(blind));
	tracer__hooks(l->tracer, config.start.hooks, START_LIST_MAX);
	kernel.arg = l->ask = ask__new(&ask);
	if (!l->ask)
		return -ENOMEM;
	l->pipeline = pipeline__new(&config, &kernel, l->capture);
	if (!l->pipeline)
		return -errno;
	sink.wall = pipeline__wall(l->pipeline);
	if (c->screen)
		return pipeline__set_sink(l->pipeline, c->screen->sink(c->screen->arg));
	return pipeline__set_sink(
		l->pipeline,
		live_journal__sink(l->journal, l->log || o->json ?
						       sink_json__new(&sink, config.start.boot_id,
								      config.start.host) :
						       sink_text__new(&sink)));
}

static int open_log(struct live *l, const struct live_config *c)
{
	if (!c->log)
		return 0;
	l->log = live_log__new(c->log, &l->options->log);
	if (l->log && l->options->log.journal && !(l->journal = live_journal__new()))
		return -errno;
	return l->log ? watch(l, live_log__fd(l->log), WATCH_LOG, 0) : -errno;
}

/* Before the child and any thread is made, so that no signal is missed. */
static int open_loop(struct live *l)
{
	struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	sigset_t set;
	int err;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* one that was ignored would never be heard */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->tick = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	l->clock = host__clock_fd();
	if (l->clock < 0)
		return l->clock;
	if (l->epoll < 0 || l->signals < 0 || l->tick < 0 ||
	    timerfd_settime(l->tick, 0, &second, NULL))
		return -errno;
	err = watch(l, l->signals, WATCH_SIGNAL, 0);
	if (!err)
		err = watch(l, l->tick, WATCH_TICK, 0);
	return err ? err : watch(l, l->clock, WATCH_CLOCK, 0);
}

/*
 * Before the first record is read, and any thread is made but top's, which give up their own share. Not before the
 * command is started: it has what the caller has.
 */
static void drop_privileges(const struct live *l)
{
	uint64_t more = 0;

	if (l->options->command)
		more |= PRIVILEGE(CAP_KILL); /* --user, and what is set-user-id */
	if (l->screen)
		more |= PRIVILEGE(CAP_SYS_NICE); /* until it has a thread that goes first */
	if (l->log)
		more |= privileges__to_write(l->options->log.dir);
	if (l->metrics.http)
		more |= PRIVILEGE_SERVE;
	privileges__drop(l->log ? PRIVILEGES_RECORD : PRIVILEGES_LIVE, more);
}

struct live *live__open(const struct live_config *c, int *exit_code)
{
	const struct options *o = c->options;
	struct live *l = calloc(1, sizeof(*l));
	int err;

	*exit_code = EXIT_FAILED;
	if (!l) {
		log__error("out of memory");
		return NULL;
	}
	l->options = o;
	l->out = c->out;
	l->screen = c->screen;
	l->epoll = l->signals = l->tick = l->clock = -1;
	err = open_loop(l);
	if (err) {
		log__error("the event loop cannot be made: %s", log__errno(err));
		goto fail;
	}
	if (live_metrics__open(&l->metrics, o))
		goto fail;
	*exit_code = open_tracer(l);
	if (*exit_code)
		goto fail;
	inside__warn();
	if (o->capture) {
		l->capture = capture__create(o->capture);
		if (!l->capture) {
			log__error("--capture: '%s' cannot be written: %s", o->capture,
				   log__errno(errno));
			*exit_code = EXIT_OUTPUT;
			goto fail;
		}
	}
	*exit_code = EXIT_FAILED;
	err = open_log(l, c);
	if (!err)
		err = open_pipeline(l, c);
	if (!err && c->screen)
		err = watch(l, c->screen->quit, WATCH_QUIT, 0);
	if (!err)
		err = watch(l, tracer__fd(l->tracer), WATCH_RING, EPOLLONESHOT);
	l->busy = true; /* until the ring is asked to say more */
	if (err) {
		log__error("the pipeline cannot be made: %s", log__errno(err));
		goto fail;
	}
	live_metrics__watch(&l->metrics, l->pipeline);
	if (!o->command)
		drop_privileges(l);
	return l;
fail:
	live__free(l);
	return NULL;
}

static void arm_ring(struct live *l)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = WATCH_RING };

	epoll_ctl(l->epoll, EPOLL_CTL_MOD, tracer__fd(l->tracer), &e);
}

static void flush(struct live *l)
{
	int err = 0;

	if (l->log)
		l->ended |= !live_log__step(l->log);
	else if (!l->screen)
		err = out__flush(l->out);
	live_journal__step(l->journal);

	if (!err && l->capture) {
		err = capture__flush(l->capture);
		l->capture_failed = err != 0;
	}
	if (err && !l->err) {
		l->err = err;
		l->ended = true;
	}
}

/*
 * Reads all there is. While there is traffic the ring's descriptor is left alone and records gather
 * for BATCH_MS: a wakeup a batch, not a record. Returns how many records there were.
 */
static int drain(struct live *l)
{
	int n = tracer__consume(l->tracer, on_event, l);
	bool was_busy = l->busy;

	l->busy = n > 0 || !tracer__sleep(l->tracer);
	if (was_busy && !l->busy)
		arm_ring(l);
	if (l->log)
		live_log__publish(l->log);
	if (pipeline__full(l->pipeline))
		l->ended = true;
	return n;
}

/* The oldest record in the ring is not whole yet: the program that writes it may have been preempted. */
static void being_written(void)
{
	poll(NULL, 0, 1);
}

/* What is in the ring; not what a busy host goes on to put in for ever. */
static void drain_all(struct live *l)
{
	uint64_t limit = host__now() + DRAIN_NS;

	do {
		if (!drain(l) && l->busy)
			being_written();
	} while (l->busy && host__now() < limit);
}

static bool drain_whole(void *arg)
{
	struct live *l = arg;

	drain_all(l);
	return !l->busy;
}

/* A program is not run where it would interrupt itself, and the next one that would notice may have the same fate. */
static void sweep(struct live *l)
{
	uint64_t now = host__now();
	size_t i;

	if (!l->n_gone && now - l->swept_ns >= SWEEP_NS) {
		l->n_gone = tracer__sweep(l->tracer, now > DYING_NS ? now - DYING_NS : 0, l->gone,
					  SWEEP_ROOM);
		/* else there may have been no room for more, which the next look finds */
		if (l->n_gone <= SWEEP_ROOM - SWEEP_MAX)
			l->swept_ns = now;
	}
	if (!l->n_gone || !drain_whole(l))
		return;
	for (i = 0; i < l->n_gone; i++)
		pipeline__missing(l->pipeline, l->gone[i], now);
	l->n_gone = 0;
}

static void housekeeping(struct live *l)
{
	tracer__refresh(l->tracer);
	/* what came before a loss is told before it, and in the table when that is compared */
	drain_all(l);
	tracer__losses(l->tracer, on_lost, l);
	if (l->resync || tracer__accepted_unknown(l->tracer))
		l->resync = !resync__run(l->tracer, l->pipeline, drain_whole, l);
	sweep(l);
	pipeline__tick(l->pipeline, host__now(), host__gmtoff(l->options->utc));
	live_metrics__beat(&l->metrics, l->log, l->journal, l->err);
}

/* What is in the ring happened before the step, as far as can be known. */
static void on_clock(struct live *l)
{
	int64_t before = pipeline__wall(l->pipeline)->offset_ns, now;

	host__clock_arm(l->clock);
	tracer__clock(l->tracer);
	drain(l);
	now = host__wall(true).offset_ns;
	if (llabs(now - before) >= STEP_NS)
		pipeline__clock(l->pipeline, host__now(), now);
}

static void on_child(struct live *l)
{
	int status = W_EXITCODE(EXIT_SELF_FAILED, 0);
	pid_t pid = l->child > 0 ? waitpid(l->child, &status, WNOHANG) : 0;

	if (!pid)
		return;
	if (pid < 0)
		log__error("how '%s' ended cannot be known: %s", l->options->command[0],
			   log__errno(errno));
	l->status = status;
	l->child = -1;
}

/* The first one ends the trace, or is the command's to hear; the second ends socklife at once. */
static void on_stop_signal(struct live *l, const struct signalfd_siginfo *s)
{
	sigset_t set;

	l->ending.signal = s->ssi_signo;
	if (s->ssi_code <= 0 && s->ssi_pid) {
		l->ending.by_pid = s->ssi_pid;
		l->ending.by_uid = s->ssi_uid;
		host__comm(s->ssi_pid, l->ending.by_comm);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (l->child > 0) {
		if (s->ssi_code <= 0) /* the terminal's went to the command too */
			kill(l->child, s->ssi_signo);
		return;
	}
	l->ended = true;
}

static void on_signal(struct live *l)
{
	struct signalfd_siginfo s;

	while (read(l->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			on_child(l);
		else if (s.ssi_signo == SIGHUP && l->log)
			live_log__rotate(l->log);
		else
			on_stop_signal(l, &s);
	}
}

/* The command, then its last descendant, then their sockets. */
static void watch_command(struct live *l)
{
	if (!l->options->command || l->child != -1 || tracer__followed(l->tracer) > 0)
		return;
	if (!l->linger_ns) {
		l->linger_ns = host__now() + LINGER_NS;
		l->ending.finish_open = true;
	}
	drain(l);
	if (!sock_table__count(pipeline__table(l->pipeline)) || host__now() >= l->linger_ns)
		l->ended = true;
}

static int wait_ms(const struct live *l)
{
	uint64_t until = l->deadline_ns, now;

	if (l->linger_ns)
		return SETTLE_MS;
	if (l->log && live_log__busy(l->log))
		return 0;
	if (l->busy)
		return BATCH_MS;
	if (l->watchdog.every_ns && (!until || l->watchdog.due_ns < until))
		until = l->watchdog.due_ns;
	if (!until)
		return -1;
	now = host__now();
	return now >= until ? 0 : (int)((until - now) / 1000000 + 1);
}

static void step(struct live *l)
{
	struct epoll_event events[4];
	int n = epoll_wait(l->epoll, events, 4, wait_ms(l)), i;
	uint64_t ticks;

	for (i = 0; i < n; i++) {
		switch (events[i].data.u32) {
		case WATCH_RING:
			l->busy = true;
			break;
		case WATCH_SIGNAL:
			on_signal(l);
			break;
		case WATCH_TICK:
			if (read(l->tick, &ticks, sizeof(ticks)) == sizeof(ticks))
				housekeeping(l);
			break;
		case WATCH_CLOCK:
			on_clock(l);
			break;
		case WATCH_LOG: /* heard in flush() */
			break;
		case WATCH_QUIT:
			l->ended = true;
			break;
		}
	}
	if (l->busy || l->ended)
		drain(l);
	watch_command(l);
	if (l->deadline_ns && host__now() >= l->deadline_ns)
		l->ended = true;
	flush(l);
	if (l->watchdog.every_ns)
		watchdog__beat(&l->watchdog, host__now());
}

static int start_command(struct live *l)
{
	const struct options *o = l->options;

	tracer__adopt(l->tracer, true);
	l->child = child__start(o->command, o->user);
	tracer__adopt(l->tracer, false);
	if (l->child > 0)
		return 0;
	if (o->user && l->child == -EINVAL)
		log__error("--user: there is no user '%s'", o->user);
	else
		log__error("%s cannot be run: %s", o->command[0], log__errno(l->child));
	return l->child == -ENOENT ? 127 : 126;
}

static void follow_descendants(struct live *l)
{
	const struct socket_filter *f = &l->options->sockets;

	if (!f->follow)
		return;
	/* twice: who was forked while /proc was being read is found the second time, or by the hook */
	host__descendants(f->pids, f->n_pids, follow_pid, l);
	host__descendants(f->pids, f->n_pids, follow_pid, l);
}

static void report_losses(const struct live *l)
{
	const uint64_t *lost = pipeline__losses(l->pipeline);
	int i;

	if (!l->log && !l->screen && !l->options->json && !l->options->output)
		return; /* the text says it itself */
	for (i = 0; i < LOST_REASONS; i++)
		if (lost[i])
			log__warn("%llu lost (%s)%s", (unsigned long long)lost[i], lost_names[i],
				  l->screen ? "" : ": the stream says when");
}

/*
 * All that is in the ring, however long that takes: with the hooks gone it has an end. Answers of the
 * kernel can make a record slow; a second signal ends it. A program that is in the middle of a record may be so for a
 * while, but not for LAST_MS: then it is lost, and how many came after it nobody can say.
 */
static void drain_last(struct live *l)
{
	struct lost lost = { .reason = LOST_RECORD, .count = 1, .from_ns = host__now() };
	int waited = 0; /* ms since the last record */

	tracer__stop(l->tracer);
	do {
		if (drain(l)) {
			waited = 0;
			lost.from_ns = host__now();
		} else if (l->busy) {
			being_written();
			waited++;
		}
		while (l->log && live_log__wait(l->log))
			;
	} while (l->busy && waited < LAST_MS && !l->err && !pipeline__full(l->pipeline));
	if (waited < LAST_MS)
		return;
	lost.to_ns = host__now();
	pipeline__lost(l->pipeline, &lost);
}

static int finish(struct live *l)
{
	/* a command's own exit code may be the same number */
	int no_output = l->options->command ? EXIT_SELF_FAILED : EXIT_OUTPUT;

	if (l->screen)
		l->screen->over(l->screen->arg);
	if (l->log)
		notify__send("STOPPING=1");
	drain_last(l);
	tracer__losses(l->tracer, on_lost, l);
	if (l->log)
		live_log__before_end(l->log);
	l->ending.now_ns = host__now();
	pipeline__end(l->pipeline, &l->ending);
	log__info("sockets in the table at the end: %zu",
		  sock_table__count(pipeline__table(l->pipeline)));
	l->ended = true;
	flush(l);
	report_losses(l);
	live_journal__end(l->journal);
	if (l->log)
		return live_log__end(l->log);
	if (l->err == -EINTR) {
		log__error("the reader of the output took no more: stopped without the rest of it");
		return no_output;
	}
	if (l->err && l->err != -EPIPE) {
		log__error("%s '%s' cannot be written: %s",
			   l->capture_failed ? "--capture:" : "the output",
			   l->capture_failed  ? l->options->capture :
			   l->options->output ? l->options->output :
						"stdout",
			   log__errno(l->err));
		return no_output;
	}
	if (l->options->command && l->child == -1)
		return child__exit_code(l->status);
	return EXIT_FINE;
}

int live__run(struct live *l)
{
	const struct options *o = l->options;
	int code = 0;

	if (o->timeout_ns)
		l->deadline_ns = host__now() + o->timeout_ns;
	if (l->log && (code = live_log__start(l->log, l->pipeline, l->attached_ns))) {
		log__error("the log's writer cannot be started: %s", log__errno(code));
		return EXIT_FAILED;
	}
	pipeline__start(l->pipeline, l->attached_ns);
	follow_descendants(l);
	if (!o->no_snapshot && tracer__snapshot(l->tracer, SNAPSHOT_NEW, 0, 0, on_existing, l))
		log__warn(
			"the sockets that are open already cannot be listed: going on without them");
	flush(l);
	if (l->log && !l->ended)
		notify__send("READY=1");
	if (o->command) {
		code = start_command(l);
		drop_privileges(l);
	}
	live_metrics__start(&l->metrics, o);
	l->watchdog = watchdog__wanted(host__now());
	/* what came meanwhile is not to wait for BATCH_MS */
	drain(l);
	flush(l);
	while (!code && !l->ended)
		step(l);
	if (code) {
		finish(l);
		return code;
	}
	return finish(l);
}

void live__free(struct live *l)
{
	if (!l)
		return;
	live_metrics__close(&l->metrics);
	pipeline__free(l->pipeline);
	live_journal__free(l->journal);
	live_log__free(l->log);
	ask__free(l->ask);
	tracer__free(l->tracer);
	capture__close(l->capture);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->signals >= 0)
		close(l->signals);
	if (l->tick >= 0)
		close(l->tick);
	if (l->clock >= 0)
		close(l->clock);
	free(l);
}

const struct tracer *live__tracer(const struct live *l)
{
	return l->tracer;
}
