// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "cgroup.h"
#include "facts.h"
#include "hooks.h"
#include "host.h"
#include "log.h"
#include "settings.h"
#include "socklife.skel.h"
#include "tracer.h"

#define CONSUME_MAX   50000        /* then signals and ticks have their turn */
#define CONSUME_NS    200000000ull /* the same: a record can cost an answer of the kernel */
#define HOOKS_MAX     32
#define SNAPSHOT_READ (256 * 1024) /* small reads miss sockets (kernel-facts: iterators) */
#define CLOCK_STEP    1000000
#define FACTS_STRIDE  ((sizeof(struct facts) + 7) / 8 * 8) /* kernel/bpf/arraymap.c: elem_size */

struct tracer {
	struct tracer_config config;
	struct socklife_bpf *skel;
	struct bpf_link *links[HOOKS_MAX];
	bool used[HOOKS_MAX];
	bool no_casts; /* the kernel has no bpf_rdonly_cast() */
	struct bpf_link *iterator, *options;
	struct ring_buffer *ring;
	const unsigned char *slots; /* the facts array, read-only */
	int cgroup;
	tracer_event_fn *event; /* of the running tracer__consume() */
	void *event_arg;
	int consumed; /* by it so far */
	uint64_t consume_until_ns;
	uint64_t losses[LOST_KERNEL_REASONS];
	uint64_t last_losses_ns;
};

/* libbpf's first complaint, and the verifier's reason where it is the verifier's: more than an errno. */
static char complaint[200];
static char verdict[200];

/* The line before "processed N insns", which is where the verifier says what it does not accept. */
static void keep_verdict(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		return;
	*end = '\0';
	line = strrchr(log, '\n');
	snprintf(verdict, sizeof(verdict), ": %.190s", line ? line + 1 : log);
	log__info("verifier%s", verdict);
}

static int on_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *line;

	if (level != LIBBPF_WARN || vasprintf(&line, fmt, args) < 0)
		return 0;
	if (strstr(line, "BEGIN PROG LOAD LOG")) {
		keep_verdict(line);
	} else {
		line[strcspn(line, "\n")] = '\0';
		if (!complaint[0])
			snprintf(complaint, sizeof(complaint), "%s", line);
		log__info("%s", line);
	}
	free(line);
	return 0;
}

#define WHY(why, ...) snprintf((why)->text, sizeof((why)->text), __VA_ARGS__)

static bool has_capability(const struct __user_cap_data_struct *data, int cap)
{
	return data[cap / 32].effective & (1u << (cap % 32));
}

static int check_privileges(struct tracer_error *why)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return 0; /* the kernel will say it itself */
	if (has_capability(data, CAP_SYS_ADMIN))
		return 0;
	if (has_capability(data, CAP_BPF) && has_capability(data, CAP_PERFMON) &&
	    has_capability(data, CAP_NET_ADMIN))
		return 0;
	WHY(why,
	    "not enough privileges: run it as root "
	    "(it needs CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH and CAP_SYS_ADMIN)");
	return -EPERM;
}

static int check_btf(struct tracer_error *why)
{
	struct utsname u = { 0 };

	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		return 0;
	uname(&u);
	WHY(why,
	    "kernel %s has no BTF (/sys/kernel/btf/vmlinux): one built with "
	    "CONFIG_DEBUG_INFO_BTF is needed",
	    u.release);
	return -EOPNOTSUPP;
}

