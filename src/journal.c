// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * journal.c - datagrams to systemd-journald, not sd_journal_sendv(): that blocks while the journal does not read, and says
 * that all is well where there is none (docs/design.md).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "journal.h"

#define JOURNAL     "/run/systemd/journal/socket"
#define ENTRIES_MAX 1024 /* waiting: power of two */
#define BYTES_MAX   ((size_t)1 << 20)
#define ENTRY_MAX                                                                                  \
	((size_t)64 << 10) /* so that it fits in one datagram (net.core.wmem_default is 208 KB) */

struct entry {
	char *data;
	size_t len;
};

struct journal {
	int fd; /* connected; -1: not yet, or not any more */
	struct entry entries[ENTRIES_MAX];
	size_t first, n, bytes;
	uint64_t dropped;
};

struct journal *journal__new(void)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (j)
		j->fd = -1;
	return j;
}

static void disconnect(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

static void take_first(struct journal *j)
{
	struct entry *e = &j->entries[j->first];

	j->bytes -= e->len;
	free(e->data);
	j->first = (j->first + 1) % ENTRIES_MAX;
	j->n--;
}

void journal__free(struct journal *j)
{
	if (!j)
		return;
	while (j->n)
		take_first(j);
	disconnect(j);
	free(j);
}

/* systemd.io/JOURNAL_NATIVE_PROTOCOL: with a newline in it, the value follows its length, little-endian. */
void journal__field(struct buf *entry, const char *key, const char *value, size_t len)
{
	size_t i;

	buf__str(entry, key);
	if (!memchr(value, '\n', len)) {
		buf__char(entry, '=');
	} else {
		buf__char(entry, '\n');
		for (i = 0; i < 8; i++)
			buf__char(entry, (char)(len >> 8 * i));
	}
	buf__put(entry, value, len);
	buf__char(entry, '\n');
}

void journal__string(struct buf *entry, const char *key, const char *value)
{
	if (value && *value)
		journal__field(entry, key, value, strlen(value));
}

void journal__number(struct buf *entry, const char *key, uint64_t value)
{
	buf__str(entry, key);
	buf__char(entry, '=');
	buf__u64(entry, value);
	buf__char(entry, '\n');
}

void journal__put(struct journal *j, const struct buf *entry)
{
	struct entry *e = &j->entries[(j->first + j->n) % ENTRIES_MAX];
	size_t len = entry->len;

	if (entry->failed || len > ENTRY_MAX || j->n == ENTRIES_MAX || len > BYTES_MAX - j->bytes ||
	    !(e->data = malloc(len))) {
		j->dropped++;
		return;
	}
	memcpy(e->data, entry->data, len);
	e->len = len;
	j->bytes += len;
	j->n++;
}

static int connect_to(struct journal *j)
{
	static const struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = JOURNAL };
	int err = 0;

	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (j->fd < 0)
		return -errno;
	if (connect(j->fd, (const struct sockaddr *)&to, sizeof(to))) {
		err = -errno;
		disconnect(j);
	}
	return err;
}

static int send_first(struct journal *j)
{
	const struct entry *e = &j->entries[j->first];
	int err = j->fd < 0 ? connect_to(j) : 0;

	if (err)
		return err;
	if (send(j->fd, e->data, e->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	err = -errno;
	/* a journal that was started anew has another socket at the same place */
	if (err != -EAGAIN && err != -EINTR && err != -ENOBUFS)
		disconnect(j);
	return err;
}

int journal__step(struct journal *j)
{
	int err = 0;

	while (j->n && !err) {
		bool fresh = j->fd < 0;

		err = send_first(j);
		if (err && j->fd < 0 && !fresh)
			err = send_first(j);
		if (err == -EMSGSIZE) { /* it will never go */
			j->dropped++;
			err = 0;
			take_first(j);
		} else if (!err) {
			take_first(j);
		}
	}
	return err;
}

int journal__finish(struct journal *j, unsigned int ms)
{
	int err = journal__step(j);

	for (; err && ms >= 10; ms -= 10) {
		struct pollfd p = { .fd = j->fd, .events = POLLOUT };

		/* a peer that is full makes it wait, one that is gone does not */
		poll(&p, 1, 10);
		err = journal__step(j);
		if (err != -EAGAIN)
			break;
	}
	for (; j->n; j->dropped++)
		take_first(j);
	return err;
}

uint64_t journal__dropped(const struct journal *j)
{
	return j->dropped;
}
