/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.c - strict parsers of values from the command line. strtoul() and its like are not used: they
 * take spaces, signs and other bases, and leave overflow to errno.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "addr.h"
#include "parse.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ERRNO_MAX     4095 /* the kernel's MAX_ERRNO */
#define SUGGEST_MAX   32   /* longest word that gets a suggestion */

struct unit {
	const char *name;
	uint64_t factor;
};

/* What follows the digits at s, NULL: there are none, or too many. */
static const char *take_digits(const char *s, uint64_t *value)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return NULL;
	*value = v;
	return s;
}

int parse__unsigned(const char *s, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *end;
	uint64_t v;

	end = take_digits(s, &v);
	if (!end || *end || v < min || v > max)
		return -EINVAL;
	*value = v;
	return 0;
}

static int parse_scaled(const char *s, const struct unit *units, size_t n, uint64_t *value)
{
	const char *end;
	uint64_t v;

	end = take_digits(s, &v);
	if (!end)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v) || v > INT64_MAX)
			return -EINVAL;
		*value = v;
		return 0;
	}
	return -EINVAL;
}

int parse__duration(const char *s, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "us", 1000ull },
		{ "ms", 1000000ull },
		{ "s", 1000000000ull },
		{ "m", 60 * 1000000000ull },
		{ "h", 3600 * 1000000000ull },
		{ "d", 86400 * 1000000000ull },
	};

	return parse_scaled(s, units, ARRAY_SIZE(units), ns);
}

int parse__size(const char *s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "K", 1ull << 10 },
		{ "M", 1ull << 20 },
		{ "G", 1ull << 30 },
	};

	return parse_scaled(s, units, ARRAY_SIZE(units), bytes);
}

int parse__ports(const char *s, uint64_t ports[PORT_WORDS])
{
	uint64_t first, last;
	const char *end;

	end = take_digits(s, &first);
	if (!end)
		return -EINVAL;
	last = first;
	if (*end == '-') {
		end = take_digits(end + 1, &last);
		if (!end)
			return -EINVAL;
	}
	if (*end || first < 1 || last > 65535 || first > last)
		return -EINVAL;
	for (uint64_t port = first; port <= last; port++)
		ports[port / 64] |= 1ull << (port % 64);
	return 0;
}

int parse__cidr(const char *s, struct filter_cidr *cidr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct filter_cidr c = { 0 };
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(s, '/');
	size_t len = (size_t)(slash - s);
	uint64_t most, bits;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, c.addr + sizeof(mapped)) == 1) {
		memcpy(c.addr, mapped, sizeof(mapped));
		most = 32;
	} else if (inet_pton(AF_INET6, host, c.addr) == 1) {
		most = 128;
	} else {
		return -EINVAL;
	}
	bits = most;
	if (*slash && parse__unsigned(slash + 1, 0, most, &bits))
		return -EINVAL;
	bits += 128 - most;
	for (size_t i = 0; i < ADDR_LEN; i++) {
		if (bits >= 8 * (i + 1))
			c.mask[i] = 0xff;
		else if (bits > 8 * i)
			c.mask[i] = (uint8_t)(0xff00 >> (bits - 8 * i));
		c.addr[i] &= c.mask[i];
	}
	*cidr = c;
	return 0;
}

bool cidr__has(const struct filter_cidr *cidr, const uint8_t addr[ADDR_LEN])
{
	size_t i;

	/* ::/0 is about IPv6: an IPv4 address needs an IPv4 CIDR */
	if (addr__is_mapped(addr) && cidr->mask[11] != 0xff)
		return false;
	for (i = 0; i < ADDR_LEN; i++)
		if ((addr[i] & cidr->mask[i]) != cidr->addr[i])
			return false;
	return true;
}

int parse__uid(const char *s, uint32_t *uid)
{
	const struct passwd *user;
	uint64_t v;

	if (*s >= '0' && *s <= '9') {
		if (parse__unsigned(s, 0, UINT32_MAX - 1, &v))
			return -EINVAL;
		*uid = (uint32_t)v;
		return 0;
	}
	user = *s ? getpwnam(s) : NULL;
	if (!user)
		return -EINVAL;
	*uid = user->pw_uid;
	return 0;
}

int parse__errno(const char *s, int *error)
{
	/* Second names of one number: strerrorname_np() knows only the first. */
	static const struct {
		const char *name;
		int error;
	} aliases[] = {
		{ "EWOULDBLOCK", EWOULDBLOCK },
		{ "EDEADLOCK", EDEADLOCK },
		{ "EOPNOTSUPP", EOPNOTSUPP },
		{ "ENOTSUP", ENOTSUP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (!strcasecmp(s, aliases[i].name)) {
			*error = aliases[i].error;
			return 0;
		}
	}
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *name = strerrorname_np(i);

		if (name && !strcasecmp(s, name)) {
			*error = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* O_NONBLOCK: the path may be anything, also a FIFO that nobody writes to. */
static int netns_of_path(const char *path, uint32_t *inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int err = -EINVAL;

	if (fd < 0)
		return -EINVAL;
	if (!fstat(fd, &st) && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET) {
		*inode = (uint32_t)st.st_ino; /* proc_alloc_inum(): 32 bits */
		err = 0;
	}
	close(fd);
	return err;
}

int parse__netns(const char *s, uint32_t *inode)
{
	char path[PATH_MAX];
	uint64_t v;
	int n;

	if (!parse__unsigned(s, 1, UINT32_MAX, &v)) {
		*inode = (uint32_t)v;
		return 0;
	}
	if (strchr(s, '/'))
		return netns_of_path(s, inode);
	n = snprintf(path, sizeof(path), "/run/netns/%s", s);
	if (!*s || n < 0 || (size_t)n >= sizeof(path))
		return -EINVAL;
	return netns_of_path(path, inode);
}

int parse__next(const char **list, char *item, size_t size)
{
	const char *s = *list;
	size_t len;

	if (!s)
		return 0;
	len = strcspn(s, ",");
	if (len >= size)
		return -EINVAL;
	memcpy(item, s, len);
	item[len] = '\0';
	*list = s[len] ? s + len + 1 : NULL;
	return 1;
}

/* Levenshtein's, one row at a time. */
unsigned int parse__distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	unsigned int row[SUGGEST_MAX + 1];

	if (a_len > SUGGEST_MAX || b_len > SUGGEST_MAX)
		return UINT_MAX;
	for (unsigned int j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= a_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}
