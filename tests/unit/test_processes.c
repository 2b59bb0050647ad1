// SPDX-License-Identifier: GPL-2.0-or-later
/* Who acts: what the kernel side told, what is asked for, what is told again, what is dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "processes.h"
#include "sample.h"

/* A kernel that knows at most one process, and one user. */
static struct {
	struct ev_process process;
	ssize_t size; /* of the answer; 0: it has ended */
	unsigned int asked, asked_user;
	struct ask_process last;
} stub;

static ssize_t stub_ask(void *arg, enum question q, const void *question, size_t len, void *answer,
			size_t max)
{
	(void)arg;
	if (q == ASK_USER) {
		stub.asked_user++;
		memcpy(answer, "alice", 5);
		return 5;
	}
	assert_int_equal(q, ASK_PROCESS);
	assert_int_equal(len, sizeof(stub.last));
	assert_true(max >= sizeof(stub.process));
	memcpy(&stub.last, question, len);
	stub.asked++;
	if (!stub.size)
		return -ESRCH;
	memcpy(answer, &stub.process, sizeof(stub.process));
	return stub.size;
}

static const struct kernel kernel = { .ask = stub_ask };
static struct process said;

static struct processes *begin(void)
{
	memset(&stub, 0, sizeof(stub));
	return processes__new(&kernel, 100);
}

static void knows(const union event *e)
{
	stub.process = e->process;
	stub.size = sizeof(stub.process);
}

/* What is known of it, as its record has it. */
static uint32_t describe(struct processes *ps, const struct ev_owner *o)
{
	struct known *k = processes__find(ps, o, NULL);

	assert_non_null(k);
	return processes__describe(ps, k, T0, &said);
}

static void told_by_the_kernel_side(void **state)
{
	union event e = sample__told(9001, "curl", "/usr/bin/curl");
	struct processes *ps = begin();
	struct known *k;

	(void)state;
	e.process.args_len = 9;
	memcpy(e.process.args, "curl\0-s\0x", 9);
	e.process.uid = e.process.euid = 1000;
	processes__event(ps, &e.process);
	assert_int_equal(describe(ps, &e.process.proc), 0);
	assert_string_equal(said.exe, "/usr/bin/curl");
	assert_int_equal(said.args_len, 9);
	assert_memory_equal(said.args, "curl\0-s\0x", 9);
	assert_true(said.whole);
	assert_int_equal(said.uid, 1000);
	assert_string_equal(said.user, "alice");
	assert_int_equal(said.n_parents, 1);
	assert_int_equal(said.parents[0].tgid, 1);
	assert_null(said.parent_exe[0]);
	assert_int_equal(said.loginuid, UINT32_MAX);
	assert_int_equal(said.cgroup_id, 7);
	k = processes__find(ps, &e.process.proc, NULL);
	assert_string_equal(processes__exe(k), "/usr/bin/curl");
	assert_true(processes__program(k) != 0);
	assert_int_equal(stub.asked, 1); /* only its parent was asked for, and only once */
	assert_int_equal(stub.last.tgid, 1);
	describe(ps, &e.process.proc);
	assert_int_equal(stub.asked, 1);
	processes__free(ps);
}

static void parents_are_told_before(void **state)
{
	union event parent = sample__told(1, "init", "/sbin/init");
	union event e = sample__told(9001, "curl", "/usr/bin/curl");
	struct processes *ps = begin();

	(void)state;
	parent.process.flags = PROCESS_ANCESTOR;
	parent.process.args_len = 0;
	processes__event(ps, &parent.process);
	processes__event(ps, &e.process);
	assert_int_equal(describe(ps, &e.process.proc), 0);
	assert_string_equal(said.parent_exe[0], "/sbin/init");
	assert_int_equal(stub.asked, 0);
	processes__free(ps);
}

/* The two tellings of one process, in either order: the one with arguments counts. */
static void ancestor_and_actor(void **state)
{
	union event e = sample__told(9001, "curl", "/usr/bin/curl"), less = e;
	struct processes *ps = begin();

	(void)state;
	less.process.flags = PROCESS_ANCESTOR;
	less.process.args_len = 0;
	processes__event(ps, &less.process);
	processes__event(ps, &e.process);
	processes__event(ps, &less.process);
	assert_int_equal(describe(ps, &e.process.proc), 0);
	assert_int_equal(said.args_len, strlen("/usr/bin/curl") + 1);
	processes__free(ps);
}

static void there_before(void **state)
{
	union event e = sample__told(812, "nginx", "/usr/sbin/nginx");
	struct processes *ps = begin();

	(void)state;
	knows(&e);
	assert_int_equal(describe(ps, &e.process.proc),
			 INFERRED_WHO | INFERRED_EXE | INFERRED_ARGS);
	assert_string_equal(said.exe, "/usr/sbin/nginx");
	assert_true(said.whole);
	/* when it acts, the kernel side tells: that is first-hand */
	processes__event(ps, &e.process);
	assert_int_equal(describe(ps, &e.process.proc), 0);
	processes__free(ps);
}

