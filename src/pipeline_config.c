// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pipeline_config.c - the first chunk of a capture: the struct as it is, then its strings, each with
 * its NUL, lists with their length first.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include "pipeline.h"

struct packer {
	char *buf;
	size_t len, max;
};

static void put_bytes(struct packer *p, const void *data, size_t n)
{
	if (n > p->max - p->len)
		n = p->max - p->len;
	memcpy(p->buf + p->len, data, n);
	p->len += n;
}

static void put_string(struct packer *p, const char *s)
{
	put_bytes(p, s ? s : "", s ? strlen(s) + 1 : 1);
}

static void put_list(struct packer *p, const char *const *list)
{
	uint32_t n = 0, i;

	while (list[n])
		n++;
	put_bytes(p, &n, sizeof(n));
	for (i = 0; i < n; i++)
		put_string(p, list[i]);
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

size_t pipeline_config__pack(const struct pipeline_config *c, void *buf, size_t max)
{
	struct packer p = { .buf = buf, .max = max };
	struct pipeline_config flat = *c;

	memset(&flat.start, 0, sizeof(flat.start));
	put_bytes(&p, &flat, sizeof(flat));
	put_string(&p, c->start.version);
	put_string(&p, c->start.kernel);
	put_string(&p, c->start.machine_id);
	put_string(&p, c->start.boot_id);
	put_string(&p, c->start.host);
	put_list(&p, c->start.args);
	put_list(&p, c->start.hooks);
	put_list(&p, c->start.blind);
	return p.len;
}

struct unpacker {
	char *at, *end;
	int err;
};

static const char *get_string(struct unpacker *u)
{
	const char *s = u->at;
	char *nul = memchr(u->at, '\0', u->end - u->at);

	if (!nul) {
		u->err = -EBADMSG;
		return "";
	}
	u->at = nul + 1;
	return s;
}

static void get_list(struct unpacker *u, const char **list, size_t max)
{
	uint32_t n, i;

	list[0] = NULL;
	if (u->end - u->at < (ptrdiff_t)sizeof(n)) {
		u->err = -EBADMSG;
		return;
	}
	memcpy(&n, u->at, sizeof(n));
	u->at += sizeof(n);
	if (n >= max) {
		u->err = -EBADMSG;
		return;
	}
	for (i = 0; i < n; i++)
		list[i] = get_string(u);
	list[n] = NULL;
}

/* A byte of a file is not a bool until it is 0 or 1. */
static void make_bool(bool *b)
{
	unsigned char byte;

	memcpy(&byte, b, sizeof(byte));
	*b = byte != 0;
}

int pipeline_config__unpack(struct pipeline_config *c, void *data, size_t len)
{
	struct unpacker u = { .at = data, .end = (char *)data + len };

	if (len < sizeof(*c))
		return -EBADMSG;
	memcpy(c, data, sizeof(*c));
	if (c->filter.n_errnos > OPTION_SET_MAX)
		return -EBADMSG;
	make_bool(&c->filter.failed);
	u.at += sizeof(*c);
	c->start.version = get_string(&u);
	c->start.kernel = get_string(&u);
	c->start.machine_id = get_string(&u);
	c->start.boot_id = get_string(&u);
	c->start.host = get_string(&u);
	get_list(&u, c->start.args, LENGTH(c->start.args));
	get_list(&u, c->start.hooks, LENGTH(c->start.hooks));
	get_list(&u, c->start.blind, LENGTH(c->start.blind));
	return u.err;
}
