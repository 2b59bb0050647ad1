// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_text.c - the table of families, and their text. */
#include "metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "detect.h"
#include "log.h"
#include "sink.h"

struct writer;

enum family_type { COUNTER, GAUGE, HISTOGRAM, INFO };

/* A metric family: its name is without what its type appends. */
struct family {
	const char *name;
	const char *unit; /* NULL: none */
	const char *help;
	void (*write)(struct writer *w, const struct metrics_values *v);
	enum family_type type;
};

struct writer {
	struct buf *b;
	const struct family *f;
	bool openmetrics;
	bool labels; /* of this sample there are some already */
};

/* --- one sample --- */

static void begin(struct writer *w, const char *suffix)
{
	buf__str(w->b, w->f->name);
	buf__str(w->b, suffix);
	w->labels = false;
}

static void label_key(struct writer *w, const char *key)
{
	buf__char(w->b, w->labels ? ',' : '{');
	w->labels = true;
	buf__str(w->b, key);
	buf__str(w->b, "=\"");
}

/* `value` needs no escaping. */
static void label(struct writer *w, const char *key, const char *value)
{
	label_key(w, key);
	buf__str(w->b, value);
	buf__char(w->b, '"');
}

/* Bytes of somebody else. What is no plain text becomes \xNN, a backslash too: two names never become one. */
static void label_bytes(struct writer *w, const char *key, const char *s, size_t n)
{
	struct buf safe = { 0 };
	size_t i;

	label_key(w, key);
	buf__safe(&safe, s, n, true);
	for (i = 0; i < safe.len; i++) {
		if (safe.len - i >= 4 && !memcmp(safe.data + i, "\\x20", 4)) {
			buf__char(w->b, ' ');
			i += 3;
			continue;
		}
		if (safe.data[i] == '\\' || safe.data[i] == '"')
			buf__char(w->b, '\\');
		buf__char(w->b, safe.data[i]);
	}
	w->b->failed |= safe.failed;
	buf__free(&safe);
	buf__char(w->b, '"');
}

static void label_address(struct writer *w, const char *key, const uint8_t *addr, uint16_t family)
{
	char text[ADDR_TEXT + 1];

	text[addr__text(text, addr, family)] = '\0';
	label(w, key, text);
}

static void label_u64(struct writer *w, const char *key, uint64_t value)
{
	label_key(w, key);
	buf__u64(w->b, value);
	buf__char(w->b, '"');
}

static void label_port(struct writer *w, const char *key, uint16_t port)
{
	label_u64(w, key, port);
}

static void end(struct writer *w, uint64_t value)
{
	buf__str(w->b, w->labels ? "} " : " ");
	buf__u64(w->b, value);
	buf__char(w->b, '\n');
}

static void end_ns(struct writer *w, uint64_t ns)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000,
			 ns % 1000000000);

	buf__str(w->b, w->labels ? "} " : " ");
	buf__put(w->b, text, n);
}

/* --- families --- */

static void write_build(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_info");
	label_bytes(w, "version", v->own.version, strlen(v->own.version));
	label_bytes(w, "kernel", v->own.kernel, strlen(v->own.kernel));
	end(w, 1);
}

static void write_events(struct writer *w, const struct metrics_values *v)
{
	int i;

	for (i = RECORD_PROCESS; i <= RECORD_CLOSE; i++) {
		begin(w, "_total");
		label(w, "type", record_names[i]);
		end(w, v->counts.events[i]);
	}
}

static void write_failures(struct writer *w, const struct metrics_values *v)
{
	static const enum record_type types[CALLS] = { [CALL_BIND] = RECORD_BIND,
						       [CALL_LISTEN] = RECORD_LISTEN,
						       [CALL_CONNECT] = RECORD_CONNECT,
						       [CALL_ACCEPT] = RECORD_ACCEPT };
	int i, k;

	for (i = 0; i < CALLS; i++)
		for (k = 0; k < METRICS_ERRNOS; k++) {
			if (!v->counts.failures[i][k])
				continue;
			begin(w, "_total");
			label(w, "type", record_names[types[i]]);
			label(w, "errno", k ? log__errno(k) : METRICS_OTHER);
			end(w, v->counts.failures[i][k]);
		}
}

static void write_abandoned(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end(w, v->counts.abandoned);
}

static void write_journal_dropped(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end(w, v->counts.journal_dropped);
}

static void write_closes(struct writer *w, const struct metrics_values *v)
{
	int i;

	for (i = 0; i < REASONS; i++) {
		begin(w, "_total");
		label(w, "reason", reason_names[i]);
		end(w, v->counts.closes[i]);
	}
}

