// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_key.c - the key file. Asserted: what is taken is the one text that this key has; what is refused leaves the key
 * as it was; from a file it is the same as from memory; a file that was rewritten is read back. Input: the file.
 */
#include <errno.h>
#include <string.h>
#include "fuzz.h"
#include "seal.h"

/* As the recorder does it after each seal. */
static void move_on(struct seal_key *k, const struct fuzz_file *file)
{
	struct seal_key read;

	if (k->index == UINT64_MAX)
		return;
	CHECK(!seal_key__next(k) && !seal_key__write(k, file->fd));
	CHECK(!seal_key__read(&read, file->fd));
	CHECK(read.index == k->index && !memcmp(read.bytes, k->bytes, SEAL_HASH));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal_key k, before, read;
	struct fuzz_file file = fuzz__file(data, size);
	char text[SEAL_KEY_TEXT];
	int err;

	memset(&k, 0xa5, sizeof(k));
	before = read = k;
	err = seal_key__parse(&k, (const char *)data, size);
	CHECK(err == 0 || err == -EBADMSG);
	CHECK(seal_key__read(&read, file.fd) == err);
	CHECK(read.index == k.index && !memcmp(read.bytes, k.bytes, SEAL_HASH));
	if (err) {
		CHECK(!memcmp(&k, &before, sizeof(k)));
	} else {
		CHECK(k.index);
		CHECK(seal_key__text(&k, text) == size && !memcmp(text, data, size));
		move_on(&k, &file);
	}
	fuzz__close(&file);
	return 0;
}
