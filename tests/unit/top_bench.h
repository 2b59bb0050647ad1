/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_bench.h - a model of `socklife top` behind a real pipeline, fed with events and with what a walk finds;
 * and whole screens compared with tests/unit/top/NAME.txt: the text, then a letter a cell for its style.
 * UPDATE=1 writes them anew.
 */
#ifndef TOP_BENCH_H
#define TOP_BENCH_H

#include <locale.h>
#include <stdlib.h>
#include "pipeline.h"
#include "sample.h"
#include "top/frame.h"
#include "top/view.h"

#define NETNS 4026531833u

static struct top_model *model;
static struct pipeline *pipeline;
static struct top_frame frame;
static struct record_filter no_choice;
static uint64_t now_ns;

static ssize_t no_answer(void *arg, enum question q, const void *question, size_t len, void *buf,
			 size_t max)
{
	(void)arg;
	(void)q;
	(void)question;
	(void)len;
	(void)buf;
	(void)max;
	return -ENOENT;
}

static inline void bench__open_with(const struct top_model_config *config)
{
	static const struct pipeline_config pipeline_config = {
		.start = { .version = "test",
			   .kernel = "test",
			   .machine_id = "0",
			   .boot_id = "0",
			   .host = "web1" },
		.table_size = 1 << 20,
	};
	static const struct kernel kernel = { .ask = no_answer };

	setlocale(LC_CTYPE, "C.UTF-8");
	memset(&frame, 0, sizeof(frame));
	now_ns = T0;
	model = top_model__new(config);
	assert_non_null(model);
	pipeline = pipeline__new(&pipeline_config, &kernel, NULL);
	assert_non_null(pipeline);
	assert_int_equal(pipeline__set_sink(pipeline, top_model__sink(model)), 0);
	pipeline__start(pipeline, T0);
}

static inline int bench__open(void **state)
{
	const struct top_model_config config = { .max = 1 << 20, .chosen = &no_choice };

	(void)state;
	bench__open_with(&config);
	return 0;
}

static inline int bench__close(void **state)
{
	(void)state;
	top_frame__free(&frame);
	pipeline__free(pipeline);
	top_model__free(model);
	return 0;
}

static inline void bench__send(union event *e)
{
	if (e->head.boot_ns > now_ns)
		now_ns = e->head.boot_ns;
	pipeline__event(pipeline, e, e->head.size);
}

static inline uint32_t ip(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	return a << 24 | b << 16 | c << 8 | d;
}

static inline void bench__ends(union event *e, uint32_t laddr, uint16_t lport, uint32_t raddr,
			       uint16_t rport)
{
	sample__ipv4(e->base.sock.laddr, laddr);
	sample__ipv4(e->base.sock.raddr, raddr);
	e->base.sock.lport = lport;
	e->base.sock.rport = rport;
}

static inline void bench__listen(uint64_t cookie, uint64_t at_ns, uint32_t pid, const char *comm,
				 uint32_t laddr, uint16_t port, uint32_t backlog)
{
	union event e = sample__event_of(EV_LISTEN, cookie, at_ns, pid, comm);

	bench__ends(&e, laddr, port, 0, 0);
	e.base.sock.state = TCP_LISTEN;
	e.base.sock.options = OPT_REUSEADDR;
	e.base.sock.created_ns = at_ns;
	e.listen.backlog = backlog;
	bench__send(&e);
}

static inline void bench__connect(uint64_t cookie, uint64_t at_ns, uint32_t pid, const char *comm,
				  uint16_t lport, uint32_t raddr, uint16_t rport, int error)
{
	union event e = sample__event_of(EV_CONNECT, cookie, at_ns, pid, comm);

	bench__ends(&e, ip(10, 0, 0, 1), lport, raddr, rport);
	e.base.sock.facts = FACT_CREATED | FACT_SYN_SENT;
	e.base.sock.created_ns = at_ns - 2000000;
	e.base.sock.state = error ? TCP_CLOSE : TCP_ESTABLISHED;
	e.connect.started_ns = at_ns - 1000000;
	e.connect.error = error;
	e.connect.syn_sent = 1;
	bench__send(&e);
}

static inline void bench__accept(uint64_t cookie, uint64_t at_ns, uint32_t pid, const char *comm,
				 uint64_t listener, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	union event e = sample__event_of(EV_ACCEPT, cookie, at_ns, pid, comm);

	bench__ends(&e, ip(10, 0, 0, 1), lport, raddr, rport);
	e.base.sock.facts = FACT_PASSIVE | FACT_ACCEPTED;
	e.accept.listener = listener;
	e.accept.established_ns = at_ns - 30000;
	bench__send(&e);
}

