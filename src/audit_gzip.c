// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_gzip.c - packs one segment with zlib, a slice a call; the packed file takes its name at the very end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "audit_dir.h"
#include "audit_file.h"
#include "audit_gzip.h"

#define SLICE (128 << 10) /* some milliseconds of work */
#define LEVEL "1"         /* nearly as small as 6, in a third of the time */

struct audit_gzip {
	int dir, from, to;
	uint64_t number;
	bool sync;
	gzFile gz;
	char plain[AUDIT_NAME_MAX], name[AUDIT_NAME_MAX], hidden[AUDIT_NAME_MAX + 1];
	bool made; /* the hidden file is ours to remove */
	char slice[SLICE];
};

struct audit_gzip *audit_gzip__begin(int dir, uint64_t number, bool sync)
{
	struct audit_gzip *g = malloc(sizeof(*g));
	int saved, fd;

	if (!g)
		return NULL;
	g->dir = dir;
	g->number = number;
	g->sync = sync;
	g->to = -1;
	g->gz = NULL;
	g->made = false;
	audit_dir__name(g->plain, number, false);
	audit_dir__name(g->name, number, true);
	snprintf(g->hidden, sizeof(g->hidden), ".%s", g->name);
	g->from = openat(dir, g->plain, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (g->from < 0)
		goto fail;
	unlinkat(dir, g->hidden, 0);
	g->to = audit_file__create(dir, g->hidden, O_WRONLY);
	if (g->to < 0) {
		errno = -g->to;
		goto fail;
	}
	g->made = true;
	fd = fcntl(g->to, F_DUPFD_CLOEXEC, 0); /* gzclose() closes its own */
	g->gz = fd < 0 ? NULL : gzdopen(fd, "wb" LEVEL);
	if (g->gz)
		return g;
	if (fd >= 0) {
		close(fd);
		errno = ENOMEM;
	}
fail:
	saved = errno;
	audit_gzip__free(g);
	errno = saved;
	return NULL;
}

uint64_t audit_gzip__number(const struct audit_gzip *g)
{
	return g->number;
}

/* It keeps the time of its last record, which is what --keep-time goes by. */
static int finish(struct audit_gzip *g, uint64_t *size)
{
	int closed = gzclose(g->gz);
	struct timespec times[2];
	struct stat st;

	g->gz = NULL;
	if (closed != Z_OK)
		return closed == Z_ERRNO && errno ? -errno : -EIO;
	if (fstat(g->from, &st))
		return -errno;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (futimens(g->to, times) || fstat(g->to, &st) || (g->sync && fsync(g->to)) ||
	    renameat(g->dir, g->hidden, g->dir, g->name))
		return -errno;
	g->made = false;
	if ((g->sync && fsync(g->dir)) || unlinkat(g->dir, g->plain, 0))
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

int audit_gzip__step(struct audit_gzip *g, uint64_t *size)
{
	ssize_t n = read(g->from, g->slice, SLICE);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (!n)
		return finish(g, size);
	errno = 0;
	if (gzwrite(g->gz, g->slice, (unsigned int)n) != n)
		return errno ? -errno : -EIO;
	return 1;
}

void audit_gzip__free(struct audit_gzip *g)
{
	if (!g)
		return;
	if (g->gz)
		gzclose(g->gz);
	if (g->made)
		unlinkat(g->dir, g->hidden, 0);
	if (g->to >= 0)
		close(g->to);
	if (g->from >= 0)
		close(g->from);
	free(g);
}
