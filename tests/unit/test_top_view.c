// SPDX-License-Identifier: GPL-2.0-or-later
/* The views of `socklife top`: whole screens, and what keys do to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parse.h"
#include "top_bench.h"

static struct top_view view;

static int setup(void **state)
{
	bench__open(state);
	top_view__init(&view, NULL);
	return 0;
}

static int teardown(void **state)
{
	top_view__free(&view);
	return bench__close(state);
}

static void draw(unsigned int width, unsigned int height)
{
	struct top_grid g = { .utf8 = true };

	assert_int_equal(top_grid__resize(&g, width, height), 0);
	top_view__draw(&view, &frame, &g);
	top_grid__free(&g);
}

static void press(uint32_t key)
{
	assert_true(top_view__key(&view, &frame, key));
	draw(80, 24);
}

static void type(const char *text)
{
	while (*text)
		press((unsigned char)*text++);
}

/* A small host: two listeners, connections of all kinds, one closed, UDP. */
static void make_host(void)
{
	struct diag_sock walked[8];
	union event udp = sample__event_of(EV_SNAPSHOT, 9, T0, 400, "dnsmasq"), leak;
	struct ev_actor connecting = sample__actor(1200, "curl");

	bench__listen(1, T0 + SECOND, 812, "nginx", 0, 80, 511);
	bench__listen(2, T0 + SECOND, 900, "postgres", ip(127, 0, 0, 1), 5432, 200);
	bench__ends(&udp, 0, 53, 0, 0);
	udp.base.sock.proto = IPPROTO_UDP;
	udp.base.sock.state = TCP_CLOSE;
	bench__send(&udp);
	bench__accept(3, T0 + 2 * SECOND, 813, "nginx", 1, 80, ip(203, 0, 113, 7), 50123);
	bench__connect(4, T0 + 2 * SECOND, 813, "nginx", 41000, ip(10, 0, 0, 9), 5432, 0);
	leak = sample__event_of(EV_SNAPSHOT, 5, T0, 1000, "billing");
	bench__ends(&leak, ip(10, 0, 0, 1), 8443, ip(10, 1, 2, 3), 60001);
	bench__send(&leak);
	bench__connect(6, T0 + 3 * SECOND, 1100, "curl", 41002, ip(198, 51, 100, 4), 443,
		       -ECONNREFUSED);
	bench__end(7, T0 + 57 * SECOND, 813, "nginx", 41003, ip(10, 0, 0, 9), 5432);
	walked[0] = bench__counted(3, TCP_ESTABLISHED, 1000, 100);
	walked[1] = bench__counted(4, TCP_ESTABLISHED, 5000, 900000);
	walked[2] = bench__counted(5, TCP_CLOSE_WAIT, 77, 12);
	walked[3] = bench__listed(1, TCP_LISTEN);
	walked[3].rqueue = 12;
	walked[3].wqueue = 511;
	walked[4] = bench__listed(2, TCP_LISTEN);
	walked[4].rqueue = 190;
	walked[4].wqueue = 200;
	walked[4].drops = 3;
	walked[5] = bench__listed(8, TCP_SYN_SENT);
	walked[5].sock.lport = 41004;
	walked[5].sock.rport = 443;
	sample__ipv4(walked[5].sock.laddr, ip(10, 0, 0, 1));
	sample__ipv4(walked[5].sock.raddr, ip(192, 0, 2, 77));
	walked[6] = bench__listed(10, TCP_ESTABLISHED);
	walked[6].sock.inode = 0;
	walked[6].sock.lport = 5432;
	walked[6].sock.rport = 50000;
	bench__walk(T0 + 57 * SECOND, walked, 6, &connecting);
	bench__walk(T0 + 58 * SECOND, walked + 6, 1, NULL);
	walked[1].counters.rx_bytes += 4 << 20;
	walked[1].counters.retrans = 2;
	walked[4].drops = 7;
	bench__walk(T0 + 58 * SECOND, walked, 7, &connecting);
	walked[0].counters.tx_bytes += 2048;
	walked[1].counters.rx_bytes += 4 << 20;
	bench__walk(T0 + 59 * SECOND, walked, 7, &connecting);
}

