// SPDX-License-Identifier: GPL-2.0-or-later
/* test_netns_told.c - when the settings of a namespace are told: netns_told.c before a kernel that answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>
#include "netns_told.h"

#define S 1000000000ull

static ssize_t answer(void *arg, enum question question, const void *in, size_t in_size, void *out,
		      size_t room)
{
	struct netns_facts facts = { .range_low = 1024, .range_high = 2023 };

	(void)arg, (void)in, (void)in_size;
	if (question != ASK_NETNS || room < sizeof(facts))
		return -EOPNOTSUPP;
	memcpy(out, &facts, sizeof(facts));
	return sizeof(facts);
}

static const struct netns_settings *due(struct netns_told *t, uint64_t cookie, uint64_t at_s)
{
	const struct ev_sock sock = { .netns_cookie = cookie, .netns = 1 };
	const struct record r = { .sock = &sock, .boot_ns = at_s * S };

	return netns_told__due(t, &r);
}

static void test_told_again(void **state)
{
	const struct kernel kernel = { .ask = answer };
	struct netns_told *t = netns_told__new(&kernel);

	(void)state;
	assert_non_null(t);
	assert_null(due(t, 0, 1)); /* not known */
	assert_non_null(due(t, 7, 1));
	assert_int_equal(due(t, 8, 1)->facts.range_low, 1024);
	assert_null(due(t, 7, 600));
	assert_non_null(due(t, 7, 601));
	netns_told__begin(t);
	assert_non_null(due(t, 7, 602));
	netns_told__free(t);
}

/* A host of containers that come and go. */
static void test_many(void **state)
{
	const struct kernel kernel = { .ask = answer };
	struct netns_told *t = netns_told__new(&kernel);
	uint64_t cookie;

	(void)state;
	assert_non_null(t);
	for (cookie = 1; cookie <= 5000; cookie++)
		assert_non_null(due(t, cookie, 1));
	assert_null(due(t, 5000, 2));
	assert_non_null(due(t, 1, 2));
	netns_told__free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_again),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