static void write_sent(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end(w, v->counts.tx_bytes);
}

static void write_received(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end(w, v->counts.rx_bytes);
}

static void write_retransmits(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end(w, v->counts.retrans);
}

/* _count is the sum of the buckets that were read: so the two agree, whatever was counted meanwhile. */
static void write_histogram(struct writer *w, const struct metrics_values *v,
			    enum metrics_histogram h, const char *role)
{
	const struct metrics_bucket *b = metrics__buckets(h);
	uint64_t n = 0;
	int i;

	for (i = 0; i == 0 || b[i - 1].ns != UINT64_MAX; i++) {
		n += v->counts.histograms[h].buckets[i];
		begin(w, "_bucket");
		if (role)
			label(w, "role", role);
		label(w, "le", b[i].le);
		end(w, n);
	}
	begin(w, "_sum");
	if (role)
		label(w, "role", role);
	end_ns(w, v->counts.histograms[h].sum_ns);
	begin(w, "_count");
	if (role)
		label(w, "role", role);
	end(w, n);
}

static void write_connect_latency(struct writer *w, const struct metrics_values *v)
{
	write_histogram(w, v, HISTOGRAM_CONNECT, NULL);
}

static void write_accept_wait(struct writer *w, const struct metrics_values *v)
{
	write_histogram(w, v, HISTOGRAM_ACCEPT, NULL);
}

static void write_durations(struct writer *w, const struct metrics_values *v)
{
	write_histogram(w, v, HISTOGRAM_CLIENT, role_names[ROLE_CLIENT]);
	write_histogram(w, v, HISTOGRAM_SERVER, role_names[ROLE_SERVER]);
}

static void write_open(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < v->n_comms; i++) {
		begin(w, "");
		label_bytes(w, "comm", v->comms[i].comm, strnlen(v->comms[i].comm, COMM_LEN));
		end(w, v->comms[i].open);
	}
	begin(w, "");
	label(w, "comm", METRICS_OTHER);
	end(w, v->counts.open_other);
}

static void write_state(struct writer *w, const char *proto, const char *state, uint64_t n)
{
	begin(w, "");
	label(w, "proto", proto);
	label(w, "state", state);
	end(w, n);
}

static void write_states(struct writer *w, const struct metrics_values *v)
{
	const struct looked *l = v->looked;
	int i;

	/* 12: no sockets yet, and not asked for (diag.h); 13: bound only, which has no name but that */
	for (i = 1; i < 12; i++)
		if (i != 7 || l->tcp[i])
			write_state(w, "tcp", sink__state_name(i), l->tcp[i]);
	write_state(w, "tcp", "BOUND", l->tcp[13]);
	write_state(w, "udp", "CONNECTED", l->udp[1]);
	write_state(w, "udp", "UNCONNECTED", l->udp[7]);
}

static void destination_labels(struct writer *w, const struct look_destination *d)
{
	begin(w, "");
	label_u64(w, "netns", d->netns);
	label_address(w, "laddr", d->laddr, d->family);
	label_address(w, "raddr", d->raddr, d->family);
	label_port(w, "rport", d->rport);
}

static void write_ephemeral_used(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < v->looked->n_destinations; i++) {
		destination_labels(w, &v->looked->destinations[i]);
		end(w, v->looked->destinations[i].used);
	}
}

static void write_ephemeral_capacity(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < v->looked->n_destinations; i++) {
		destination_labels(w, &v->looked->destinations[i]);
		end(w, v->looked->destinations[i].capacity);
	}
}

static void listener_labels(struct writer *w, const struct metrics_values *v, size_t i)
{
	const struct ev_sock *s = &v->looked->listeners[i].sock;
	const char *comm = v->listeners[i];

	begin(w, "");
	label_u64(w, "netns", s->netns);
	label_address(w, "laddr", s->laddr, s->family);
	label_port(w, "lport", s->lport);
	label_bytes(w, "comm", comm, strnlen(comm, COMM_LEN));
}

static void other_listeners(struct writer *w, uint64_t n)
{
	begin(w, "");
	label(w, "netns", METRICS_OTHER);
	label(w, "laddr", METRICS_OTHER);
	label(w, "lport", METRICS_OTHER);
	label(w, "comm", METRICS_OTHER);
	end(w, n);
}

static void write_queue_length(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < v->looked->n_listeners; i++) {
		listener_labels(w, v, i);
		end(w, v->looked->listeners[i].length);
	}
	if (v->looked->other_limit)
		other_listeners(w, v->looked->other_length);
}