static void take(void)
{
	bench__take(T0 + 60 * SECOND, TOP_TAKE_SOCKS | TOP_TAKE_LISTENERS);
}

static struct finding finding(const char *id, enum severity severity, const char *message)
{
	struct finding f = { .id = id, .severity = severity, .key = severity + 7, .count = 1 };

	snprintf(f.message, sizeof(f.message), "%s", message);
	snprintf(f.advice, sizeof(f.advice),
		 "Stop nginx (pid 812), or give the new server another port.");
	f.first_ns = f.last_ns = T0 + 30 * SECOND;
	f.actor = sample__actor(9100, "python3");
	return f;
}

static void tell(const struct finding *f)
{
	const struct record r = { .type = RECORD_FINDING,
				  .boot_ns = f->last_ns,
				  .sock = &f->sock,
				  .fd = -1,
				  .u.finding = f };

	top_model__record(model, &r);
}

static void make_findings(void)
{
	struct finding conflict =
			       finding("port_conflict", SEVERITY_ERROR,
				       "0.0.0.0:80/tcp is held by nginx (pid 812, root), listening "
				       "since 23:48:25"),
		       leak = finding("close_wait_leak", SEVERITY_WARNING,
				      "billing (pid 1000) has not closed 12 sockets");

	conflict.count = 3;
	conflict.call = "bind";
	conflict.error = -EADDRINUSE;
	conflict.n_holders = conflict.holders_total = 1;
	conflict.holders[0].sock = sample__event(EV_LISTEN, 1, T0).base.sock;
	conflict.holders[0].sock.lport = 80;
	conflict.holders[0].sock.rport = 0;
	conflict.holders[0].sock.state = TCP_LISTEN;
	conflict.holders[0].proc = sample__process(812, "nginx");
	snprintf(conflict.holders[0].user, sizeof(conflict.holders[0].user), "root");
	conflict.n_evidence = 2;
	conflict.evidence[0] =
		(struct evidence){ .key = "asked_port", .kind = EVIDENCE_NUMBER, .number = 80 };
	conflict.evidence[1] = (struct evidence){ .key = "asked", .kind = EVIDENCE_TEXT };
	snprintf(conflict.evidence[1].text, sizeof(conflict.evidence[1].text), "a\033[2Jb");
	tell(&conflict);
	leak.first_ns = leak.last_ns = T0 + 40 * SECOND;
	tell(&leak);
	leak.status = FINDING_CLOSED;
	leak.last_ns = T0 + 50 * SECOND;
	tell(&leak);
	leak.status = FINDING_OPEN;
	leak.key = 99;
	tell(&leak);
}

/* --- whole screens --- */

static void test_empty(void **state)
{
	(void)state;
	take();
	bench__golden("connections_empty", &view, 80, 10, true);
	press('2');
	bench__golden("listeners_empty", &view, 80, 10, true);
	press('3');
	bench__golden("ports_empty", &view, 80, 10, true);
	press('4');
	bench__golden("findings_empty", &view, 80, 10, true);
}

static void test_connections(void **state)
{
	(void)state;
	make_host();
	take();
	bench__golden("connections_80", &view, 80, 24, true);
	bench__golden("connections_60", &view, 60, 16, true);
	bench__golden("connections_200", &view, 200, 20, true);
	bench__golden("connections_ascii", &view, 100, 16, false);
}

static void test_groups(void **state)
{
	(void)state;
	make_host();
	take();
	press('g');
	bench__golden("groups_process", &view, 120, 12, true);
	press('g');
	bench__golden("groups_destination", &view, 80, 14, true);
	press(KEY_TOP_ENTER);
	bench__golden("groups_into", &view, 80, 10, true);
	press(KEY_TOP_ESCAPE);
	press('g');
	bench__golden("groups_port", &view, 80, 14, true);
}

