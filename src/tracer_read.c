// SPDX-License-Identifier: GPL-2.0-or-later
/* tracer_read.c - what comes out of the kernel: records of the ring, losses, snapshots, facts of live sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host.h"
#include "tracer_parts.h"

#define CONSUME_MAX   50000        /* then signals and ticks have their turn */
#define CONSUME_NS    200000000ull /* the same: a record can cost an answer of the kernel */
#define SNAPSHOT_READ (256 * 1024) /* few reads: sockets come and go between two */
#define SPILL_BATCH   1024         /* facts in the hash, a system call */
#define SPILL_BATCHES 64           /* a sweep */
#define FACTS_STRIDE  ((sizeof(struct facts) + 7) / 8 * 8) /* kernel/bpf/arraymap.c: elem_size */

/* All that it says is that it was rung. */
static int on_bell(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

int tracer__open_ring(struct tracer *t)
{
	t->slots = mmap(NULL, FACTS_SLOTS * FACTS_STRIDE, PROT_READ, MAP_SHARED,
			bpf_map__fd(t->skel->maps.slots), 0);
	if (t->slots == MAP_FAILED)
		return -errno;
	t->ring.at = &t->skel->bss->ring_positions;
	t->ring.size = t->config.ring_size;
	t->ring.bytes = mmap(NULL, t->ring.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(t->skel->maps.ring), 0);
	if (t->ring.bytes == MAP_FAILED)
		return -errno;
	t->bell = ring_buffer__new(bpf_map__fd(t->skel->maps.bell), on_bell, NULL, NULL);
	return t->bell ? 0 : -errno;
}

void tracer__close_ring(struct tracer *t)
{
	ring_buffer__free(t->bell);
	if (t->ring.bytes && t->ring.bytes != MAP_FAILED)
		munmap(t->ring.bytes, t->ring.size);
	if (t->slots && t->slots != MAP_FAILED)
		munmap((void *)t->slots, FACTS_SLOTS * FACTS_STRIDE);
}

int tracer__fd(const struct tracer *t)
{
	return ring_buffer__epoll_fd(t->bell);
}

bool tracer__sleep(struct tracer *t)
{
	ring_buffer__consume(t->bell);
	return ring_reader__sleep(&t->ring);
}

int tracer__consume(struct tracer *t, tracer_event_fn *event, void *arg)
{
	uint64_t until_ns = host__now() + CONSUME_NS;
	const void *record;
	size_t size;
	int n = 0;

	while (n < CONSUME_MAX && (record = ring_reader__peek(&t->ring, &size))) {
		event(arg, record, size);
		ring_reader__pop(&t->ring);
		if (++n % 16 == 0 && host__now() >= until_ns)
			break;
	}
	return n;
}

/* Whole records go out of the buffer; the rest of a read moves to its front. */
static size_t deliver(unsigned char *buf, size_t have, size_t size, tracer_event_fn *event,
		      void *arg)
{
	size_t done = 0;

	while (have - done >= size) {
		event(arg, buf + done, size);
		done += size;
	}
	memmove(buf, buf + done, have - done);
	return have - done;
}

/* One pass of an iterator, whose records have this size. */
static int read_iterator(const struct bpf_link *link, size_t size, tracer_event_fn *event,
			 void *arg)
{
	unsigned char *buf = malloc(SNAPSHOT_READ);
	size_t have = 0;
	ssize_t n;
	int fd, err = 0;

	if (!buf)
		return -ENOMEM;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	while ((n = read(fd, buf + have, SNAPSHOT_READ - have))) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0) {
			err = -errno;
			break;
		}
		have = deliver(buf, have + n, size, event, arg);
	}
	close(fd);
out:
	free(buf);
	return err;
}

int tracer__snapshot(struct tracer *t, int mode, uint16_t port, uint32_t netns,
		     tracer_event_fn *event, void *arg)
{
	struct socklife_bpf__bss *bss = t->skel->bss;
	struct pass {
		uint8_t mode;
		uint16_t port;
		uint32_t netns;
	} outer = { bss->snapshot_mode, bss->snapshot_port, bss->snapshot_netns };
	int err;

	bss->snapshot_mode = mode;
	bss->snapshot_port = port;
	bss->snapshot_netns = netns;
	if (mode == SNAPSHOT_NEW)
		bss->snapshot_made = 1;
	err = read_iterator(t->iterator, sizeof(struct ev_snapshot), event, arg);
	/* an event of a pass can make a detector ask, which is another one, before its end */
	bss->snapshot_mode = outer.mode;
	bss->snapshot_port = outer.port;
	bss->snapshot_netns = outer.netns;
	return err;
}