static inline void bench__end(uint64_t cookie, uint64_t at_ns, uint32_t pid, const char *comm,
			      uint16_t lport, uint32_t raddr, uint16_t rport)
{
	union event e = sample__event_of(EV_CLOSE, cookie, at_ns, pid, comm);

	bench__ends(&e, ip(10, 0, 0, 1), lport, raddr, rport);
	e.base.sock.state = TCP_CLOSE;
	e.base.sock.facts = FACT_CREATED | FACT_SYN_SENT | FACT_CONNECTED | FACT_ESTABLISHED |
			    FACT_LOCAL_FIRST | FACT_RELEASED;
	e.close.established_ns = at_ns - 5000000;
	e.close.tx_bytes = 78;
	e.close.rx_bytes = 853;
	bench__send(&e);
}

/* As sock_diag lists it. */
static inline struct diag_sock bench__listed(uint64_t cookie, uint8_t state)
{
	union event e = sample__event(EV_SNAPSHOT, cookie, now_ns);
	struct diag_sock d = { .sock = e.base.sock, .state = state };

	d.sock.state = state;
	d.sock.inode = cookie + 1000;
	return d;
}

static inline struct diag_sock bench__counted(uint64_t cookie, uint8_t state, uint64_t tx,
					      uint64_t rx)
{
	struct diag_sock d = bench__listed(cookie, state);

	d.counters = (struct diag_counters){ .known = true,
					     .tx_bytes = tx,
					     .rx_bytes = rx,
					     .srtt_us = 1234,
					     .rttvar_us = 100,
					     .cwnd = 10,
					     .mss = 1448 };
	return d;
}

/* A whole walk at this time. What is not known is added as that of `actor`. */
static inline void bench__walk(uint64_t at_ns, const struct diag_sock *list, size_t n,
			       const struct ev_actor *actor)
{
	uint32_t unknown[64];
	size_t others, i;

	assert_true(n <= 64);
	now_ns = at_ns;
	top_model__walk_begin(model, at_ns, true);
	others = top_model__walked(model, list, n, unknown);
	for (i = 0; i < others; i++)
		top_model__add(model, &list[unknown[i]], actor, 0);
	top_model__walk_end(model, at_ns);
}

static inline void bench__take(uint64_t at_ns, uint32_t what)
{
	now_ns = at_ns;
	top_model__take(model, &frame, at_ns, what);
	/* the wall clock of these tests: T0 is 2026-11-22 23:48:24 UTC */
	frame.wall.offset_ns = 1795391304 * (int64_t)SECOND - (int64_t)T0;
}

static inline const struct top_sock *bench__sock(uint64_t cookie)
{
	for (size_t i = 0; i < frame.n_socks; i++)
		if (frame.socks[i].sock.cookie == cookie)
			return &frame.socks[i];
	return NULL;
}

/* --- screens --- */

static inline void bench__write_grid(FILE *to, const struct top_grid *g)
{
	static const char letters[STYLES + 1] = " dfbTo>gywelUk";
	unsigned int x, y, end;

	for (y = 0; y < g->height; y++) {
		const struct top_cell *row = &g->cells[(size_t)y * g->width];

		for (end = g->width; end && row[end - 1].c == L' '; end--)
			;
		for (x = 0; x < end; x++)
			if (row[x].c)
				fprintf(to, "%lc", (wint_t)row[x].c);
		fputc('\n', to);
	}
	for (x = 0; x < g->width; x++)
		fputc('=', to);
	fputc('\n', to);
	for (y = 0; y < g->height; y++) {
		const struct top_cell *row = &g->cells[(size_t)y * g->width];

		for (end = g->width; end && row[end - 1].style == STYLE_PLAIN; end--)
			;
		for (x = 0; x < end; x++)
			fputc(letters[row[x].style], to);
		fputc('\n', to);
	}
}

static inline char *bench__read_file(const char *path)
{
	char *text = calloc(1, 1 << 18);
	FILE *f = fopen(path, "r");

	if (f) {
		text[fread(text, 1, (1 << 18) - 1, f)] = '\0';
		fclose(f);
	}
	return text;
}

static inline void bench__golden(const char *name, struct top_view *v, unsigned int width,
				 unsigned int height, bool utf8)
{
	struct top_grid g = { .utf8 = utf8 };
	char path[256], *drawn = NULL, *want;
	size_t len = 0;
	FILE *f;

	assert_int_equal(top_grid__resize(&g, width, height), 0);
	top_view__draw(v, &frame, &g);
	f = open_memstream(&drawn, &len);
	bench__write_grid(f, &g);
	fclose(f);
	snprintf(path, sizeof(path), "tests/unit/top/%s.txt", name);
	if (getenv("UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(drawn, f);
		fclose(f);
	}
	want = bench__read_file(path);
	if (strcmp(want, drawn))
		print_error("%s is drawn as:\n%s\n", name, drawn);
	assert_string_equal(drawn, want);
	free(want);
	free(drawn);
	top_grid__free(&g);
}

#endif
