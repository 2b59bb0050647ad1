// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sink/journal.c - before another sink: every record goes on to that, findings and losses go to the journal too, with
 * what identifies them as fields of their own (docs/audit-log.md has the table).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include "journal.h"
#include "log.h"
#include "sink.h"

/* For `journalctl MESSAGE_ID=` and message catalogues: they never change. */
#define MESSAGE_ID_FINDING "79cec58355b7407a9ceb2650a9590f2e"
#define MESSAGE_ID_LOST    "b511be23df864587ae6587f9ca4899df"

struct sink_journal {
	struct sink sink;
	struct sink *inner;
	struct journal *journal;
	struct buf entry, text;
};

static const int priorities[] = {
	[SEVERITY_INFO] = LOG_INFO,
	[SEVERITY_WARNING] = LOG_WARNING,
	[SEVERITY_ERROR] = LOG_ERR,
};

/* For a terminal: what people read of an entry. */
static void put_safe(struct sink_journal *s, const char *key, const char *before, const char *text,
		     size_t size)
{
	s->text.len = 0;
	buf__str(&s->text, before);
	buf__safe(&s->text, text, strnlen(text, size), false);
	journal__field(&s->entry, key, s->text.data, s->text.failed ? 0 : s->text.len);
	s->entry.failed |= s->text.failed;
}

static void put_end(struct buf *b, const char *addr_key, const char *port_key, const uint8_t *addr,
		    uint16_t port, uint16_t family)
{
	char text[ADDR_TEXT];

	if (!port)
		return;
	journal__field(b, addr_key, text, addr__text(text, addr, family));
	journal__number(b, port_key, port);
}

static void put_sock(struct buf *b, const struct ev_sock *sock)
{
	if (sock->cookie)
		journal__number(b, "SOCKLIFE_SOCK", sock->cookie);
	if (sock->netns)
		journal__number(b, "SOCKLIFE_NETNS", sock->netns);
	if (sock->proto)
		journal__string(b, "SOCKLIFE_PROTO", sink__proto_name(sock->proto));
	put_end(b, "SOCKLIFE_LADDR", "SOCKLIFE_LPORT", sock->laddr, sock->lport, sock->family);
	put_end(b, "SOCKLIFE_RADDR", "SOCKLIFE_RPORT", sock->raddr, sock->rport, sock->family);
}

static void put_workload(struct buf *b, const struct workload *w)
{
	if (!w)
		return;
	journal__string(b, "SOCKLIFE_UNIT", w->unit);
	journal__string(b, "SOCKLIFE_RUNTIME", w->runtime);
	journal__string(b, "SOCKLIFE_CONTAINER_NAME", w->container_name);
	journal__string(b, "SOCKLIFE_POD", w->pod);
	journal__string(b, "SOCKLIFE_POD_NAMESPACE", w->pod_namespace);
	journal__string(b, "SOCKLIFE_POD_UID", w->pod_uid);
}

static void put_process(struct buf *b, const struct record *r)
{
	const struct ev_owner *p = r->actor ? &r->actor->proc : NULL;
	char proc[64];

	if (!p || !p->tgid)
		return;
	snprintf(proc, sizeof(proc), "%u.%llu.%u", p->tgid, (unsigned long long)p->start_ns,
		 p->exec);
	journal__string(b, "SOCKLIFE_PROC", proc);
	journal__number(b, "SOCKLIFE_PID", p->tgid);
	journal__field(b, "SOCKLIFE_COMM", p->comm, strnlen(p->comm, COMM_LEN));
	if (r->actor->tid)
		journal__number(b, "SOCKLIFE_UID", r->actor->uid);
	journal__string(b, "SOCKLIFE_EXE", r->exe);
	journal__string(b, "SOCKLIFE_CGROUP", r->cgroup);
	journal__string(b, "SOCKLIFE_CONTAINER", r->container);
	put_workload(b, r->workload);
}

static void begin(struct sink_journal *s, const struct record *r, const char *message_id,
		  int priority)
{
	s->entry.len = 0;
	s->entry.failed = false;
	journal__string(&s->entry, "SYSLOG_IDENTIFIER", "socklife");
	journal__string(&s->entry, "MESSAGE_ID", message_id);
	journal__number(&s->entry, "PRIORITY", (uint64_t)priority);
	journal__string(&s->entry, "SOCKLIFE_TYPE", record_names[r->type]);
	journal__number(&s->entry, "SOCKLIFE_BOOT_NS", r->boot_ns);
}

static void write_finding(struct sink_journal *s, const struct record *r)
{
	const struct finding *f = r->u.finding;
	struct buf *b = &s->entry;
	char key[17], before[64];

	/* one that is over wants nobody's attention any more */
	begin(s, r, MESSAGE_ID_FINDING,
	      f->status == FINDING_CLOSED ? LOG_INFO : priorities[f->severity]);
	snprintf(before, sizeof(before), "%s%s: ", f->id,
		 f->status == FINDING_CLOSED ? " is over" : "");
	put_safe(s, "MESSAGE", before, f->message, sizeof(f->message));
	journal__string(b, "SOCKLIFE_FINDING", f->id);
	snprintf(key, sizeof(key), "%016llx", (unsigned long long)f->key);
	journal__string(b, "SOCKLIFE_KEY", key);
	journal__string(b, "SOCKLIFE_STATUS", finding_status_names[f->status]);
	journal__string(b, "SOCKLIFE_SEVERITY", severity_names[f->severity]);
	journal__string(b, "SOCKLIFE_RULE", f->rule);
	if (f->advice[0])
		put_safe(s, "SOCKLIFE_ADVICE", "", f->advice, sizeof(f->advice));
	journal__number(b, "SOCKLIFE_COUNT", f->count);
	if (f->error)
		journal__string(b, "SOCKLIFE_ERROR", log__errno(f->error));
	put_sock(b, &f->sock);
	journal__string(b, "SOCKLIFE_NETNS_NAME", r->netns_name);
	put_process(b, r);
	journal__put(s->journal, b);
}

static void write_lost(struct sink_journal *s, const struct record *r)
{
	const struct lost *l = r->u.lost;
	char message[96];

	begin(s, r, MESSAGE_ID_LOST, LOG_WARNING);
	snprintf(message, sizeof(message), "%llu lost (%s)", (unsigned long long)l->count,
		 lost_names[l->reason]);
	journal__string(&s->entry, "MESSAGE", message);
	journal__string(&s->entry, "SOCKLIFE_REASON", lost_names[l->reason]);
	journal__number(&s->entry, "SOCKLIFE_COUNT", l->count);
	journal__put(s->journal, &s->entry);
}

static void sink_journal__write(struct sink *sink, const struct record *r, uint64_t seq)
{
	struct sink_journal *s = (struct sink_journal *)sink;

	s->inner->write(s->inner, r, seq);
	if (r->type == RECORD_FINDING)
		write_finding(s, r);
	else if (r->type == RECORD_LOST)
		write_lost(s, r);
}

static void sink_journal__free(struct sink *sink)
{
	struct sink_journal *s = (struct sink_journal *)sink;

	s->inner->free(s->inner);
	buf__free(&s->entry);
	buf__free(&s->text);
	free(s);
}

struct sink *sink_journal__new(struct sink *inner, struct journal *journal)
{
	struct sink_journal *s = inner ? calloc(1, sizeof(*s)) : NULL;

	if (!s) {
		if (inner)
			inner->free(inner);
		return NULL;
	}
	s->sink = (struct sink){ .write = sink_journal__write, .free = sink_journal__free };
	s->inner = inner;
	s->journal = journal;
	return &s->sink;
}
