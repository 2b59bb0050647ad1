// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_file.c - one open segment: allocated ahead of the writing, with a reserve for the last records of a
 * full disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit_file.h"

#define STEP ((uint64_t)4 << 20) /* allocated at once, where there is so much */

static int grow(struct audit_file *f, uint64_t to)
{
	int ret;

	do
		ret = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)f->allocated,
				(off_t)(to - f->allocated));
	while (ret && errno == EINTR);
	if (ret)
		return -errno;
	f->allocated = to;
	return 0;
}

int audit_file__room(struct audit_file *f, uint64_t len)
{
	uint64_t need = f->size + len + AUDIT_RESERVE;
	int err;

	if (f->cannot || need <= f->allocated)
		return 0;
	err = grow(f, need + STEP);
	if (err == -ENOSPC || err == -EDQUOT)
		err = grow(f, need);
	if (err != -EOPNOTSUPP && err != -ENOSYS)
		return err;
	f->cannot = true;
	return 0;
}

int audit_file__create(int dir, const char *name, int access)
{
	int fd = openat(dir, name, access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			AUDIT_FILE_MODE);

	if (fd < 0)
		return -errno;
	fchmod(fd, AUDIT_FILE_MODE); /* a file system that cannot has no modes at all */
	return fd;
}

int audit_file__open(struct audit_file *f, int fd, uint64_t size)
{
	int err;

	*f = (struct audit_file){ .fd = fd, .size = size, .allocated = size };
	err = audit_file__room(f, 0);
	if (err)
		audit_file__close(f);
	return err;
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Also frees what was allocated behind the end. */
static int cut(struct audit_file *f)
{
	if (ftruncate(f->fd, (off_t)f->size))
		return -errno;
	f->allocated = f->size;
	f->dirty = false;
	return 0;
}

int audit_file__append(struct audit_file *f, const void *data, size_t len, bool last)
{
	int err = f->dirty ? cut(f) : 0;

	if (!err && !last)
		err = audit_file__room(f, len);
	if (err)
		return err;
	err = write_at(f->fd, data, len, f->size);
	if (err) {
		f->dirty = true;
		/* now, while the reserve is needed: without one, this makes room for a seal */
		if (f->cannot)
			cut(f);
		return err;
	}
	f->size += len;
	return 0;
}

bool audit_file__has_reserve(const struct audit_file *f)
{
	return f->cannot || f->allocated >= f->size + AUDIT_RESERVE / 2;
}

int audit_file__sync(const struct audit_file *f)
{
	return fdatasync(f->fd) ? -errno : 0;
}

void audit_file__close(struct audit_file *f)
{
	if (f->fd < 0)
		return;
	if (f->allocated > f->size || f->dirty)
		cut(f);
	close(f->fd);
	f->fd = -1;
}