/* What an old kernel lacks, asked only when the programs did not load: the questions take their time. */
static int check_kernel(struct tracer_error *why)
{
	struct utsname u = { 0 };

	uname(&u);
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0) {
		WHY(why, "kernel %s has no BPF ring buffer: Linux 6.1 or newer is needed",
		    u.release);
		return -EOPNOTSUPP;
	}
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK, BPF_FUNC_get_current_task_btf,
				    NULL) == 0) {
		WHY(why,
		    "kernel %s is too old: its cgroup programs cannot read the running task "
		    "(Linux 6.1 or newer is needed)",
		    u.release);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int open_cgroup(struct tracer *t, struct tracer_error *why)
{
	t->cgroup = cgroup__open_root();
	if (t->cgroup >= 0)
		return 0;
	if (t->cgroup == -EXDEV)
		WHY(why, "only a part of the host can be seen from this cgroup namespace: "
			 "run it in the host's (for a container: --cgroupns=host --pid=host)");
	else if (t->cgroup == -EPERM)
		WHY(why,
		    "the cgroup2 hierarchy cannot be opened: CAP_SYS_ADMIN, or a mounted cgroup2, is needed");
	else
		WHY(why,
		    "no cgroup2 hierarchy: the kernel needs CONFIG_CGROUPS, CONFIG_CGROUP_BPF and no "
		    "cgroup_no_v1 limits on it (%s)",
		    log__errno(t->cgroup));
	return t->cgroup;
}

static bool wanted(const struct tracer_config *c, enum hook_need need)
{
	switch (need) {
	case NEED_TCP:
		return c->filter->tcp;
	case NEED_UDP_SENDS:
		return c->filter->udp && c->sends;
	case NEED_TREE:
		return c->tree;
	case NEED_PORTS:
		return c->tcp_options;
	case NEED_ALWAYS:
		break;
	}
	return true;
}

/* No socket is `wanted` for its own sake, so none gets facts; what then is never used need not be large. */
static void shrink_maps(struct tracer *t)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, t->skel->obj)
		if (!bpf_map__is_internal(map))
			bpf_map__set_max_entries(map, bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ?
							      (__u32)sysconf(_SC_PAGESIZE) :
							      1);
}

static void fill_settings(struct tracer *t)
{
	const struct socket_filter *f = t->config.filter;
	struct settings *s = &t->skel->rodata->settings;
	int side;

	s->no_casts = t->no_casts;
	if (t->config.only_snapshot) {
		shrink_maps(t);
		return;
	}
	s->filters = f->on;
	if (t->config.tree)
		s->filters |= FILTER_PID;
	s->tcp = f->tcp;
	s->udp = f->udp;
	s->ipv4 = f->ipv4;
	s->ipv6 = f->ipv6;
	s->states = t->config.states;
	s->n_comms = f->n_comms;
	memcpy(s->comms, f->comms, sizeof(s->comms));
	for (side = 0; side < SIDES; side++) {
		s->n_cidrs[side] = f->n_cidrs[side];
		memcpy(s->cidrs[side], f->cidrs[side], sizeof(s->cidrs[side]));
	}
	bpf_map__set_max_entries(t->skel->maps.ring, t->config.ring_size);
}

struct tracer *tracer__open(const struct tracer_config *c, struct tracer_error *why)
{
	struct tracer *t = calloc(1, sizeof(*t));
	int err, i;

	WHY(why, "out of memory");
	if (!t)
		return NULL;
	t->config = *c;
	t->cgroup = -1;
	complaint[0] = verdict[0] = '\0';
	libbpf_set_print(on_libbpf);
	for (i = 0; hooks[i].program; i++)
		t->used[i] = wanted(c, hooks[i].need) &&
			     (!c->only_snapshot || hooks[i].kind == HOOK_ITERATOR);
	err = check_privileges(why);
	if (!err)
		err = check_btf(why);
	if (!err && !c->only_snapshot)
		err = open_cgroup(t, why);
	if (err >= 0)
		return t;
	tracer__free(t);
	errno = -err;
	return NULL;
}

static int put_set(const struct bpf_map *map, const void *keys, size_t n, size_t size)
{
	__u8 one = 1;
	size_t i;

	for (i = 0; i < n; i++)
		if (bpf_map__update_elem(map, (const char *)keys + i * size, size, &one,
					 sizeof(one), BPF_ANY))
			return -errno;
	return 0;
}

static int put_cgroups(struct tracer *t, struct tracer_error *why)
{
	static uint64_t ids[FILTER_SET_MAX];
	const char *missing = "";
	ssize_t n = cgroup__filter_ids(t->cgroup, t->config.filter, ids, FILTER_SET_MAX, &missing);

	if (n < 0) {
		WHY(why, "--cgroup: '%s' is not in the cgroup2 hierarchy (%s)", missing,
		    log__errno(n));
		return n;
	}
	return put_set(t->skel->maps.filter_cgroups, ids, n, sizeof(ids[0]));
}

static int put_filters(struct tracer *t, struct tracer_error *why)
{
	const struct socket_filter *f = t->config.filter;
	__u32 i;
	int err = 0;

	WHY(why, "the filters cannot be set");
	for (i = 0; i < f->n_pids && !err; i++)
		err = tracer__follow(t, f->pids[i]);
	if (!err)
		err = put_set(t->skel->maps.filter_uids, f->uids, f->n_uids, sizeof(f->uids[0]));
	if (!err)
		err = put_set(t->skel->maps.filter_netns, f->netns, f->n_netns,
			      sizeof(f->netns[0]));
	for (i = 0; !err && i < SIDES * PORT_WORDS; i++) {
		const uint64_t *word = &f->ports[i / PORT_WORDS][i % PORT_WORDS];

		if (*word && bpf_map__update_elem(t->skel->maps.filter_ports, &i, sizeof(i), word,
						  sizeof(*word), BPF_ANY))
			err = -errno;
	}
	if (!err && (f->on & FILTER_CGROUP))
		err = put_cgroups(t, why);
	return err;
}