struct options_found {
	tracer_options_fn *found;
	void *arg;
};

static void on_options(void *arg, const void *data, size_t size)
{
	struct options_found *f = arg;
	struct port_options o;

	memcpy(&o, data, size < sizeof(o) ? size : sizeof(o));
	f->found(f->arg, &o);
}

int tracer__tcp_options(struct tracer *t, uint16_t port, tracer_options_fn *found, void *arg)
{
	struct options_found f = { found, arg };
	uint16_t outer = t->skel->bss->snapshot_port;
	int err;

	if (!t->options)
		return -EOPNOTSUPP;
	t->skel->bss->snapshot_port = port;
	err = read_iterator(t->options, sizeof(struct port_options), on_options, &f);
	t->skel->bss->snapshot_port = outer;
	return err;
}

struct bpf_link *tracer__attach_task(struct bpf_program *prog, uint32_t tgid)
{
	union bpf_iter_link_info info = { .task.tid = tgid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(prog, &opts);
}

int tracer__process(struct tracer *t, uint32_t tgid, struct ev_process *e)
{
	struct bpf_program *prog = tracer__program(t, "process");
	struct bpf_link *link;
	int fd, err = 0;
	ssize_t n = 0;

	if (!prog)
		return -EOPNOTSUPP;
	link = tracer__attach_task(prog, tgid);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		do
			n = read(fd, e, sizeof(*e));
		while (n < 0 && (errno == EAGAIN || errno == EINTR));
		err = n < 0 ? -errno : n == sizeof(*e) ? 0 : -ESRCH;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

/*
 * Runs that the kernel skipped because the program was running on that CPU already. Without --states
 * none of them costs a record: the next hook makes up for it (bpf/state.bpf.h).
 */
static uint64_t missed(const struct tracer *t)
{
	int fd = bpf_program__fd(tracer__program(t, "inet_sock_set_state"));
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (!t->config.states || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	return info.recursion_misses;
}

void tracer__losses(struct tracer *t, void (*lost)(void *arg, const struct lost *l), void *arg)
{
	uint64_t epoch = t->skel->data->loss_epoch, now = host__now();
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct loss_count counts[cpus > 0 ? cpus : 1];
	bool any = false;
	__u32 reason;

	for (reason = 0; reason < LOST_KERNEL_REASONS; reason++) {
		struct lost l = { .reason = reason, .from_ns = UINT64_MAX };
		uint64_t total = 0;

		if (bpf_map__lookup_elem(t->skel->maps.losses, &reason, sizeof(reason), counts,
					 sizeof(counts), 0))
			continue;
		for (cpu = 0; cpu < cpus; cpu++) {
			total += counts[cpu].count;
			if (counts[cpu].epoch != epoch)
				continue;
			if (counts[cpu].first_ns < l.from_ns)
				l.from_ns = counts[cpu].first_ns;
			if (counts[cpu].last_ns > l.to_ns)
				l.to_ns = counts[cpu].last_ns;
		}
		if (reason == LOST_MISSED)
			total = missed(t);
		l.count = total - t->losses[reason];
		t->losses[reason] = total;
		if (!l.count)
			continue;
		any = true;
		if (!l.to_ns) { /* the kernel has no time, or the one of the epoch before */
			l.from_ns = t->last_losses_ns;
			l.to_ns = now;
		}
		lost(arg, &l);
	}
	t->last_losses_ns = now;
	if (any)
		t->skel->data->loss_epoch = epoch + 1;
}

bool tracer__accepted_unknown(struct tracer *t)
{
	return t->skel->bss->accepts_unknown &&
	       __atomic_exchange_n(&t->skel->bss->accepts_unknown, 0, __ATOMIC_RELAXED);
}

bool tracer__alive(const struct tracer *t, uint64_t cookie)
{
	const struct facts *f =
		(const void *)(t->slots + (cookie & (FACTS_SLOTS - 1)) * FACTS_STRIDE);
	struct facts spilled;

	if (__atomic_load_n(&f->cookie, __ATOMIC_ACQUIRE) == cookie)
		return true;
	return !bpf_map__lookup_elem(t->skel->maps.spill, &cookie, sizeof(cookie), &spilled,
				     sizeof(spilled), 0);
}

bool tracer__facts(const struct tracer *t, uint64_t cookie, struct facts *facts)
{
	const struct facts *f =
		(const void *)(t->slots + (cookie & (FACTS_SLOTS - 1)) * FACTS_STRIDE);

	if (__atomic_load_n(&f->cookie, __ATOMIC_ACQUIRE) == cookie) {
		memcpy(facts, f, sizeof(*facts));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		/* a slot that was freed meanwhile is all zero, or another socket's */
		return __atomic_load_n(&f->cookie, __ATOMIC_RELAXED) == cookie;
	}
	return !bpf_map__lookup_elem(t->skel->maps.spill, &cookie, sizeof(cookie), facts,
				     sizeof(*facts), 0);
}

struct sweep {
	struct tracer *t;
	uint64_t before_ns;
	uint64_t suspects[SWEEP_MAX];
	size_t n;
	uint64_t *gone;
	size_t found, room;
};

/* The kernel says which of them are gone; none where it cannot be asked. */
static void sweep_ask(struct sweep *s)
{
	struct socklife_bpf__bss *bss = s->t->skel->bss;
	int fd = bpf_iter_create(bpf_link__fd(s->t->sweeper));
	char none;
	size_t i;

	for (i = 0; i < SWEEP_MAX; i++) {
		bss->sweep_cookies[i] = i < s->n ? s->suspects[i] : 0;
		bss->sweep_gone[i] = 0;
	}
	s->n = 0;
	if (fd < 0)
		return;
	while (read(fd, &none, sizeof(none)) < 0 && (errno == EAGAIN || errno == EINTR))
		;
	close(fd);
	for (i = 0; i < SWEEP_MAX; i++)
		if (bss->sweep_gone[i])
			s->gone[s->found++] = bss->sweep_gone[i];
}

/* False: there is no room for what else may be found. */
static bool sweep_look(struct sweep *s, const struct facts *f)
{
	uint64_t released = __atomic_load_n(&f->released_ns, __ATOMIC_RELAXED);

	if (!released || released >= s->before_ns)
		return true;
	s->suspects[s->n++] = f->cookie;
	if (s->n == SWEEP_MAX)
		sweep_ask(s);
	return s->found + SWEEP_MAX <= s->room;
}

/* The next SPILL_BATCH or so that the hash has. False: there was no room. */
static bool sweep_spilled(struct sweep *s)
{
	struct batch {
		__u64 cookies[SPILL_BATCH];
		struct facts facts[SPILL_BATCH];
	} *b = malloc(sizeof(*b));
	struct tracer *t = s->t;
	__u32 n = SPILL_BATCH, i;
	bool room = true;
	int err;

	if (!b)
		return true;
	err = bpf_map_lookup_batch(bpf_map__fd(t->skel->maps.spill),
				   t->in_spill ? &t->spill_at : NULL, &t->spill_at, b->cookies,
				   b->facts, &n, NULL);
	t->in_spill = !err;
	for (i = 0; (!err || err == -ENOENT) && i < n && room; i++)
		room = sweep_look(s, &b->facts[i]);
	free(b);
	return room;
}

size_t tracer__sweep(struct tracer *t, uint64_t before_ns, uint64_t *gone, size_t room)
{
	struct sweep s = { .t = t, .before_ns = before_ns, .gone = gone, .room = room };
	bool more = t->sweeper != NULL;
	size_t i;

	for (i = 0; i < FACTS_SLOTS && more; i++)
		more = sweep_look(&s, (const void *)(t->slots + i * FACTS_STRIDE));
	for (i = 0; i < SPILL_BATCHES && more; i++) {
		more = sweep_spilled(&s);
		if (!t->in_spill)
			break;
	}
	if (s.n)
		sweep_ask(&s);
	return s.found;
}