static void test_listeners(void **state)
{
	(void)state;
	make_host();
	take();
	press('2');
	bench__golden("listeners_80", &view, 80, 12, true);
	bench__golden("listeners_60", &view, 60, 12, false);
	bench__golden("listeners_160", &view, 160, 12, true);
}

static void test_many(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		bench__connect(100 + i, T0 + SECOND + i * 1000, 700 + i % 3, "wrk", 10000 + i,
			       ip(10, 9, i % 200, 1), 80, 0);
	take();
	press(KEY_TOP_PAGE_DOWN);
	press(KEY_TOP_DOWN);
	bench__golden("connections_many", &view, 80, 24, true);
	press(KEY_TOP_END);
	bench__golden("connections_many_end", &view, 80, 24, true);
	assert_int_equal(view.rows.n, 5000);
	assert_int_equal(view.lists[LIST_CONNECTIONS].cursor, 4999);
}

static void test_findings(void **state)
{
	(void)state;
	make_findings();
	take();
	press('4');
	bench__golden("findings_100", &view, 100, 10, true);
	bench__golden("findings_60", &view, 60, 10, true);
	press(KEY_TOP_DOWN);
	press(KEY_TOP_DOWN);
	press(KEY_TOP_ENTER);
	bench__golden("finding_open", &view, 80, 24, true);
	press(KEY_TOP_PAGE_DOWN);
	bench__golden("finding_narrow", &view, 60, 16, true);
}

static void test_story(void **state)
{
	(void)state;
	make_host();
	take();
	type("/5432");
	press(KEY_TOP_ENTER);
	assert_false(view.typing);
	press(KEY_TOP_DOWN);
	press(KEY_TOP_ENTER);
	assert_int_equal(view.sheet, SHEET_STORY);
	frame.story.cookie = view.story;
	top_model__tell_story(model, &frame.story);
	bench__golden("story", &view, 80, 24, true);
	frame.story.cookie = 7;
	top_model__tell_story(model, &frame.story);
	bench__golden("story_closed", &view, 80, 16, false);
	frame.story.cookie = 4242;
	top_model__tell_story(model, &frame.story);
	bench__golden("story_gone", &view, 80, 10, true);
}

static void test_help(void **state)
{
	(void)state;
	take();
	press('?');
	bench__golden("help", &view, 100, 40, true);
	press('?');
	assert_int_equal(view.sheet, SHEET_NONE);
}

static void make_ports(void)
{
	struct ports *p = ports__new();
	struct ports *q = ports__new();
	const struct netns_ref ref = { .inode = NETNS, .cookie = 1 };
	struct top_ports *before;
	uint32_t i;

	for (i = 0; i < 2; i++) {
		struct ports *x = i ? q : p;

		assert_int_equal(ports__add_netns(x, &ref, "web"), 0);
		x->netns[0].own = true;
		x->netns[0].facts.range_low = 32768;
		x->netns[0].facts.range_high = 60999;
	}
	for (i = 0; i < 20000; i++) {
		struct diag_sock d = bench__listed(1000 + i, TCP_ESTABLISHED);

		sample__ipv4(d.sock.raddr, ip(10, 0, 0, 9));
		d.sock.lport = 33000 + i;
		d.sock.rport = 5432;
		d.sock.facts = FACT_CONNECTED;
		if (i >= 15000) {
			d.time_wait = true;
			d.sock.state = d.state = TCP_TIME_WAIT;
			d.expires_ms = 59500;
		}
		ports__add_diag(q, 0, &d);
		if (i < 19000)
			ports__add_diag(p, 0, &d);
	}
	for (i = 0; i < 3; i++) {
		struct diag_sock d = bench__listed(50000 + i, TCP_LISTEN);

		d.sock.lport = (uint16_t[]){ 22, 80, 8080 }[i];
		d.sock.rport = 0;
		ports__add_diag(q, 0, &d);
	}
	assert_int_equal(ports__finish(p), 0);
	assert_int_equal(ports__finish(q), 0);
	before = top_ports__make(p, NULL, T0 + 58 * SECOND);
	top_model__set_ports(model, top_ports__make(q, before, T0 + 60 * SECOND));
	top_ports__put(before);
	ports__free(p);
	ports__free(q);
}

