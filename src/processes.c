// SPDX-License-Identifier: GPL-2.0-or-later
/* processes.c - the table of processes, by number, start and count of execs; least recently used first out. */
#include "processes.h"

#include <stdlib.h>
#include <string.h>
#include "decode.h"
#include "detect.h"

#define BUCKETS       4096 /* power of two */
#define USERS         64   /* names remembered; power of two */
#define USER_NS       60000000000ull
#define PROCESS_LEAST 16

enum source {
	SOURCE_NONE,     /* nobody could tell */
	SOURCE_ASKED,    /* the kernel, later than its first record */
	SOURCE_ANCESTOR, /* the kernel side, for a descendant's sake */
	SOURCE_TOLD,     /* the kernel side, at its first record */
};

struct known {
	struct ev_owner proc;
	struct ev_owner parents[PROCESS_PARENTS];
	char *exe;  /* NULL: not known */
	char *args; /* NULL: not known */
	uint64_t cgroup_id;
	uint32_t program;
	uint32_t uid, euid, loginuid, session, nspid;
	uint32_t told_in; /* the round in which its record was written; 0: in none */
	uint16_t args_len;
	uint8_t source;
	bool uid_known;
	bool exe_inherited; /* exe and args are those of its parent */
	struct known *next; /* in the bucket */
	struct known *older, *newer;
};

struct user {
	uint64_t asked_ns; /* 0: free */
	uint32_t uid;
	char name[PROCESS_USER_MAX];
};

struct processes {
	const struct kernel *kernel;
	struct known *buckets[BUCKETS];
	struct known *oldest, *newest;
	size_t count, max;
	uint32_t round;
	struct user users[USERS];
};

struct processes *processes__new(const struct kernel *k, size_t max)
{
	struct processes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->kernel = k;
	ps->max = max < PROCESS_LEAST ? PROCESS_LEAST : max;
	ps->round = 1;
	return ps;
}

static struct known **bucket(struct processes *ps, const struct ev_owner *o)
{
	uint64_t h = (o->start_ns + o->exec) * 0x9e3779b97f4a7c15ull + o->tgid;

	return &ps->buckets[(h ^ h >> 32) * 0x9e3779b1u >> 7 & (BUCKETS - 1)];
}

static bool is(const struct known *k, const struct ev_owner *o)
{
	return k->proc.tgid == o->tgid && k->proc.start_ns == o->start_ns &&
	       k->proc.exec == o->exec;
}

static void unlink_age(struct processes *ps, struct known *k)
{
	*(k->older ? &k->older->newer : &ps->oldest) = k->newer;
	*(k->newer ? &k->newer->older : &ps->newest) = k->older;
}

static void link_newest(struct processes *ps, struct known *k)
{
	k->newer = NULL;
	k->older = ps->newest;
	*(ps->newest ? &ps->newest->newer : &ps->oldest) = k;
	ps->newest = k;
}

static void drop(struct processes *ps, struct known *k)
{
	struct known **at = bucket(ps, &k->proc);

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	unlink_age(ps, k);
	free(k->exe);
	free(k->args);
	free(k);
	ps->count--;
}

void processes__free(struct processes *ps)
{
	if (!ps)
		return;
	while (ps->oldest)
		drop(ps, ps->oldest);
	free(ps);
}

static struct known *look_up(struct processes *ps, const struct ev_owner *o)
{
	struct known *k = *bucket(ps, o);

	while (k && !is(k, o))
		k = k->next;
	if (k && k != ps->newest) {
		unlink_age(ps, k);
		link_newest(ps, k);
	}
	return k;
}

static struct known *add(struct processes *ps, const struct ev_owner *o)
{
	struct known *k = calloc(1, sizeof(*k)), **at = bucket(ps, o);

	if (!k)
		return NULL;
	if (ps->count == ps->max) {
		drop(ps, ps->oldest);
		at = bucket(ps, o);
	}
	k->proc = *o;
	k->next = *at;
	*at = k;
	link_newest(ps, k);
	ps->count++;
	return k;
}

/* From components, the file's first, to a path. NULL where there is none. */
static char *exe_path(const struct ev_process *e)
{
	const char *from = e->exe, *end = e->exe + e->exe_len;
	const char *lead = e->flags & PROCESS_EXE_CUT ? "..." : "";
	size_t size = strlen(lead) + e->exe_len + 1, n;
	char *path, *to;

	if (!e->exe_len)
		return NULL;
	path = malloc(size);
	if (!path)
		return NULL;
	memcpy(path, lead, strlen(lead));
	to = path + size - 1;
	*to = '\0';
	for (; from < end; from += n + 1) {
		n = strnlen(from, end - from - 1);
		to -= n;
		memcpy(to, from, n);
		*--to = '/';
	}
	return path;
}

/* The program is what the path names; one that was cut names it well enough. */
static void set_exe(struct known *k, char *exe)
{
	uint64_t h = exe ? detect__hash(0, exe, strlen(exe)) : 0;

	free(k->exe);
	k->exe = exe;
	k->program = exe ? (uint32_t)(h ^ h >> 32) | 1 : 0;
}

/* What overwrote its arguments (setproctitle) filled the rest with NULs: one empty one can be meant. */
static size_t args_end(const char *args, size_t n)
{
	size_t end = n;

	while (end && !args[end - 1])
		end--;
	return n - end > 2 ? end : n;
}

static void set_args(struct known *k, const char *args, size_t n)
{
	n = args_end(args, n);
	free(k->args);
	k->args = n ? malloc(n) : NULL;
	k->args_len = k->args ? n : 0;
	if (k->args)
		memcpy(k->args, args, n);
}

