// SPDX-License-Identifier: GPL-2.0-or-later
/* ports_past.c - fills the model of ports from what past.c knows of a moment. */
#include "ports_past.h"

#include <stdlib.h>

/* No socket, no namespace: then there is nothing to join. */
static int finish(struct past_read *r, struct ports *p)
{
	int err = r->covered ? past__fill(r->past, p) : 0;

	return err || (!p->n_netns && !p->n_socks) ? err : ports__finish(p);
}

struct ports *ports_past__read(struct past_read *r, uint16_t port)
{
	static const uint64_t chosen = 1; /* past_who.c */
	struct ports *p = ports__new();

	if (!p || past_read__run(r) || finish(r, p)) {
		ports__free(p);
		return NULL;
	}
	ports__select(p, port, r->filter, &chosen, 1);
	return p;
}
