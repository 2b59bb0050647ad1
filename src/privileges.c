// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * privileges.c - drops capabilities (which are kept is a table), sets no_new_privs, and installs the seccomp
 * filter.
 */
#include "privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "log.h"

/* --- capabilities --- */

/*
 * Found by experiment (docs/security.md). SYS_ADMIN: setns() into network namespaces, a container's listeners are asked
 * for inside. SYS_PTRACE, DAC_READ_SEARCH: /proc/PID of other users' processes; the latter also for a cgroup by its id.
 */
#define ASKING                                                                                     \
	(PRIVILEGE(CAP_SYS_ADMIN) | PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_DAC_READ_SEARCH))

static const uint64_t capabilities[] = {
	[PRIVILEGES_OFFLINE] = 0,
	[PRIVILEGES_LIVE] = ASKING,
	[PRIVILEGES_RECORD] = ASKING,
};

struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
};

static int caps__get(struct caps *c)
{
	*c = (struct caps){ .head.version = _LINUX_CAPABILITY_VERSION_3 };
	return syscall(SYS_capget, &c->head, c->data) ? -errno : 0;
}

static int caps__set(struct caps *c)
{
	return syscall(SYS_capset, &c->head, c->data) ? -errno : 0;
}

static int keep_only(uint64_t keep)
{
	struct caps c;
	int err = caps__get(&c);

	for (int i = 0; i < 2 && !err; i++) {
		c.data[i].permitted &= (uint32_t)(keep >> 32 * i);
		c.data[i].effective &= c.data[i].permitted;
		c.data[i].inheritable = 0;
	}
	return err ? err : caps__set(&c);
}

/* Calls look() with no capability in effect. What it returns, or `otherwise`. */
static bool without(bool (*look)(const void *arg), const void *arg, bool otherwise)
{
	struct caps have, none;
	bool result;

	if (caps__get(&have))
		return otherwise;
	none = have;
	none.data[0].effective = none.data[1].effective = 0;
	if (caps__set(&none))
		return otherwise;
	result = look(arg);
	caps__set(&have);
	return result;
}

/* SYS_ADMIN stands for each of these where BPF is concerned (bpf_capable and the like). */
static const struct {
	int cap;
	const char *name;
} to_load[] = {
	{ CAP_BPF, "CAP_BPF" },
	{ CAP_PERFMON, "CAP_PERFMON" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
};

static const struct {
	int cap;
	const char *name, *without;
} optional[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN",
	  "sock_diag of other network namespaces (evidence there is estimated)" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE",
	  "sock_diag of network namespaces that have no name in /run/netns and others' processes" },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH",
	  "the cgroup, unit and container of a process" },
};

static bool caps__has(const struct caps *c, int cap)
{
	return c->data[cap / 32].effective & 1u << cap % 32;
}

void privileges__missing(char *text, size_t size)
{
	size_t i, n = 0;
	struct caps c;

	*text = '\0';
	if (caps__get(&c) || caps__has(&c, CAP_SYS_ADMIN))
		return; /* else the kernel will say it itself */
	for (i = 0; i < sizeof(to_load) / sizeof(to_load[0]) && n < size; i++)
		if (!caps__has(&c, to_load[i].cap))
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "",
					      to_load[i].name);
}

void privileges__optional(void (*report)(void *arg, const struct privilege_status *s), void *arg)
{
	struct caps c;
	size_t i;

	for (i = 0; !caps__get(&c) && i < sizeof(optional) / sizeof(optional[0]); i++) {
		const struct privilege_status s = { .name = optional[i].name,
						    .without = optional[i].without,
						    .works = caps__has(&c, optional[i].cap) };

		report(arg, &s);
	}
}

struct paths {
	char *const *paths;
	size_t n;
};

static bool may_read(int dir, const char *name)
{
	return !faccessat(dir, name, R_OK, AT_EACCESS) || errno != EACCES;
}

static bool may_read_all_of(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	bool may = true;

	if (!dir)
		return errno != EACCES;
	while (may && (e = readdir(dir)))
		may = may_read(dirfd(dir), e->d_name);
	closedir(dir);
	return may;
}

static bool may_read_paths(const void *arg)
{
	const struct paths *p = arg;
	bool may = true;

	for (size_t i = 0; i < p->n && may; i++)
		if (p->paths[i] && strcmp(p->paths[i], "-") != 0)
			may = may_read(AT_FDCWD, p->paths[i]) && may_read_all_of(p->paths[i]);
	return may;
}

uint64_t privileges__to_read(char *const *paths, size_t n)
{
	struct paths p = { paths, n };

	return without(may_read_paths, &p, false) ? 0 : PRIVILEGE(CAP_DAC_READ_SEARCH);
}

static bool may_write(const void *arg)
{
	return !faccessat(AT_FDCWD, arg, W_OK | X_OK, AT_EACCESS);
}

uint64_t privileges__to_write(const char *dir)
{
	return without(may_write, dir, false) ? 0 : PRIVILEGE(CAP_DAC_OVERRIDE);
}