/* The classic way, but for tracefs being mounted nowhere (cgroup.h). */
static struct bpf_link *attach_syscall(struct bpf_program *prog, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	struct bpf_link *link;
	int id = tracepoint__id("syscalls", name), fd;

	if (id < 0) {
		errno = -id;
		return NULL;
	}
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link)
		close(fd);
	return link;
}

static struct bpf_link *attach_task(struct bpf_program *prog, uint32_t tgid)
{
	union bpf_iter_link_info info = { .task.tid = tgid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(prog, &opts);
}

static int run_once(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

static int attach(struct tracer *t, int i)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(t->skel->obj, hooks[i].program);

	switch (hooks[i].kind) {
	case HOOK_RUN:
		return run_once(prog);
	case HOOK_CGROUP:
		t->links[i] = bpf_program__attach_cgroup(prog, t->cgroup);
		break;
	case HOOK_BTF:
		t->links[i] = bpf_program__attach_trace(prog);
		break;
	case HOOK_SYSCALL:
		t->links[i] = attach_syscall(prog, hooks[i].program);
		break;
	case HOOK_TASK:
		t->links[i] = attach_task(prog, getpid());
		break;
	case HOOK_ITERATOR:
		t->links[i] = bpf_program__attach_iter(prog, NULL);
		if (hooks[i].need == NEED_PORTS)
			t->options = t->links[i];
		else
			t->iterator = t->links[i];
		break;
	}
	return t->links[i] ? 0 : -errno;
}

static int attach_all(struct tracer *t, struct tracer_error *why)
{
	int i, err;

	for (i = 0; hooks[i].program; i++) {
		if (!t->used[i])
			continue;
		err = attach(t, i);
		if (!err)
			continue;
		if (hooks[i].required) {
			WHY(why, "%s cannot be attached: %s", hooks[i].name, log__errno(err));
			return err;
		}
		log__warn("%s cannot be attached (%s): going on without %s", hooks[i].name,
			  log__errno(err), hooks[i].without);
		t->used[i] = false;
	}
	return 0;
}

static int on_record(void *arg, void *data, size_t size)
{
	struct tracer *t = arg;

	t->event(t->event_arg, data, size);
	if (++t->consumed % 16)
		return 0;
	return t->consumed < CONSUME_MAX && host__now() < t->consume_until_ns ? 0 : -EAGAIN;
}

static int load(struct tracer *t, struct tracer_error *why)
{
	int i, err;

	complaint[0] = verdict[0] = '\0';
	t->skel = socklife_bpf__open();
	if (!t->skel)
		return -errno;
	for (i = 0; hooks[i].program; i++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(t->skel->obj,
									   hooks[i].program),
					  t->used[i]);
	fill_settings(t);
	tracer__clock(t);
	err = socklife_bpf__load(t->skel);
	if (err)
		WHY(why, "the kernel refuses the programs: %s%s",
		    complaint[0] ? complaint : log__errno(err), verdict);
	return err;
}

/* It changes by what a suspend lasted: less is the time between the two readings. */
void tracer__clock(struct tracer *t)
{
	int64_t now = host__suspended(), known = t->skel->bss->boottime_offset;

	if (llabs(now - known) >= CLOCK_STEP)
		t->skel->bss->boottime_offset = now;
}

static bool kernel_has(const struct hook *h, const struct btf *vmlinux)
{
	char name[128];

	if (h->kind != HOOK_BTF)
		return true;
	snprintf(name, sizeof(name), "btf_trace_%s", strchr(h->name, '/') + 1);
	return btf__find_by_name_kind(vmlinux, name, BTF_KIND_TYPEDEF) >= 0;
}

/* Gives up the optional hooks that this kernel may not have. How many, or -errno with *why set. */
static int drop_missing(struct tracer *t, struct tracer_error *why)
{
	struct btf *vmlinux = btf__load_vmlinux_btf();
	int i, dropped = 0;

	if (!vmlinux) {
		WHY(why, "the kernel's BTF cannot be read: %s", log__errno(errno));
		return -errno;
	}
	if (btf__find_by_name_kind(vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC) < 0) {
		t->no_casts = true;
		dropped++;
	}
	for (i = 0; hooks[i].program; i++) {
		if (!t->used[i] || (kernel_has(&hooks[i], vmlinux) && hooks[i].need != NEED_PORTS))
			continue;
		if (hooks[i].required) {
			WHY(why, "this kernel has no %s: without it there is no telling %s",
			    hooks[i].name, hooks[i].without);
			dropped = -EOPNOTSUPP;
			break;
		}
		log__warn("this kernel does not take %s: going on without %s", hooks[i].name,
			  hooks[i].without);
		t->used[i] = false;
		dropped++;
	}
	btf__free(vmlinux);
	return dropped;
}

static int load_what_is_there(struct tracer *t, struct tracer_error *why)
{
	int err = load(t, why), dropped;

	if (!err)
		return 0;
	if (check_kernel(why))
		return -EOPNOTSUPP;
	dropped = drop_missing(t, why);
	if (dropped <= 0)
		return dropped ? dropped : err;
	socklife_bpf__destroy(t->skel);
	return load(t, why);
}

/* --pid means what the user sees, the programs see the init namespace's numbers. */
static int check_pid_namespace(const struct tracer *t, struct tracer_error *why)
{
	if (!t->config.filter->n_pids || t->skel->bss->self_tgid == (__u32)getpid())
		return 0;
	WHY(why,
	    "--pid: process numbers of a pid namespace cannot be followed: run it in the host's "
	    "(for a container: --pid=host), or trace a command with --");
	return -EOPNOTSUPP;
}

int tracer__start(struct tracer *t, struct tracer_error *why)
{
	int err = load_what_is_there(t, why);

	if (err)
		return err;
	if (t->config.only_snapshot)
		return attach_all(t, why);
	err = put_filters(t, why);
	if (err)
		return err;
	t->slots = mmap(NULL, FACTS_SLOTS * FACTS_STRIDE, PROT_READ, MAP_SHARED,
			bpf_map__fd(t->skel->maps.slots), 0);
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.ring), on_record, t, NULL);
	if (t->slots == MAP_FAILED || !t->ring) {
		err = -errno;
		WHY(why, "the ring buffer cannot be mapped: %s", log__errno(err));
		return err;
	}
	err = attach_all(t, why);
	return err ? err : check_pid_namespace(t, why);
}

