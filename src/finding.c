// SPDX-License-Identifier: GPL-2.0-or-later
/* finding.c - fills the fields of a finding: key, evidence, cures, each within its bounds. */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void finding__begin(struct finding *f, const struct detector *of, uint64_t now_ns)
{
	memset(f, 0, sizeof(*f));
	f->id = of->id;
	f->severity = of->severity;
	f->first_ns = now_ns;
	f->last_ns = now_ns;
	f->count = 1;
}

void finding__met_by(struct finding *f, const struct record *r)
{
	if (r->sock)
		f->sock = *r->sock;
	if (r->actor)
		f->actor = *r->actor;
	f->error = r->error;
}

static struct evidence *add(struct finding *f, const char *key, enum evidence_kind kind)
{
	struct evidence *e;

	if (f->n_evidence == EVIDENCE_MAX)
		return NULL;
	e = &f->evidence[f->n_evidence++];
	e->key = key;
	e->kind = kind;
	return e;
}

void finding__number(struct finding *f, const char *key, uint64_t value)
{
	struct evidence *e = add(f, key, EVIDENCE_NUMBER);

	if (e)
		e->number = value;
}

void finding__flag(struct finding *f, const char *key, bool value)
{
	struct evidence *e = add(f, key, EVIDENCE_FLAG);

	if (e)
		e->number = value;
}

void finding__address(struct finding *f, const char *key, const uint8_t *addr, uint16_t family)
{
	struct evidence *e = add(f, key, EVIDENCE_ADDRESS);

	if (!e)
		return;
	e->number = family;
	memcpy(e->addr, addr, ADDR_LEN);
}

void finding__text(struct finding *f, const char *key, const char *format, ...)
{
	struct evidence *e = add(f, key, EVIDENCE_TEXT);
	va_list args;

	if (!e)
		return;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
}

struct finding_process *finding__process(struct finding *f, const struct ev_owner *proc,
					 uint32_t uid)
{
	static struct finding_process spare;
	struct finding_process *p = &spare;

	if (f->n_processes < FINDING_PROCESSES)
		p = &f->processes[f->n_processes++];
	*p = (struct finding_process){ .proc = *proc, .uid = uid, .uid_known = uid != UINT32_MAX };
	return p;
}

uint64_t finding__key(const struct finding *f, const struct netns_ref *netns)
{
	uint64_t h = detect__hash(0, f->id, strlen(f->id));

	if (!netns)
		return h;
	h = detect__hash(h, &netns->inode, sizeof(netns->inode));
	return detect__hash(h, &netns->cookie, sizeof(netns->cookie));
}

uint64_t finding__key_program(uint64_t key, const struct ev_actor *a)
{
	if (a->mark)
		key = detect__hash(key, &a->mark, sizeof(a->mark));
	else
		key = detect__hash(key, a->proc.comm, strnlen(a->proc.comm, COMM_LEN));
	return detect__hash(key, &a->cgroup_id, sizeof(a->cgroup_id));
}

struct netns_ref finding__netns(const struct ev_sock *s, const struct ev_actor *a)
{
	return (struct netns_ref){ .cookie = s->netns_cookie,
				   .inode = s->netns,
				   .tgid = a ? a->proc.tgid : 0 };
}