/* --- system calls --- */

enum {
	OFFLINE = 1 << PRIVILEGES_OFFLINE,
	LIVE = 1 << PRIVILEGES_LIVE,
	RECORD = 1 << PRIVILEGES_RECORD,
	SERVES = 1 << (PRIVILEGES_RECORD + 1)
};
#define ASKS (LIVE | RECORD)
#define ALL  (OFFLINE | ASKS)

/* Every name that an architecture has for it: those that this one has not are left out. */
static const struct {
	unsigned int who;
	const char *names[32];
} plain[] = {
	/* open descriptors */
	{ ALL, { "read",     "readv",        "pread64",   "write",        "writev",
		 "pwrite64", "lseek",        "_llseek",   "close",        "fcntl",
		 "fcntl64",  "flock",        "ftruncate", "ftruncate64",  "poll",
		 "ppoll",    "ppoll_time64", "fadvise64", "fadvise64_64", "arm_fadvise64_64" } },
	/* names, without changing anything */
	{ ALL,
	  { "fstat", "fstat64", "newfstatat", "fstatat64", "stat", "stat64", "lstat", "lstat64",
	    "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
	    "getcwd", "fstatfs", "fstatfs64" } },
	/* memory and threads */
	{ ALL,
	  { "munmap", "mremap", "madvise", "brk", "futex", "futex_time64", "sched_yield",
	    "sched_getaffinity", "set_robust_list", "rseq", "membarrier", "exit", "exit_group",
	    "getpid", "gettid" } },
	/* time */
	{ ALL,
	  { "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
	    "clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time",
	    "restart_syscall" } },
	/* who and where it is; signals */
	{ ALL, { "getuid",       "geteuid",   "getgid",       "getegid",        "getuid32",
		 "geteuid32",    "getgid32",  "getegid32",    "uname",          "sysinfo",
		 "getrandom",    "capget",    "rt_sigaction", "rt_sigprocmask", "rt_sigpending",
		 "rt_sigreturn", "sigreturn", "sigaltstack",  "getrlimit",      "ugetrlimit" } },
	/* the event loop, threads of its own and a command */
	{ ASKS,
	  { "epoll_create1",
	    "epoll_ctl",
	    "epoll_wait",
	    "epoll_pwait",
	    "eventfd2",
	    "signalfd4",
	    "timerfd_create",
	    "dup",
	    "dup2",
	    "dup3",
	    "memfd_create",
	    "timerfd_settime",
	    "timerfd_settime64",
	    "wait4",
	    "waitid",
	    "prctl",
	    "capset",
	    "sched_setscheduler",
	    "sched_getscheduler",
	    "sched_getparam",
	    "sched_get_priority_min",
	    "sched_get_priority_max" } },
	/* sock_diag and rtnetlink; the service manager; who a user is (nscd, sssd) */
	{ ASKS,
	  { "bind", "connect", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto",
	    "sendmsg", "sendmmsg", "recvfrom", "recvmsg" } },
	/* the path of a cgroup by its id */
	{ ASKS, { "open_by_handle_at" } },
	/* segments of the log */
	{ RECORD,
	  { "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "fsync",
	    "fdatasync", "fallocate", "utimensat", "utimensat_time64", "fchmod", "statfs",
	    "statfs64" } },
	/* --metrics: its listener is open by then */
	{ SERVES, { "accept4", "shutdown" } },
};

#define IS(i, value)                                                                               \
	{                                                                                          \
		.arg = (i), .op = SCMP_CMP_EQ, .datum_a = (value)                                  \
	}
#define MASKED(i, mask, value)                                                                     \
	{                                                                                          \
		.arg = (i), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)        \
	}
#define CHANGES        (O_ACCMODE | O_CREAT | O_TRUNC)
#define CREATES_THREAD (CLONE_VM | CLONE_THREAD)