static void write_queue_limit(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < v->looked->n_listeners; i++) {
		listener_labels(w, v, i);
		end(w, v->looked->listeners[i].limit);
	}
	if (v->looked->other_limit)
		other_listeners(w, v->looked->other_limit);
}

static void write_look_age(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end_ns(w, v->now_ns > v->looked->at_ns ? v->now_ns - v->looked->at_ns : 0);
}

static void write_look_took(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end_ns(w, v->looked->took_ns);
}

static void write_look_failed(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end(w, v->looked->failed);
}

static void write_findings(struct writer *w, const struct metrics_values *v)
{
	size_t i;
	int k;

	for (i = 0; i < METRICS_DETECTORS && detectors[i]; i++)
		for (k = FINDING_OPEN; k <= FINDING_CLOSED; k++) {
			begin(w, "_total");
			label(w, "finding", detectors[i]->id);
			label(w, "status", finding_status_names[k]);
			end(w, v->counts.findings[i][k]);
		}
}

static void write_findings_open(struct writer *w, const struct metrics_values *v)
{
	size_t i;

	for (i = 0; i < METRICS_DETECTORS && detectors[i]; i++) {
		const uint64_t *n = v->counts.findings[i];

		begin(w, "");
		label(w, "finding", detectors[i]->id);
		label(w, "severity", severity_names[detectors[i]->severity]);
		end(w,
		    n[FINDING_OPEN] > n[FINDING_CLOSED] ? n[FINDING_OPEN] - n[FINDING_CLOSED] : 0);
	}
}

static void write_lost(struct writer *w, const struct metrics_values *v)
{
	int i;

	for (i = 0; i < LOST_REASONS; i++) {
		if (i == LOST_CRASH || i == LOST_RETENTION)
			continue; /* of the log, and told there: nothing of what happens now */
		begin(w, "_total");
		label(w, "reason", lost_names[i]);
		end(w, v->counts.lost[i]);
	}
}

static void write_healthy(struct writer *w, const struct metrics_values *v)
{
	char text[128];

	begin(w, "");
	end(w, !metrics_text__sick(&v->counts, v->now_ns, text, sizeof(text)));
}

static void write_scrapes(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	label(w, "result", "complete");
	end(w, v->counts.scrapes);
	begin(w, "_total");
	label(w, "result", "incomplete");
	end(w, v->counts.scrapes_failed);
}

static void write_cpu(struct writer *w, const struct metrics_values *v)
{
	begin(w, "_total");
	end_ns(w, v->own.cpu_ns);
}

static void write_resident(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end(w, v->own.resident_bytes);
}

static void write_virtual(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end(w, v->own.virtual_bytes);
}

static void write_started(struct writer *w, const struct metrics_values *v)
{
	begin(w, "");
	end_ns(w, (uint64_t)(v->own.started_s * 1000) * 1000000);
}