/* Its number is another's by now, or it is another program: nothing of that is told of it. */
static void answer_of_another(void **state)
{
	union event e = sample__told(812, "nginx", "/usr/sbin/nginx");
	struct ev_actor actor = sample__actor(812, "nginx");
	struct processes *ps = begin();
	struct ev_owner wanted = e.process.proc;
	struct known *k;

	(void)state;
	e.process.proc.start_ns++;
	knows(&e);
	actor.uid = 33;
	actor.cgroup_id = 12;
	k = processes__find(ps, &wanted, &actor);
	assert_null(processes__exe(k));
	assert_int_equal(processes__program(k), 0);
	assert_int_equal(processes__describe(ps, k, T0, &said), 0);
	assert_false(said.whole);
	assert_true(said.uid_known);
	assert_int_equal(said.uid, 33);
	assert_int_equal(said.cgroup_id, 12);
	processes__find(ps, &wanted, &actor);
	assert_int_equal(stub.asked, 1); /* the answer is remembered */
	assert_int_equal(stub.last.start_ns, wanted.start_ns);
	e.process.proc = wanted;
	e.process.proc.exec++;
	knows(&e);
	wanted.exec += 2;
	assert_null(processes__exe(processes__find(ps, &wanted, NULL)));
	processes__free(ps);
}

/* A capture's answers come from a file. */
static void hostile_answers(void **state)
{
	union event e = sample__told(812, "nginx", "/usr/sbin/nginx"), bad;
	struct processes *ps;
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		ps = begin();
		bad = e;
		knows(&bad);
		switch (i) {
		case 0:
			stub.size--;
			break;
		case 1:
			stub.process.exe_len = PROCESS_EXE_MAX + 1;
			break;
		case 2:
			stub.process.args_len = PROCESS_ARGS_MAX + 1;
			break;
		case 3:
			stub.process.exe[stub.process.exe_len - 1] = 'x';
			break;
		case 4:
			stub.process.head.type = EV_TREE;
			break;
		case 5:
			stub.process.head.size = 12;
			break;
		}
		assert_null(processes__exe(processes__find(ps, &e.process.proc, NULL)));
		processes__free(ps);
	}
}

static void record_is_due_once(void **state)
{
	union event e = sample__told(9001, "curl", "/usr/bin/curl");
	struct processes *ps = begin();
	struct known *k;

	(void)state;
	processes__event(ps, &e.process);
	k = processes__find(ps, &e.process.proc, NULL);
	assert_true(processes__due(ps, k));
	assert_false(processes__due(ps, k));
	processes__event(ps, &e.process); /* told twice by two threads at once */
	assert_false(processes__due(ps, processes__find(ps, &e.process.proc, NULL)));
	processes__tell_again(ps);
	assert_true(processes__due(ps, k));
	assert_false(processes__due(ps, k));
	/* another program in it, and another process with its number */
	e.process.proc.exec++;
	assert_true(processes__due(ps, processes__find(ps, &e.process.proc, NULL)));
	e.process.proc.start_ns += SECOND;
	sample__exe(&e.process, "/usr/bin/wget");
	processes__event(ps, &e.process);
	k = processes__find(ps, &e.process.proc, NULL);
	assert_true(processes__due(ps, k));
	assert_string_equal(processes__exe(k), "/usr/bin/wget");
	processes__free(ps);
}