static void test_ports(void **state)
{
	const struct top_ports_netns *n;

	(void)state;
	make_ports();
	take();
	press('3');
	bench__golden("ports_80", &view, 80, 24, true);
	bench__golden("ports_60", &view, 60, 16, false);
	n = &frame.ports->list[0];
	assert_int_equal(n->capacity, 28232);
	assert_int_equal(n->n_tightest, 1);
	assert_int_equal(n->tightest[0].pair.used, 20000);
	assert_int_equal(n->tightest[0].growth, 500);
	assert_int_equal(n->tightest[0].seconds_left, 8232 / 500);
	assert_int_equal(n->use[80], PORT_LISTENS);
	press(KEY_TOP_ENTER); /* the connections to it */
	assert_int_equal(view.page, PAGE_CONNECTIONS);
	assert_string_equal(view.filters[PAGE_CONNECTIONS], "10.0.0.9:5432");
}

/* --- keys --- */

static void test_pages_by_key(void **state)
{
	(void)state;
	take();
	for (uint32_t page = 0; page < PAGES; page++) {
		press('1' + page);
		assert_int_equal(view.page, page);
	}
	press(KEY_TOP_TAB);
	assert_int_equal(view.page, PAGE_CONNECTIONS);
	press(KEY_TOP_BACK_TAB);
	assert_int_equal(view.page, PAGE_FINDINGS);
	assert_false(top_view__key(&view, &frame, 'q'));
	assert_false(top_view__key(&view, &frame, KEY_TOP_QUIT));
}

/* 'q' and the like are text while a filter is typed. */
static void test_filter_as_it_is_typed(void **state)
{
	(void)state;
	make_host();
	take();
	draw(80, 24);
	assert_true(view.rows.n > 5);
	type("/NGIN");
	assert_string_equal(view.filters[PAGE_CONNECTIONS], "ngin");
	assert_int_equal(view.rows.n, 3);
	type("q");
	assert_int_equal(view.rows.n, 0);
	press(KEY_TOP_BACKSPACE);
	assert_int_equal(view.rows.n, 3);
	press(KEY_TOP_ENTER);
	press('2'); /* each page has its own */
	assert_int_equal(view.rows.n, 3);
	press('1');
	assert_int_equal(view.rows.n, 3);
	press(KEY_TOP_ESCAPE);
	assert_true(view.rows.n > 5);
}

static void test_filter_takes_any_text(void **state)
{
	(void)state;
	make_host();
	take();
	draw(80, 24);
	type("/198.51.100.4:443");
	assert_int_equal(view.rows.n, 1);
	press(KEY_TOP_ESCAPE);
	type("/close_wait");
	assert_int_equal(view.rows.n, 1);
	press(KEY_TOP_ESCAPE);
	press('/');
	press(0xe9); /* é, then a character of four bytes, then back */
	press(0x1f600);
	assert_string_equal(view.filters[PAGE_CONNECTIONS], "\xc3\xa9\xf0\x9f\x98\x80");
	press(KEY_TOP_BACKSPACE);
	assert_string_equal(view.filters[PAGE_CONNECTIONS], "\xc3\xa9");
	press(KEY_TOP_BACKSPACE);
	assert_string_equal(view.filters[PAGE_CONNECTIONS], "");
	for (int i = 0; i < 100; i++)
		press('x');
	assert_int_equal(strlen(view.filters[PAGE_CONNECTIONS]), TOP_FILTER_MAX - 1);
}

static uint64_t selected(void)
{
	return ((const struct top_sock *)top_view__selected(&view))->sock.cookie;
}