static void keep(struct known *k, const struct ev_process *e, enum source source)
{
	k->source = source;
	k->uid_known = true;
	k->proc = e->proc;
	k->cgroup_id = e->cgroup_id;
	k->uid = e->uid;
	k->euid = e->euid;
	k->loginuid = e->loginuid;
	k->session = e->session;
	k->nspid = e->nspid;
	k->exe_inherited = false;
	memcpy(k->parents, e->parents, sizeof(k->parents));
	set_exe(k, exe_path(e));
	set_args(k, e->args, e->args_len);
}

/*
 * A child that did nothing before its end but hold what it inherited is told when it has no memory any
 * more. Without an exec since the fork it is what its parent is.
 */
static void inherit(struct processes *ps, struct known *k)
{
	const struct known *parent;

	if (k->exe || !k->parents[0].tgid || k->parents[0].exec != k->proc.exec)
		return;
	parent = look_up(ps, &k->parents[0]);
	if (!parent || !parent->exe)
		return;
	set_exe(k, strdup(parent->exe));
	if (parent->args)
		set_args(k, parent->args, parent->args_len);
	k->exe_inherited = true;
}

void processes__event(struct processes *ps, const struct ev_process *e)
{
	bool ancestor = e->flags & PROCESS_ANCESTOR;
	struct known *k = look_up(ps, &e->proc);

	if (k && k->source == SOURCE_TOLD && ancestor)
		return;
	if (!k)
		k = add(ps, &e->proc);
	if (!k)
		return;
	keep(k, e, ancestor ? SOURCE_ANCESTOR : SOURCE_TOLD);
	inherit(ps, k);
}

/* An answer is as hostile as an event is, and it may be of another process with the same number. */
static void ask(struct processes *ps, struct known *k)
{
	struct ask_process q = { .tgid = k->proc.tgid,
				 .exec = k->proc.exec,
				 .start_ns = k->proc.start_ns };
	struct ev_process raw;
	union event e;
	ssize_t n = kernel__ask(ps->kernel, ASK_PROCESS, &q, sizeof(q), &raw, sizeof(raw));

	if (n != sizeof(raw) || decode__event(&e, &raw, n) || e.head.type != EV_PROCESS ||
	    !is(k, &e.process.proc))
		return;
	keep(k, &e.process, SOURCE_ASKED);
}

static void acts(struct known *k, const struct ev_actor *a)
{
	if (k->source != SOURCE_NONE || !a->tid)
		return;
	k->uid = a->uid;
	k->uid_known = true;
	k->cgroup_id = a->cgroup_id;
	k->nspid = a->nspid;
}

struct known *processes__find(struct processes *ps, const struct ev_owner *o,
			      const struct ev_actor *a)
{
	struct known *k = look_up(ps, o);

	if (!k || k->source == SOURCE_ANCESTOR) {
		if (!k)
			k = add(ps, o);
		if (!k)
			return NULL;
		ask(ps, k);
	}
	if (a)
		acts(k, a);
	return k;
}

const char *processes__exe(const struct known *k)
{
	return k->exe;
}

uint32_t processes__program(const struct known *k)
{
	return k->program;
}

bool processes__due(struct processes *ps, struct known *k)
{
	bool due = k->told_in != ps->round;

	k->told_in = ps->round;
	return due;
}

void processes__tell_again(struct processes *ps)
{
	ps->round++;
}

/* A name can change, and come later than its number. */
static const char *user_name(struct processes *ps, uint32_t uid, uint64_t now_ns)
{
	struct user *u = &ps->users[uid & (USERS - 1)];
	ssize_t n;

	if (u->asked_ns && u->uid == uid && now_ns - u->asked_ns < USER_NS)
		return u->name;
	memset(u, 0, sizeof(*u));
	n = kernel__ask(ps->kernel, ASK_USER, &uid, sizeof(uid), u->name, sizeof(u->name) - 1);
	u->name[n > 0 ? n : 0] = '\0';
	u->uid = uid;
	u->asked_ns = now_ns;
	return u->name;
}

static void describe_parents(struct processes *ps, const struct known *k, struct process *p)
{
	size_t i;

	for (i = 0; i < PROCESS_PARENTS && k->parents[i].tgid; i++) {
		struct known *parent = look_up(ps, &k->parents[i]);

		if (!parent)
			parent = processes__find(ps, &k->parents[i], NULL);
		p->parents[i] = k->parents[i];
		p->parent_exe[i] = parent ? parent->exe : NULL;
	}
	p->n_parents = i;
}

uint32_t processes__describe(struct processes *ps, struct known *k, uint64_t now_ns,
			     struct process *p)
{
	uint32_t inferred = k->source == SOURCE_ASKED ? INFERRED_WHO : 0;

	*p = (struct process){
		.proc = k->proc,
		.whole = k->source == SOURCE_TOLD || k->source == SOURCE_ASKED,
		.exe = k->exe,
		.args = k->args,
		.args_len = k->args_len,
		.cgroup_id = k->cgroup_id,
		.uid_known = k->uid_known,
		.uid = k->uid,
		.euid = k->euid,
		.loginuid = k->loginuid,
		.session = k->session,
		.nspid = k->nspid,
	};
	if (k->uid_known)
		memcpy(p->user, user_name(ps, k->uid, now_ns), sizeof(p->user));
	describe_parents(ps, k, p);
	if (k->exe && (k->source == SOURCE_ASKED || k->exe_inherited))
		inferred |= INFERRED_EXE;
	if (k->args && (k->source == SOURCE_ASKED || k->exe_inherited))
		inferred |= INFERRED_ARGS;
	return inferred;
}