/* With these arguments only. */
static const struct {
	const char *name;
	struct scmp_arg_cmp args[2];
	unsigned int who, n;
} with_arguments[] = {
	{ "openat", { MASKED(2, CHANGES, O_RDONLY) }, OFFLINE | LIVE, 1 },
	{ "open", { MASKED(1, CHANGES, O_RDONLY) }, OFFLINE | LIVE, 1 },
	{ "openat", { { 0 } }, RECORD, 0 },
	{ "open", { { 0 } }, RECORD, 0 },
	/* code: what looks up users is loaded when it is first needed */
	{ "mmap", { MASKED(2, PROT_EXEC, 0) }, OFFLINE, 1 },
	{ "mmap2", { MASKED(2, PROT_EXEC, 0) }, OFFLINE, 1 },
	{ "mprotect", { MASKED(2, PROT_EXEC, 0) }, OFFLINE, 1 },
	{ "mmap", { { 0 } }, ASKS, 0 },
	{ "mmap2", { { 0 } }, ASKS, 0 },
	{ "mprotect", { { 0 } }, ASKS, 0 },
	/* no process; clone3() has its flags in memory, where none can look, and libc does without */
	{ "clone", { MASKED(0, CREATES_THREAD, CREATES_THREAD) }, ASKS, 1 },
	/* to look, not to change */
	{ "prlimit64", { IS(2, 0) }, ALL, 1 },
	{ "setns", { IS(1, CLONE_NEWNET) }, ASKS, 1 },
	{ "socket", { IS(0, AF_UNIX) }, ASKS, 1 },
	{ "socket", { IS(0, AF_NETLINK) }, ASKS, 1 },
	/* nothing is loaded, or attached but an iterator */
	{ "bpf", { IS(0, BPF_MAP_LOOKUP_ELEM) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_MAP_UPDATE_ELEM) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_MAP_DELETE_ELEM) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_MAP_GET_NEXT_KEY) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_MAP_LOOKUP_BATCH) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_OBJ_GET_INFO_BY_FD) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_LINK_CREATE) }, ASKS, 1 },
	{ "bpf", { IS(0, BPF_ITER_CREATE) }, ASKS, 1 },
	/* the terminal, not TIOCSTI; sizes; interfaces by name; the end of a tracepoint's event */
	{ "ioctl", { IS(1, TCGETS) }, ALL, 1 },
	{ "ioctl", { IS(1, TIOCGWINSZ) }, ALL, 1 },
	{ "ioctl", { IS(1, TCSETS) }, ASKS, 1 },
	{ "ioctl", { IS(1, TCSETSW) }, ASKS, 1 },
	{ "ioctl", { IS(1, TCSETSF) }, ASKS, 1 },
	{ "ioctl", { IS(1, TCFLSH) }, ASKS, 1 },
	{ "ioctl", { IS(1, TCXONC) }, ASKS, 1 },
	{ "ioctl", { IS(1, FIONREAD) }, ASKS, 1 },
	{ "ioctl", { IS(1, SIOCGIFINDEX) }, ASKS, 1 },
	{ "ioctl", { IS(1, PERF_EVENT_IOC_DISABLE) }, ASKS, 1 },
};

static int add(scmp_filter_ctx ctx, const char *name, unsigned int n,
	       const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name), err;

	if (nr == __NR_SCMP_ERROR)
		return 0; /* libseccomp is older than this system call */
	err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, n, args);
	return err == -EDOM || err == -EEXIST ? 0 : err; /* EDOM: not on this architecture */
}

/* Signals to itself: Ctrl-Z, abort(). With CAP_KILL it has a command, whose processes it tells to end. */
static int add_signals(scmp_filter_ctx ctx, uint64_t more)
{
	const struct scmp_arg_cmp self = IS(0, (scmp_datum_t)getpid());
	int err = add(ctx, "tgkill", 1, &self);

	return err ? err : add(ctx, "kill", !(more & PRIVILEGE(CAP_KILL)), &self);
}

static int add_all(scmp_filter_ctx ctx, unsigned int who)
{
	size_t i, k;
	int err = 0;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		for (k = 0; (plain[i].who & who) && plain[i].names[k] && !err; k++)
			err = add(ctx, plain[i].names[k], 0, NULL);
	for (i = 0; i < sizeof(with_arguments) / sizeof(with_arguments[0]) && !err; i++)
		if (with_arguments[i].who & who)
			err = add(ctx, with_arguments[i].name, with_arguments[i].n,
				  with_arguments[i].args);
	return err;
}

/*
 * What is not listed fails with ENOSYS, as on a kernel that has not got it. Not death: a libc that begins to use another
 * system call would end the log of a host; it does without on ENOSYS. And not logged: glibc tries clone3() first for
 * each thread, and there is a thread for each question about another network namespace.
 */
static int limit_calls(enum privileges p, uint64_t more)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = ctx ? 0 : -ENOMEM;

	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (!err)
		err = add_all(ctx, 1u << p | (more & PRIVILEGE_SERVE ? SERVES : 0));
	if (!err)
		err = add_signals(ctx, more);
	if (!err)
		err = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return err;
}

/* The leak checker, which comes last, makes a process and traces this one; a fuzz target goes on to the next input. */
#if defined(__SANITIZE_ADDRESS__) || defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
#define UNLIMITED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNLIMITED true
#endif
#endif
#ifndef UNLIMITED
#define UNLIMITED false
#endif

/* --- both --- */

void privileges__drop_thread(enum privileges p, uint64_t more)
{
	int err = keep_only(capabilities[p] | more);

	if (err)
		log__warn("capabilities cannot be given up (%s): going on with all of them",
			  log__errno(err));
}

void privileges__drop(enum privileges p, uint64_t more)
{
	int err;

	privileges__drop_thread(p, more);
	err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
	if (!err && !UNLIMITED)
		err = limit_calls(p, more);
	if (err)
		log__warn("system calls cannot be limited (%s): going on with all of them",
			  log__errno(err));
}