static void test_sorts_by_any_column(void **state)
{
	const struct top_sock *s, *before = NULL;
	size_t c, i;

	(void)state;
	make_host();
	take();
	for (c = 0; c < top_connections.n_columns; c++) {
		draw(80, 24);
		assert_int_equal(view.lists[LIST_CONNECTIONS].order.column, c);
		press('>');
	}
	assert_int_equal(view.lists[LIST_CONNECTIONS].order.column, 0);
	press('<');
	press('<');
	press('<');
	press('<'); /* RX/s: the busiest first */
	assert_int_equal(view.lists[LIST_CONNECTIONS].order.column, 11);
	assert_int_equal(selected(), 4);
	press('r');
	top_rows__sort(&view.rows, 0, view.rows.n);
	for (i = 0; i < view.rows.n; i++) {
		s = view.rows.list[i].row;
		assert_true(!before || s->rx_rate >= before->rx_rate);
		before = s;
	}
	assert_int_equal(before->sock.cookie, 4);
}

/* Rows come and go around it. */
static void test_the_row_stays_selected(void **state)
{
	uint64_t cookie;

	(void)state;
	make_host();
	take();
	draw(80, 24);
	press(KEY_TOP_DOWN);
	press(KEY_TOP_DOWN);
	cookie = selected();
	for (uint64_t i = 0; i < 100; i++)
		bench__connect(1000 + i, T0 + 60 * SECOND, 1, "x", 2000 + i, ip(1, 2, 3, 4), 80, 0);
	bench__take(T0 + 61 * SECOND, TOP_TAKE_SOCKS);
	draw(80, 24);
	assert_int_equal(selected(), cookie);
	press(KEY_TOP_HOME);
	cookie = selected();
	/* the first one is whatever comes there */
	assert_int_equal(view.lists[LIST_CONNECTIONS].selected, 0);
}

static void test_rows_are_sorted_where_they_are_seen(void **state)
{
	struct top_rows r = { 0 };
	const struct top_order order = { .column = 8, .reversed = false };
	size_t i, from;

	(void)state;
	for (i = 0; i < 3000; i++) {
		struct diag_sock d;

		bench__connect(1 + i, T0 + SECOND, 1, "x", 2000 + i, ip(1, 2, 3, 4), 80, 0);
		d = bench__counted(1 + i, TCP_ESTABLISHED, (i * 7919) % 3000, 0);
		bench__walk(T0 + SECOND, &d, 1, NULL);
	}
	take();
	for (from = 0; from < 3000; from += 371) {
		top_rows__begin(&r, &top_connections, &frame, &order);
		for (i = 0; i < frame.n_socks; i++)
			top_rows__add(&r, &frame.socks[i]);
		top_rows__sort(&r, from, from + 50);
		for (i = from; i < from + 50 && i < r.n; i++) {
			assert_int_equal(((const struct top_sock *)r.list[i].row)->tx_bytes,
					 2999 - i);
			assert_int_equal(top_rows__place(&r, top_connections.id(r.list[i].row)), i);
		}
	}
	top_rows__free(&r);
}

/* --- patterns that quicksort can be slow with --- */

#define PATTERN_ROWS 20000

static uint32_t pattern[PATTERN_ROWS];
static size_t compared;

static uint64_t key_none(const struct top_frame *f, const void *row)
{
	(void)f;
	(void)row;
	return 0;
}

static int by_pattern(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	compared++;
	return *x < *y ? -1 : *x > *y;
}

static uint64_t pattern_id(const void *row)
{
	return *(const uint32_t *)row;
}

static const struct top_column pattern_column = { .ascending = true,
						  .key = key_none,
						  .compare = by_pattern };
static const struct top_table pattern_table = { .columns = &pattern_column,
						.n_columns = 1,
						.id = pattern_id };

static uint32_t pattern_at(int kind, uint32_t i)
{
	switch (kind) {
	case 0:
		return i;
	case 1:
		return PATTERN_ROWS - 1 - i;
	case 2: /* a table that began anew in its middle */
		return (i + PATTERN_ROWS / 3) % PATTERN_ROWS;
	default: /* up, and down again */
		return i < PATTERN_ROWS / 2 ? i * 2 : (PATTERN_ROWS - 1 - i) * 2 + 1;
	}
}

