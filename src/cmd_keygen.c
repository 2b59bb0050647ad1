// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_keygen.c - the pair of keys for --key. Both are the same at first: the one on the machine moves
 * forward with every seal, the one kept elsewhere stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "command.h"
#include "log.h"
#include "seal.h"

#define START_KEY  "start.key"
#define VERIFY_KEY "verify.key"

/* Never over a key that is there: the log that it belongs to could not be verified any more. */
static int write_key(int dir, const char *name, const struct seal_key *key)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = fchmod(fd, 0600) ? -errno : seal_key__write(key, fd);
	close(fd);
	if (err)
		unlinkat(dir, name, 0);
	return err;
}

static int write_pair(int dir, const char *path)
{
	struct seal_key key;
	const char *name = START_KEY;
	int err = seal_key__make(&key);

	if (!err)
		err = write_key(dir, name, &key);
	if (!err) {
		name = VERIFY_KEY;
		err = write_key(dir, name, &key);
		if (err)
			unlinkat(dir, START_KEY, 0);
	}
	seal_key__wipe(&key);
	if (!err && fsync(dir))
		err = -errno;
	if (err == -EEXIST)
		log__error("%s/%s: is there already and is not overwritten", path, name);
	else if (err)
		log__error("%s/%s: cannot be written: %s", path, name, log__errno(err));
	return err;
}

int cmd_keygen(struct options *o)
{
	const char *path = o->operands[0];
	int dir, err;

	if (mkdir(path, 0700) && errno != EEXIST) {
		log__error("%s: cannot be made: %s", path, log__errno(errno));
		return EXIT_OUTPUT;
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		log__error("%s: %s", path, log__errno(errno));
		return EXIT_OUTPUT;
	}
	err = write_pair(dir, path);
	close(dir);
	if (err)
		return EXIT_OUTPUT;
	printf("%s/" START_KEY
	       " goes to the machine that records (record --key): it is rewritten with "
	       "every seal, and the keys before it cannot be had back from it.\n"
	       "%s/" VERIFY_KEY
	       " goes away from that machine, to where the log is verified (verify "
	       "--key): whoever has it can forge the log.\n",
	       path, path);
	return EXIT_FINE;
}
