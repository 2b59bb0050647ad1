// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * capture.c - writes and reads the chunks of a capture file, and refuses what is damaged or of another
 * version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture.h"
#include "sink.h"

static const char magic[8] = { 'S', 'L', 'C', 'A', 'P', 'T', 'U', 'R' };

struct capture_writer {
	struct out *out;
	int fd;
};

struct capture_reader {
	FILE *file;
	unsigned char *buf;
	uint64_t offset;
};

struct chunk_head {
	uint32_t kind;
	uint32_t len;
};

struct capture_writer *capture__create(const char *path)
{
	struct capture_writer *w = calloc(1, sizeof(*w));
	uint32_t version = CAPTURE_FORMAT;

	if (!w)
		return NULL;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		goto fail;
	w->out = out__new(w->fd);
	if (!w->out)
		goto fail;
	out__put(w->out, magic, sizeof(magic));
	out__put(w->out, (const char *)&version, sizeof(version));
	return w;
fail:
	capture__close(w);
	return NULL;
}

void capture__put(struct capture_writer *w, enum capture_kind kind, const void *a, size_t a_len,
		  const void *b, size_t b_len)
{
	struct chunk_head head = { .kind = kind, .len = a_len + b_len };

	out__put(w->out, (const char *)&head, sizeof(head));
	out__put(w->out, a, a_len);
	if (b_len)
		out__put(w->out, b, b_len);
}

int capture__flush(struct capture_writer *w)
{
	return out__flush(w->out);
}

void capture__close(struct capture_writer *w)
{
	int saved = errno;

	if (!w)
		return;
	if (w->out) {
		out__flush(w->out);
		out__free(w->out);
	}
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	errno = saved;
}

struct capture_reader *capture__open(const char *path)
{
	struct capture_reader *r = calloc(1, sizeof(*r));
	char head[sizeof(magic) + sizeof(uint32_t)];
	uint32_t version;

	if (!r)
		return NULL;
	r->file = fopen(path, "re");
	if (!r->file)
		goto fail;
	r->buf = malloc(CAPTURE_CHUNK_MAX);
	if (!r->buf)
		goto fail;
	if (fread(head, sizeof(head), 1, r->file) != 1) {
		errno = ferror(r->file) ? EIO : EBADMSG;
		goto fail;
	}
	memcpy(&version, head + sizeof(magic), sizeof(version));
	if (memcmp(head, magic, sizeof(magic)) || version != CAPTURE_FORMAT) {
		errno = EBADMSG;
		goto fail;
	}
	r->offset = sizeof(head);
	return r;
fail:
	capture__free(r);
	return NULL;
}

int capture__next(struct capture_reader *r, struct capture_chunk *chunk)
{
	struct chunk_head head;
	size_t got = fread(&head, 1, sizeof(head), r->file);

	chunk->offset = r->offset;
	if (!got && feof(r->file))
		return 0;
	if (got != sizeof(head) || !head.kind || head.kind >= CAPTURE_KINDS ||
	    head.len > CAPTURE_CHUNK_MAX)
		return -EBADMSG;
	if (head.len && fread(r->buf, head.len, 1, r->file) != 1)
		return -EBADMSG;
	r->offset += sizeof(head) + head.len;
	chunk->kind = head.kind;
	chunk->len = head.len;
	chunk->data = r->buf;
	return 1;
}

void capture__free(struct capture_reader *r)
{
	int saved = errno;

	if (!r)
		return;
	if (r->file)
		fclose(r->file);
	free(r->buf);
	free(r);
	errno = saved;
}
