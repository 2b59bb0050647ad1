// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_escape.c - hostile strings, wherever a process can put them (its name, path, arguments, cgroup; a finding's words),
 * through the sinks and from the log that they make through report. Asserted: JSON is valid UTF-8 JSON, and what is
 * ASCII comes out of it as it went in; text has no byte that drives a terminal; in the page of report --html no
 * string can end the data or begin a tag. Input: a byte that says what report prints, then strings, each behind a NUL.
 */
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>
#include "command.h"
#include "fuzz.h"
#include "sink.h"

#define NOW     1000000000000ull
#define STRINGS 12

enum { COMM, THREAD, PARENT, EXE, ARGS, CGROUP, CONTAINER, HOST, MESSAGE, ADVICE, EVIDENCE, USER };

static const char *strings[STRINGS];

static void split(char *text, size_t size)
{
	const char *end = text + size;

	for (size_t i = 0; i < STRINGS; i++) {
		strings[i] = text;
		text += strlen(text);
		text += text < end;
	}
}

static void put_name(char *name, size_t size, const char *s)
{
	snprintf(name, size, "%s", s);
}

static struct ev_owner who(unsigned int pid, const char *comm)
{
	struct ev_owner p = { .tgid = pid, .exec = 1, .start_ns = pid };

	put_name(p.comm, sizeof(p.comm), comm);
	return p;
}

static struct ev_sock socket_of(const struct ev_owner *owner)
{
	return (struct ev_sock){ .cookie = 4711,
				 .netns = 4026531840u,
				 .netns_cookie = 1,
				 .family = AF_INET6,
				 .proto = IPPROTO_TCP,
				 .lport = 80,
				 .facts = FACT_BOUND,
				 .owner = *owner };
}

/* --- the records --- */

struct writer {
	struct sink *sink;
	uint64_t seq;
};

static void put(struct writer *w, struct record *r)
{
	r->boot_ns = NOW + w->seq;
	w->sink->write(w->sink, r, ++w->seq);
}

static void put_start(struct writer *w)
{
	struct start start = { .version = "0",
			       .kernel = strings[CGROUP],
			       .machine_id = "m",
			       .boot_id = "b",
			       .host = strings[HOST],
			       .args = { "trace", strings[ARGS] } };
	struct record r = { .type = RECORD_START, .fd = -1, .u.start = &start };

	put(w, &r);
}

static void put_process(struct writer *w, const struct ev_actor *actor)
{
	struct process p = { .proc = actor->proc,
			     .whole = true,
			     .uid_known = true,
			     .parents = { who(1, strings[PARENT]) },
			     .parent_exe = { strings[EXE] },
			     .n_parents = 1,
			     .exe = strings[EXE],
			     .args = strings[ARGS],
			     .args_len = strlen(strings[ARGS]) + 1 };
	struct record r = { .type = RECORD_PROCESS, .actor = actor, .fd = -1, .u.process = &p };

	put_name(p.user, sizeof(p.user), strings[USER]);
	r.cgroup = strings[CGROUP];
	r.container = strings[CONTAINER];
	put(w, &r);
}

static struct record about(enum record_type type, const struct ev_sock *sock,
			   const struct ev_actor *actor)
{
	return (struct record){ .type = type,
				.sock = sock,
				.actor = actor,
				.owner = &sock->owner,
				.cgroup = strings[CGROUP],
				.container = strings[CONTAINER],
				.exe = strings[EXE],
				.fd = -1 };
}

static void put_socket(struct writer *w, const struct ev_sock *sock, const struct ev_actor *actor)
{
	struct ev_bind bind = { .base.sock = *sock };
	struct ev_listen listen = { .base.sock = *sock, .backlog = 1 };
	struct life life = { .role = ROLE_LISTENER, .reason = REASON_CLOSED, .ended_ns = NOW };
	struct record r = about(RECORD_BIND, sock, actor);

	r.u.bind = &bind;
	put(w, &r);
	r = about(RECORD_LISTEN, sock, actor);
	r.u.listen = &listen;
	put(w, &r);
	r = about(RECORD_CLOSE, sock, actor);
	r.u.life = &life;
	put(w, &r);
}

