// SPDX-License-Identifier: GPL-2.0-or-later
/* test_host.c - the clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host.h"

/* Added to a time that is 0, less than that would become 600 years. */
static void test_suspended_is_never_negative(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		assert_true(host__suspended() >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suspended_is_never_negative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
