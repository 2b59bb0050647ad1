// SPDX-License-Identifier: GPL-2.0-or-later
/* table.c and services.c: widths, columns that are left out, cut lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services.h"
#include "table.h"

static const struct table_column columns[] = {
	{ .title = "PORT", .right = true },
	{ .title = "NAME" },
	{ .title = "DROPS", .right = true, .optional = true },
	{ .title = "USER", .rank = 1 },
	{ .title = "SINCE", .rank = 2 },
};

static void fill(struct table *t, const char *drops)
{
	table__number(t, 80);
	table__string(t, "nginx");
	table__string(t, drops);
	table__string(t, "root");
	table__string(t, "10:00");
	table__number(t, 5432);
	buf__str(table__cell(t), "post");
	buf__str(table__cell(t), "gr\xc3\xa9s"); /* one character, two bytes */
	table__next(t);
	table__string(t, "0");
	table__string(t, "postgres");
	table__string(t, "");
}

static void want(const char *drops, unsigned int width, bool color, const char *text)
{
	struct table t = table__make(columns, 5);
	char got[4096];
	int fd = memfd_create("table", 0);
	struct out *out = out__new(fd);
	ssize_t n;

	fill(&t, drops);
	if (color)
		table__mark(&t);
	table__print(&t, out, 1, width, color);
	assert_int_equal(t.n_cells, 0); /* empty again */
	assert_int_equal(out__flush(out), 0);
	n = pread(fd, got, sizeof(got) - 1, 0);
	got[n] = '\0';
	assert_string_equal(got, text);
	table__free(&t);
	out__free(out);
	close(fd);
}

static void test_as_wide_as_needed(void **state)
{
	(void)state;
	want("7", 0, false,
	     " PORT  NAME      DROPS  USER      SINCE\n"
	     "   80  nginx         7  root      10:00\n"
	     " 5432  postgr\xc3\xa9s      0  postgres\n");
}

static void test_what_is_left_out(void **state)
{
	(void)state;
	want("0", 39, false,
	     " PORT  NAME      USER      SINCE\n"
	     "   80  nginx     root      10:00\n"
	     " 5432  postgr\xc3\xa9s  postgres\n");
	want("7", 39, false,
	     " PORT  NAME      DROPS  USER      SINCE\n"
	     "   80  nginx         7  root      10:00\n"
	     " 5432  postgr\xc3\xa9s      0  postgres\n");
	want("7", 38, false,
	     " PORT  NAME      DROPS  USER\n"
	     "   80  nginx         7  root\n"
	     " 5432  postgr\xc3\xa9s      0  postgres\n");
	want("7", 25, false,
	     " PORT  NAME      DROPS\n"
	     "   80  nginx         7\n"
	     " 5432  postgr\xc3\xa9s      0\n");
	/* no column is left that could go */
	want("7", 14, false,
	     " PORT  NAME\n"
	     "   80  nginx\n"
	     " 5432  postgr\xc3\xa9\n");
}

static void test_colour(void **state)
{
	(void)state;
	want("0", 0, true,
	     "\033[1m PORT  NAME      USER      SINCE\033[0m\n"
	     "   80  nginx     root      10:00\n"
	     "\033[1;33m 5432  postgr\xc3\xa9s  postgres\033[0m\n");
}

static void test_services(void **state)
{
	struct services *s = services__new();

	(void)state;
	assert_non_null(s);
	if (access("/etc/services", R_OK))
		skip();
	assert_string_equal(services__name(s, IPPROTO_TCP, 22), "ssh");
	assert_string_equal(services__name(s, IPPROTO_UDP, 53), "domain");
	assert_null(services__name(s, IPPROTO_TCP, 0));
	assert_null(services__name(s, IPPROTO_TCP, 65535));
	services__free(s);
	services__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_wide_as_needed),
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
