// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tracer.c - what must be there is checked, then the programs are loaded and their hooks attached; one hook tried
 * after the other for `check`.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "cgroup.h"
#include "hooks.h"
#include "host.h"
#include "inside.h"
#include "log.h"
#include "privileges.h"
#include "tracer_parts.h"

static int check_privileges(struct tracer_error *why)
{
	char missing[128];

	if (!inside__user_namespace()) {
		WHY(why,
		    "in a user namespace, whose root may not load programs: run it in the host's "
		    "(docker: --userns=host; Kubernetes: hostUsers: true; not with a rootless runtime)");
		return -EPERM;
	}
	privileges__missing(missing, sizeof(missing));
	if (!missing[0])
		return 0;
	WHY(why,
	    "not enough privileges: run it as root (missing: %s); socklife check says what else is of use",
	    missing);
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

/* bpf_rdonly_cast() came with Linux 6.2. A kernel that is newer and has none is told by its BTF when nothing loads. */
static bool is_older_than_casts(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u = { 0 };

	uname(&u);
	return sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 2));
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
	t->no_casts = is_older_than_casts();
	libbpf_set_print(tracer__on_libbpf);
	for (i = 0; hooks[i].program; i++)
		t->used[i] = wanted(c, hooks[i].need) &&
			     (!c->only_snapshot || hooks[i].kind == HOOK_ITERATOR);
	err = check_privileges(why);
	if (!err)
		err = check_btf(why);
	if (!err)
		return t;
	tracer__free(t);
	errno = -err;
	return NULL;
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

static int run_once(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

static int attach(struct tracer *t, int i)
{
	struct bpf_program *prog = t->programs[i];

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
		t->links[i] = attach_syscall(prog, strchr(hooks[i].name, '/') + 1);
		break;
	case HOOK_TASK:
		t->links[i] = tracer__attach_task(prog, getpid());
		if (!strcmp(hooks[i].program, "sweep"))
			t->sweeper = t->links[i];
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

static bool kernel_has(const struct hook *h, const struct btf *vmlinux)
{
	char name[128];

	if (h->kind != HOOK_BTF)
		return true;
	snprintf(name, sizeof(name), "btf_trace_%s", strchr(h->name, '/') + 1);
	return btf__find_by_name_kind(vmlinux, name, BTF_KIND_TYPEDEF) >= 0;
}

/* The kernel's own types, the caller's to free. NULL with errno and *why set. */
static struct btf *load_vmlinux(struct tracer_error *why)
{
	struct btf *vmlinux = btf__load_vmlinux_btf();

	if (!vmlinux)
		WHY(why, "the kernel's BTF cannot be read: %s", log__errno(errno));
	return vmlinux;
}

static bool has_casts(const struct btf *vmlinux)
{
	return btf__find_by_name_kind(vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC) >= 0;
}

/* Gives up the optional hooks that this kernel may not have. How many, or -errno with *why set. */
static int drop_missing(struct tracer *t, struct tracer_error *why)
{
	struct btf *vmlinux = load_vmlinux(why);
	int i, dropped = 0;

	if (!vmlinux)
		return -errno;
	if (!t->no_casts && !has_casts(vmlinux)) {
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
	int err = tracer__load(t, why), dropped;

	if (!err)
		return 0;
	if (check_kernel(why))
		return -EOPNOTSUPP;
	dropped = drop_missing(t, why);
	if (dropped <= 0)
		return dropped ? dropped : err;
	tracer__unload(t);
	return tracer__load(t, why);
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

struct cgroup_opening {
	struct tracer *tracer;
	struct tracer_error why;
	int err;
};

static void *open_cgroup_beside(void *arg)
{
	struct cgroup_opening *o = arg;
	int fd = open_cgroup(o->tracer, &o->why);

	o->err = fd < 0 ? fd : 0;
	return NULL;
}

/* A mount waits for a grace period, some 10 ms: meanwhile the programs are loaded. Its error goes first. */
static int load_and_open_cgroup(struct tracer *t, struct tracer_error *why)
{
	struct cgroup_opening o = { .tracer = t };
	pthread_t thread;
	int err;

	if (pthread_create(&thread, NULL, open_cgroup_beside, &o)) {
		open_cgroup_beside(&o);
		err = o.err ? o.err : load_what_is_there(t, why);
	} else {
		err = load_what_is_there(t, why);
		pthread_join(thread, NULL);
	}
	if (!o.err)
		return err;
	*why = o.why;
	return o.err;
}

int tracer__start(struct tracer *t, struct tracer_error *why)
{
	int err;

	if (t->config.only_snapshot) {
		err = load_what_is_there(t, why);
		return err ? err : attach_all(t, why);
	}
	err = load_and_open_cgroup(t, why);
	if (err)
		return err;
	err = tracer__put_filters(t, why);
	if (err)
		return err;
	err = tracer__open_ring(t);
	if (err) {
		WHY(why, "the ring buffer cannot be mapped: %s", log__errno(err));
		return err;
	}
	t->attaching_ns = t->last_losses_ns = host__now();
	err = attach_all(t, why);
	return err ? err : check_pid_namespace(t, why);
}

uint64_t tracer__attaching(const struct tracer *t)
{
	return t->attaching_ns;
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
	t->sweeper = NULL;
}

void tracer__free(struct tracer *t)
{
	int i;

	if (!t)
		return;
	tracer__stop(t);
	for (i = 0; i < HOOKS_MAX; i++)
		bpf_link__destroy(t->links[i]);
	tracer__close_ring(t);
	tracer__unload(t);
	if (t->cgroup >= 0)
		close(t->cgroup);
	free(t);
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
		if (t->used[i] && hooks[i].kind != HOOK_RUN)
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
	err = tracer__load(t, &why);
	if (!err)
		err = attach(t, i);
	bpf_link__destroy(t->links[i]);
	t->links[i] = NULL;
	tracer__unload(t);
	return err;
}

int tracer__check(void (*report)(void *arg, const struct hook_status *s), void *arg,
		  struct tracer_error *why)
{
	static const struct socket_filter all = {
		.tcp = true, .udp = true, .ipv4 = true, .ipv6 = true
	};
	struct tracer t = {
		.config = { .filter = &all, .sends = true, .only_try = true, .ring_size = 4096 },
		.cgroup = -1
	};
	struct btf *vmlinux;
	int i, err;

	libbpf_set_print(tracer__on_libbpf);
	err = check_privileges(why);
	if (!err)
		err = check_btf(why);
	if (!err)
		err = check_kernel(why);
	if (err)
		return err;
	vmlinux = load_vmlinux(why);
	if (!vmlinux)
		return -errno;
	t.no_casts = !has_casts(vmlinux);
	btf__free(vmlinux);
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