static void paths(void **state)
{
	static const struct {
		const char *components;
		size_t len;
		uint16_t flags;
		const char *path;
	} rows[] = {
		{ "memfd:x\0", 8, 0, "/memfd:x" },
		{ "c\0b\0a\0", 6, 0, "/a/b/c" },
		{ "c\0b\0", 4, PROCESS_EXE_CUT, ".../b/c" },
		{ "\0", 1, 0, "/" },
		{ "", 0, 0, NULL },
		{ "", 0, PROCESS_NO_MEMORY, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union event e = sample__told(9001, "x", "");
		struct processes *ps = begin();

		memcpy(e.process.exe, rows[i].components, rows[i].len);
		e.process.exe_len = rows[i].len;
		e.process.flags = rows[i].flags;
		e.process.args_len = 0;
		processes__event(ps, &e.process);
		describe(ps, &e.process.proc);
		if (rows[i].path)
			assert_string_equal(said.exe, rows[i].path);
		else
			assert_null(said.exe);
		assert_null(said.args);
		processes__free(ps);
	}
}

/* The longest path there is room for. */
static void full_path(void **state)
{
	union event e = sample__told(9001, "x", "");
	struct processes *ps = begin();
	size_t i;

	(void)state;
	e.process.exe_len = PROCESS_EXE_MAX;
	memset(e.process.exe, 'x', PROCESS_EXE_MAX);
	for (i = 255; i < PROCESS_EXE_MAX; i += 256)
		e.process.exe[i] = '\0';
	e.process.flags = PROCESS_EXE_CUT;
	e.process.args_len = PROCESS_ARGS_MAX;
	memset(e.process.args, 'y', PROCESS_ARGS_MAX);
	processes__event(ps, &e.process);
	describe(ps, &e.process.proc);
	assert_int_equal(strlen(said.exe), PROCESS_EXE_MAX + 3);
	assert_memory_equal(said.exe, ".../x", 5);
	assert_int_equal(said.args_len, PROCESS_ARGS_MAX);
	processes__free(ps);
}

/* A forked child that only exits: it is its parent's program, which is not first-hand. */
static void exited_when_told(void **state)
{
	union event parent = sample__told(1, "server", "/usr/bin/server");
	union event e = sample__told(9001, "server", "");
	struct processes *ps = begin();

	(void)state;
	e.process.flags = PROCESS_NO_MEMORY;
	e.process.args_len = 0;
	processes__event(ps, &parent.process);
	processes__event(ps, &e.process);
	assert_int_equal(describe(ps, &e.process.proc), INFERRED_EXE | INFERRED_ARGS);
	assert_string_equal(said.exe, "/usr/bin/server");
	assert_string_equal(said.args, "/usr/bin/server");
	/* not where one of them has called exec since */
	e.process.proc.tgid++;
	e.process.proc.exec++;
	processes__event(ps, &e.process);
	assert_int_equal(describe(ps, &e.process.proc), 0);
	assert_null(said.exe);
	processes__free(ps);
}

static void arguments_that_were_overwritten(void **state)
{
	static const struct {
		const char *args;
		size_t len, kept;
	} rows[] = {
		{ "nginx: master\0\0\0\0\0\0", 19, 13 },
		{ "cmd\0\0", 5, 5 }, /* an empty argument */
		{ "cmd\0", 4, 4 },
		{ "\0\0\0\0", 4, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union event e = sample__told(9001, "x", "/x");
		struct processes *ps = begin();

		memcpy(e.process.args, rows[i].args, rows[i].len);
		e.process.args_len = rows[i].len;
		processes__event(ps, &e.process);
		describe(ps, &e.process.proc);
		assert_int_equal(said.args_len, rows[i].kept);
		processes__free(ps);
	}
}

static void the_least_used_goes(void **state)
{
	struct processes *ps;
	union event e;
	uint32_t pid;

	(void)state;
	memset(&stub, 0, sizeof(stub));
	ps = processes__new(&kernel, 1); /* 16, the least there is */
	for (pid = 1; pid <= 17; pid++) {
		struct ev_owner first = sample__process(1, "x");

		e = sample__told(pid, "x", "/usr/bin/x");
		processes__event(ps, &e.process);
		if (pid > 1)
			processes__find(ps, &first, NULL);
	}
	e.process.proc = sample__process(1, "x");
	assert_non_null(processes__exe(processes__find(ps, &e.process.proc, NULL)));
	e.process.proc = sample__process(2, "x");
	assert_int_equal(stub.asked, 0);
	assert_null(processes__exe(processes__find(ps, &e.process.proc, NULL)));
	assert_int_equal(stub.asked, 1);
	processes__free(ps);
}

static void users_are_asked_for_again(void **state)
{
	union event e = sample__told(9001, "curl", "/usr/bin/curl");
	struct processes *ps = begin();
	struct known *k;

	(void)state;
	processes__event(ps, &e.process);
	k = processes__find(ps, &e.process.proc, NULL);
	processes__describe(ps, k, T0, &said);
	processes__describe(ps, k, T0 + 59 * SECOND, &said);
	assert_int_equal(stub.asked_user, 1);
	processes__describe(ps, k, T0 + 61 * SECOND, &said);
	assert_int_equal(stub.asked_user, 2);
	processes__free(ps);
	processes__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_by_the_kernel_side),
		cmocka_unit_test(parents_are_told_before),
		cmocka_unit_test(ancestor_and_actor),
		cmocka_unit_test(there_before),
		cmocka_unit_test(answer_of_another),
		cmocka_unit_test(hostile_answers),
		cmocka_unit_test(record_is_due_once),
		cmocka_unit_test(paths),
		cmocka_unit_test(full_path),
		cmocka_unit_test(exited_when_told),
		cmocka_unit_test(arguments_that_were_overwritten),
		cmocka_unit_test(the_least_used_goes),
		cmocka_unit_test(users_are_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