/* In the order in which they are written; docs/metrics.md has the same. */
static const struct family families[] = {
	{ "socklife_build", NULL, "Version of socklife and of the kernel.", write_build, INFO },
	{ "socklife_events", NULL, "Events of sockets, by type.", write_events, COUNTER },
	{ "socklife_failures", NULL, "Calls that failed, by type and errno.", write_failures,
	  COUNTER },
	{ "socklife_abandoned_connects", NULL, "Connects that were given up before any answer.",
	  write_abandoned, COUNTER },
	{ "socklife_closes", NULL, "Sockets that closed, by reason.", write_closes, COUNTER },
	{ "socklife_sent_bytes", "bytes", "Payload that TCP peers acknowledged, of closed sockets.",
	  write_sent, COUNTER },
	{ "socklife_received_bytes", "bytes", "Payload received over TCP, of closed sockets.",
	  write_received, COUNTER },
	{ "socklife_retransmits", NULL, "TCP segments sent again, of closed sockets.",
	  write_retransmits, COUNTER },
	{ "socklife_connect_latency_seconds", "seconds",
	  "From connect() to the established TCP connection.", write_connect_latency, HISTOGRAM },
	{ "socklife_accept_wait_seconds", "seconds",
	  "How long TCP connections waited in the accept queue.", write_accept_wait, HISTOGRAM },
	{ "socklife_connection_duration_seconds", "seconds",
	  "From established to closed, of TCP connections, by role.", write_durations, HISTOGRAM },
	{ "socklife_open_sockets", NULL, "Open sockets that are followed, by process name.",
	  write_open, GAUGE },
	{ "socklife_sockets", NULL, "Sockets that the kernel has, by state.", write_states, GAUGE },
	{ "socklife_ephemeral_ports_used", NULL,
	  "Ephemeral ports in use from a local address to a destination, the tightest ones.",
	  write_ephemeral_used, GAUGE },
	{ "socklife_ephemeral_ports_capacity", NULL,
	  "Ephemeral ports there are from a local address to a destination.",
	  write_ephemeral_capacity, GAUGE },
	{ "socklife_accept_queue_length", NULL, "Connections that wait for accept(), by listener.",
	  write_queue_length, GAUGE },
	{ "socklife_accept_queue_limit", NULL, "How many connections may wait, by listener.",
	  write_queue_limit, GAUGE },
	{ "socklife_look_age_seconds", "seconds",
	  "How old sockets by state, ephemeral ports and accept queues are.", write_look_age,
	  GAUGE },
	{ "socklife_look_duration_seconds", "seconds", "How long it took to count them.",
	  write_look_took, GAUGE },
	{ "socklife_look_failed_namespaces", NULL,
	  "Network namespaces that could not be entered to count them.", write_look_failed, GAUGE },
	{ "socklife_findings", NULL, "Findings told, by name and status.", write_findings,
	  COUNTER },
	{ "socklife_open_findings", NULL, "Findings that are open.", write_findings_open, GAUGE },
	{ "socklife_lost_records", NULL, "Records that were lost, by reason.", write_lost,
	  COUNTER },
	{ "socklife_journal_dropped_entries", NULL,
	  "Entries that did not get to the journal (--journal).", write_journal_dropped, COUNTER },
	{ "socklife_healthy", NULL, "1 where /healthz says so.", write_healthy, GAUGE },
	{ "socklife_scrapes", NULL, "Answers of /metrics, by whether they went out to their end.",
	  write_scrapes, COUNTER },
	{ "process_cpu_seconds", "seconds", "CPU time of socklife.", write_cpu, COUNTER },
	{ "process_resident_memory_bytes", "bytes", "Resident memory of socklife.", write_resident,
	  GAUGE },
	{ "process_virtual_memory_bytes", "bytes", "Virtual memory of socklife.", write_virtual,
	  GAUGE },
	{ "process_start_time_seconds", "seconds", "When socklife was started, since 1970.",
	  write_started, GAUGE },
};

static void write_line(struct writer *w, const char *keyword, const char *text)
{
	const struct family *f = w->f;

	buf__str(w->b, "# ");
	buf__str(w->b, keyword);
	buf__char(w->b, ' ');
	buf__str(w->b, f->name);
	/* the older format has the name of the samples here, and no type for information */
	if (!w->openmetrics)
		buf__str(w->b, f->type == COUNTER ? "_total" : f->type == INFO ? "_info" : "");
	buf__char(w->b, ' ');
	buf__str(w->b, text);
	buf__char(w->b, '\n');
}

void metrics_text__write(struct buf *b, const struct metrics_values *v, bool openmetrics)
{
	static const char *const types[] = {
		[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram", [INFO] = "info"
	};
	struct writer w = { .b = b, .openmetrics = openmetrics };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		w.f = &families[i];
		write_line(&w, "TYPE",
			   !openmetrics && w.f->type == INFO ? "gauge" : types[w.f->type]);
		if (openmetrics && w.f->unit)
			write_line(&w, "UNIT", w.f->unit);
		write_line(&w, "HELP", w.f->help);
		w.f->write(&w, v);
	}
	if (openmetrics)
		buf__str(b, "# EOF\n");
}

const char *metrics_text__sick(const struct metrics_counts *c, uint64_t now_ns, char *text,
			       size_t size)
{
	if (now_ns > c->beat_ns + METRICS_STALL_NS)
		snprintf(text, size, "no events have been read for %" PRIu64 " s\n",
			 (now_ns - c->beat_ns) / 1000000000);
	else if (c->error)
		snprintf(text, size, "the output cannot be written: %s\n",
			 log__errno((int)c->error));
	else if (c->stalled_ns && now_ns > c->stalled_ns + METRICS_STALL_NS)
		snprintf(text, size, "the log's writer has been stuck for %" PRIu64 " s\n",
			 (now_ns - c->stalled_ns) / 1000000000);
	else
		return NULL;
	return text;
}

bool metrics_text__is_openmetrics(const char *accept)
{
	return !accept || strstr(accept, "application/openmetrics-text") ||
	       !strstr(accept, "text/plain");
}
