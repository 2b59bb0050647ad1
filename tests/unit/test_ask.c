// SPDX-License-Identifier: GPL-2.0-or-later
/* ask: what it may cost. The answers themselves are the kernel's: tests/live. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "ask.h"

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A walk that takes as long as all that walks may take at once, and half as much again. */
static int walk(void *arg, uint16_t port, uint32_t netns, ask_found_fn *found, void *ctx)
{
	unsigned int *walks = arg;
	uint64_t begin = cpu_ns();

	(void)port, (void)netns, (void)found, (void)ctx;
	++*walks;
	while (cpu_ns() - begin < 300000000)
		;
	return 0;
}

static ssize_t ask_holders(struct ask *a, bool failed)
{
	const struct ask_holders q = {
		.net.inode = 1, .port = 80, .proto = IPPROTO_TCP, .failed = failed
	};
	static struct holder answer[16];

	return ask__answer(a, ASK_HOLDERS, &q, sizeof(q), answer, sizeof(answer));
}

static void walks_are_bounded(void **state)
{
	unsigned int walks = 0;
	const struct ask_config c = {
		.cgroup_fd = -1, .each_socket = walk, .arg = &walks, .bounded = true
	};
	struct ask *a = ask__new(&c);

	(void)state;
	assert_non_null(a);
	ask_holders(a, false);
	assert_int_equal(walks, 1);
	assert_int_equal(ask_holders(a, false), -EBUSY);
	assert_int_equal(walks, 1);
	/* what explains a failed call is answered, up to another bound */
	assert_int_not_equal(ask_holders(a, true), -EBUSY);
	assert_int_not_equal(ask_holders(a, true), -EBUSY);
	assert_int_not_equal(ask_holders(a, true), -EBUSY);
	assert_int_equal(ask_holders(a, true), -EBUSY);
	assert_int_equal(walks, 4);
	ask__free(a);
}

static void others_are_not(void **state)
{
	unsigned int walks = 0;
	const struct ask_config c = { .cgroup_fd = -1, .each_socket = walk, .arg = &walks };
	struct ask *a = ask__new(&c);

	(void)state;
	assert_non_null(a);
	ask_holders(a, false);
	ask_holders(a, false);
	assert_int_equal(walks, 2);
	ask__free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_are_bounded),
		cmocka_unit_test(others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