static void put_finding(struct writer *w, const struct ev_sock *sock, const struct ev_actor *actor)
{
	static struct finding f;
	struct record r = about(RECORD_FINDING, sock, actor);

	f = (struct finding){ .id = "port_conflict",
			      .severity = SEVERITY_ERROR,
			      .rule = "rule",
			      .sock = *sock,
			      .actor = *actor,
			      .holders = { { .sock = *sock, .proc = sock->owner } },
			      .n_holders = 1,
			      .holders_total = 1,
			      .count = 1,
			      .first_ns = NOW,
			      .last_ns = NOW,
			      .evidence = { { .key = "text", .kind = EVIDENCE_TEXT } },
			      .n_evidence = 1,
			      .processes = { { .proc = sock->owner } },
			      .n_processes = 1 };
	put_name(f.message, sizeof(f.message), strings[MESSAGE]);
	put_name(f.advice, sizeof(f.advice), strings[ADVICE]);
	put_name(f.evidence[0].text, sizeof(f.evidence[0].text), strings[EVIDENCE]);
	put_name(f.holders[0].user, sizeof(f.holders[0].user), strings[USER]);
	r.u.finding = &f;
	put(w, &r);
}

static void put_all(struct writer *w)
{
	struct ev_actor actor = { .proc = who(9001, strings[COMM]), .tid = 9002, .cgroup_id = 7 };
	struct ev_owner owner = who(812, strings[PARENT]);
	struct ev_sock sock = socket_of(&owner);

	put_name(actor.thread, sizeof(actor.thread), strings[THREAD]);
	put_start(w);
	put_process(w, &actor);
	put_socket(w, &sock, &actor);
	put_finding(w, &sock, &actor);
}

static char *through_sink(bool json, size_t *len)
{
	static const struct wall wall = { .offset_ns = 1795390304000000000 };
	struct fuzz_file file = fuzz__file(NULL, 0);
	struct sink_config config = { .out = out__new(file.fd), .wall = &wall, .verbose = true };
	struct writer w = { .sink = json ? sink_json__new(&config, "b", strings[HOST]) :
					   sink_text__new(&config) };
	char *text;

	CHECK(w.sink);
	put_all(&w);
	CHECK(!out__flush(config.out));
	w.sink->free(w.sink);
	out__free(config.out);
	text = fuzz__read(&file, len);
	fuzz__close(&file);
	return text;
}

/* --- what comes out --- */

static void check_same(struct json_object *record, const char *key, const char *s)
{
	struct json_object *value;

	for (const char *c = s; *c; c++)
		if (*c & 0x80)
			return;
	CHECK(*s ? json_object_object_get_ex(record, key, &value) : true);
	CHECK(!*s || !strcmp(json_object_get_string(value), s));
}

/* The second line is the process's. */
static void check_process(const char *json)
{
	char comm[COMM_LEN];
	const char *line = strchr(json, '\n') + 1;
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;

	CHECK(t);
	o = json_tokener_parse_ex(t, line, (int)(strchr(line, '\n') - line));
	CHECK(o);
	put_name(comm, sizeof(comm), strings[COMM]);
	check_same(o, "comm", comm);
	check_same(o, "exe", strings[EXE]);
	check_same(o, "host", strings[HOST]);
	check_same(o, "cgroup", strings[CGROUP]);
	json_object_put(o);
	json_tokener_free(t);
}

static void report(struct options *o, char *log)
{
	struct fuzz_file page = fuzz__file(NULL, 0);
	bool html = o->report.html;
	char *operands[] = { log, NULL };
	struct fuzz_said said;
	size_t len;
	char *text;
	int code;

	o->operands = operands;
	o->n_operands = 1;
	o->utc = true;
	if (html)
		o->report.html = page.path;
	o->sockets.tcp = o->sockets.udp = o->sockets.ipv4 = o->sockets.ipv6 = true;
	fuzz__begin(&said);
	code = cmd_report(o);
	fuzz__end(&said);
	if (code || said.err_len)
		dprintf(2, "report said: %s\n", said.err);
	CHECK(code == EXIT_FINE && !said.err_len);
	text = fuzz__read(&page, &len);
	if (html)
		fuzz__check_page(text, len);
	else if (o->json)
		CHECK(fuzz__check_json(said.out, said.out_len) == 1);
	else
		fuzz__check_text(said.out, said.out_len);
	free(text);
	fuzz__free(&said);
	fuzz__close(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct options forms[] = { { .json = false },
						{ .json = true },
						{ .report.findings = true },
						{ .report.sock = 4711 },
						{ .report.sock = 4711, .json = true },
						{ .report.html = "" } };
	struct fuzz_file log;
	char *text = calloc(1, size + 1), *json, *lines;
	struct options o;
	size_t len;

	CHECK(text);
	o = forms[size ? data[0] % (sizeof(forms) / sizeof(forms[0])) : 0];
	if (size)
		memcpy(text, data + 1, size - 1);
	split(text, size);
	lines = through_sink(false, &len);
	fuzz__check_text(lines, len);
	json = through_sink(true, &len);
	fuzz__check_records(json, len);
	check_process(json);
	log = fuzz__file(json, len);
	report(&o, log.path);
	fuzz__close(&log);
	free(lines);
	free(json);
	free(text);
	return 0;
}