static void *detach(void *link)
{
	bpf_link__destroy(link);
	return NULL;
}

/* Each waits for a grace period of its own, tens of milliseconds: so all at once. */
static void detach_syscalls(struct tracer *t)
{
	pthread_t threads[HOOKS_MAX];
	int i, n = 0;

	for (i = 0; hooks[i].program; i++) {
		if (hooks[i].kind != HOOK_SYSCALL || !t->links[i])
			continue;
		if (pthread_create(&threads[n], NULL, detach, t->links[i]))
			continue; /* left to tracer__free() */
		t->links[i] = NULL;
		n++;
	}
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

void tracer__stop(struct tracer *t)
{
	int i;

	detach_syscalls(t);
	for (i = 0; i < HOOKS_MAX; i++) {
		if (!t->links[i] || hooks[i].kind == HOOK_ITERATOR)
			continue;
		bpf_link__destroy(t->links[i]);
		t->links[i] = NULL;
	}
}

void tracer__free(struct tracer *t)
{
	int i;

	if (!t)
		return;
	tracer__stop(t);
	for (i = 0; i < HOOKS_MAX; i++)
		bpf_link__destroy(t->links[i]);
	ring_buffer__free(t->ring);
	if (t->slots && t->slots != MAP_FAILED)
		munmap((void *)t->slots, FACTS_SLOTS * FACTS_STRIDE);
	socklife_bpf__destroy(t->skel);
	if (t->cgroup >= 0)
		close(t->cgroup);
	free(t);
}

int tracer__fd(const struct tracer *t)
{
	return ring_buffer__epoll_fd(t->ring);
}

int tracer__consume(struct tracer *t, tracer_event_fn *event, void *arg)
{
	t->event = event;
	t->event_arg = arg;
	t->consumed = 0;
	t->consume_until_ns = host__now() + CONSUME_NS;
	ring_buffer__consume(t->ring);
	return t->consumed;
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
	t->skel->bss->snapshot_mode = mode;
	t->skel->bss->snapshot_port = port;
	t->skel->bss->snapshot_netns = netns;
	return read_iterator(t->iterator, sizeof(struct ev_snapshot), event, arg);
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

	if (!t->options)
		return -EOPNOTSUPP;
	t->skel->bss->snapshot_port = port;
	return read_iterator(t->options, sizeof(struct port_options), on_options, &f);
}

int tracer__process(struct tracer *t, uint32_t tgid, struct ev_process *e)
{
	struct bpf_link *link = attach_task(t->skel->progs.process, tgid);
	int fd, err = link ? 0 : -errno;
	ssize_t n = 0;

	if (err)
		return err;
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
static uint64_t missed(struct tracer *t, struct lost *l)
{
	int fd = bpf_program__fd(t->skel->progs.inet_sock_set_state);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (!t->config.states || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	l->from_ns = t->last_losses_ns;
	l->to_ns = t->last_losses_ns = host__now();
	return info.recursion_misses;
}

void tracer__losses(struct tracer *t, void (*lost)(void *arg, const struct lost *l), void *arg)
{
	uint64_t epoch = t->skel->data->loss_epoch;
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
			total = missed(t, &l);
		l.count = total - t->losses[reason];
		t->losses[reason] = total;
		if (!l.count)
			continue;
		any = true;
		if (l.from_ns > l.to_ns)
			l.from_ns = l.to_ns;
		lost(arg, &l);
	}
	if (any)
		t->skel->data->loss_epoch = epoch + 1;
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

void tracer__adopt(struct tracer *t, bool on)
{
	t->skel->bss->adopt_children = on;
}

int tracer__follow(struct tracer *t, uint32_t tgid)
{
	__u32 state = FOLLOWED;

	if (bpf_map__update_elem(t->skel->maps.filter_pids, &tgid, sizeof(tgid), &state,
				 sizeof(state), BPF_NOEXIST))
		return -errno;
	__atomic_add_fetch(&t->skel->bss->tree_size, 1, __ATOMIC_RELAXED);
	return 0;
}

int64_t tracer__followed(const struct tracer *t)
{
	return __atomic_load_n(&t->skel->bss->tree_size, __ATOMIC_RELAXED);
}

void tracer__refresh(struct tracer *t)
{
	struct tracer_error why = { 0 };

	tracer__clock(t);
	if (t->config.filter->n_containers || t->config.filter->n_units)
		put_cgroups(t, &why);
}

int tracer__cgroup_fd(const struct tracer *t)
{
	return t->cgroup;
}

void tracer__hooks(const struct tracer *t, const char **names, size_t max)
{
	size_t n = 0;
	int i;

	for (i = 0; hooks[i].program && n + 1 < max; i++)
		if (t->used[i] && hooks[i].kind != HOOK_RUN &&
		    (!i || strcmp(hooks[i].name, hooks[i - 1].name)))
			names[n++] = hooks[i].name;
	names[n] = NULL;
}

/* Loads and attaches one program alone. */
static int try_hook(struct tracer *t, int i)
{
	struct tracer_error why;
	int err;

	memset(t->used, 0, sizeof(t->used));
	t->used[i] = true;
	err = load(t, &why);
	if (!err)
		err = attach(t, i);
	bpf_link__destroy(t->links[i]);
	t->links[i] = NULL;
	socklife_bpf__destroy(t->skel);
	t->skel = NULL;
	return err;
}

int tracer__check(void (*report)(void *arg, const struct hook_status *s), void *arg,
		  struct tracer_error *why)
{
	static const struct socket_filter all = {
		.tcp = true, .udp = true, .ipv4 = true, .ipv6 = true
	};
	struct tracer t = { .config = { .filter = &all, .sends = true, .ring_size = 4096 },
			    .cgroup = -1 };
	int i, err;

	libbpf_set_print(on_libbpf);
	err = check_privileges(why);
	if (!err)
		err = check_btf(why);
	if (!err)
		err = check_kernel(why);
	if (!err)
		err = open_cgroup(&t, why);
	if (err < 0)
		return err;
	for (i = 0; hooks[i].program; i++) {
		struct hook_status s = {
			.name = hooks[i].name,
			.kind = hook__kind_name(hooks[i].kind),
			.without = hooks[i].without,
			.required = hooks[i].required,
			.wanted = wanted(&t.config, hooks[i].need),
			.only = hooks[i].need == NEED_PORTS ? "only for ports PORT" :
							      "only with --follow or -- CMD",
			.error = try_hook(&t, i),
		};

		if (hooks[i].kind != HOOK_RUN)
			report(arg, &s);
	}
	close(t.cgroup);
	return 0;
}
