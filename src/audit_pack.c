// SPDX-License-Identifier: GPL-2.0-or-later
/* audit_pack.c - which complete segment is packed next. */
#include <errno.h>
#include "audit_gzip.h"
#include "audit_pack.h"
#include "host.h"

#define RETRY_NS 60000000000ull /* after a full disk */

static struct audit_segment *next_plain(struct audit_dir *d)
{
	struct audit_segment *s;
	size_t i = 0;

	while ((s = audit_dir__segment(d, i)) && (s->gzipped || s->stays))
		i++;
	return s;
}

bool audit_pack__step(struct audit_pack *p, struct audit_dir *d, bool sync)
{
	struct audit_segment *s = next_plain(d);
	uint64_t size = 0;
	int ret;

	if (!s || host__now() < p->not_before_ns)
		return false;
	if (!p->gzip)
		p->gzip = audit_gzip__begin(audit_dir__fd(d), s->number, sync);
	ret = p->gzip ? audit_gzip__step(p->gzip, &size) : -errno;
	if (ret > 0)
		return true;
	audit_gzip__free(p->gzip);
	p->gzip = NULL;
	if (!ret) {
		s->gzipped = true;
		s->size = size;
		return true;
	}
	if (ret == -ENOSPC || ret == -EDQUOT)
		p->not_before_ns = host__now() + RETRY_NS;
	else
		s->stays = true;
	p->error = ret;
	return true;
}

void audit_pack__forget(struct audit_pack *p, uint64_t number)
{
	if (p->gzip && audit_gzip__number(p->gzip) == number)
		audit_pack__free(p);
}

void audit_pack__free(struct audit_pack *p)
{
	audit_gzip__free(p->gzip);
	p->gzip = NULL;
}