static void sort_at(struct top_rows *r, size_t from, size_t to, size_t passes)
{
	size_t i;

	compared = 0;
	top_rows__sort(r, from, to);
	assert_true(compared < passes * PATTERN_ROWS);
	for (i = from; i < to; i++)
		assert_int_equal(r->list[i].id, i);
}

/* A key takes some passes through the rows, in whatever order they come, and one beside the last far less. */
static void test_no_pattern_is_slow_to_sort(void **state)
{
	const struct top_order order = { 0 };
	struct top_rows r = { 0 };
	int kind;
	uint32_t i;

	(void)state;
	for (kind = 0; kind < 4; kind++) {
		top_rows__begin(&r, &pattern_table, &frame, &order);
		for (i = 0; i < PATTERN_ROWS; i++) {
			pattern[i] = pattern_at(kind, i);
			top_rows__add(&r, &pattern[i]);
		}
		sort_at(&r, 0, 50, 10);
		sort_at(&r, PATTERN_ROWS - 50, PATTERN_ROWS, 10);
		sort_at(&r, 0, 50, 10);
		for (i = 50; i < 100; i++)
			sort_at(&r, i, i + 50, 1);
		sort_at(&r, PATTERN_ROWS / 2, PATTERN_ROWS / 2 + 50, 10);
	}
	top_rows__free(&r);
}

/* A process may have any name: no byte of it reaches the terminal as it is. */
static void test_hostile_names(void **state)
{
	struct top_grid g = { .utf8 = true };
	size_t i;

	(void)state;
	bench__connect(1, T0 + SECOND, 666,
		       "\033[31m\xff\n\xe2\x80\xae"
		       "a\xcc\x81",
		       5000, ip(1, 2, 3, 4), 80, 0);
	bench__connect(2, T0 + SECOND, 667, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97",
		       5001, ip(1, 2, 3, 4), 80, 0);
	take();
	for (unsigned int width = 1; width < 120; width += 7) {
		assert_int_equal(top_grid__resize(&g, width, 16), 0);
		top_view__draw(&view, &frame, &g);
		for (i = 0; i < (size_t)width * 16; i++)
			assert_true(!g.cells[i].c ||
				    (g.cells[i].c >= L' ' && g.cells[i].c != 0x7f &&
				     g.cells[i].c != 0x202e));
	}
	top_grid__free(&g);
	bench__golden("hostile", &view, 100, 8, true);
}

/* Whatever the size: nothing is drawn outside (the sanitizers look), and loss is always seen. */
static void test_any_size(void **state)
{
	const struct lost lost = { .reason = LOST_RING, .count = 12345 };
	struct top_grid g = { .utf8 = true };

	(void)state;
	make_host();
	make_findings();
	make_ports();
	pipeline__lost(pipeline, &lost);
	take();
	for (unsigned int width = 0; width < 320; width += width < 70 ? 1 : 23) {
		for (unsigned int height = 0; height < 110; height += height < 20 ? 1 : 29) {
			assert_int_equal(top_grid__resize(&g, width, height), 0);
			for (uint32_t page = 0; page < PAGES; page++) {
				top_view__key(&view, &frame, '1' + page);
				top_view__draw(&view, &frame, &g);
				top_view__key(&view, &frame, KEY_TOP_END);
				top_view__key(&view, &frame, KEY_TOP_ENTER);
				top_view__draw(&view, &frame, &g);
				top_view__key(&view, &frame, KEY_TOP_ESCAPE);
				top_view__key(&view, &frame, KEY_TOP_ESCAPE);
			}
		}
	}
	top_grid__free(&g);
	view.paused = true;
	press('1');
	bench__golden("loss_60", &view, 60, 16, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listeners, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_findings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_story, setup, teardown),
		cmocka_unit_test_setup_teardown(test_help, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_by_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_as_it_is_typed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_takes_any_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sorts_by_any_column, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_row_stays_selected, setup, teardown),
		cmocka_unit_test(test_no_pattern_is_slow_to_sort),
		cmocka_unit_test_setup_teardown(test_rows_are_sorted_where_they_are_seen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_hostile_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_size, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
