// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pipeline_config.c - the first chunk of a capture: the struct as it is, its strings after it, each
 * with its NUL, lists ended by an empty string.
 */
#include <errno.h>
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

static void put_list(struct packer *p, const char *const *list, size_t max)
{
	size_t i;

	for (i = 0; i < max && list[i]; i++)
		if (*list[i])
			put_string(p, list[i]);
	put_string(p, "");
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
	put_list(&p, c->start.args, LENGTH(c->start.args));
	put_list(&p, c->start.hooks, LENGTH(c->start.hooks));
	put_list(&p, c->start.blind, LENGTH(c->start.blind));
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
	size_t n = 0;
	const char *s;

	while (*(s = get_string(u)) && n + 1 < max)
		list[n++] = s;
	if (*s)
		u->err = -EBADMSG;
	list[n] = NULL;
}

int pipeline_config__unpack(struct pipeline_config *c, void *data, size_t len)
{
	struct unpacker u = { .at = data, .end = (char *)data + len };

	if (len < sizeof(*c))
		return -EBADMSG;
	memcpy(c, data, sizeof(*c));
	if (c->filter.n_errnos > OPTION_SET_MAX)
		return -EBADMSG;
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
