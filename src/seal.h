/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seal.h - the chain of seals over an audit log and the key that moves forward with it: made by the
 * recorder, checked by verify. docs/audit-log.md has the rules byte by byte.
 */
#ifndef SOCKLIFE_SEAL_H
#define SOCKLIFE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "json.h"

#define SEAL_HASH 32              /* bytes of SHA-256, of a key, of a mac */
#define SEAL_HEX  (2 * SEAL_HASH) /* and as hex digits, lower case */

/* --- the key: file "socklife-key 1 INDEX HEX64\n" --- */

#define SEAL_KEY_TEXT 128 /* room for a key file's content */

struct seal_key {
	uint64_t index; /* of the seal it is for, from 1 */
	uint8_t bytes[SEAL_HASH];
};

/* A new one, index 1. 0, or -EIO: no randomness. */
int seal_key__make(struct seal_key *k);
/* -EBADMSG: `text` is not a key file's content. */
int seal_key__parse(struct seal_key *k, const char *text, size_t len);
/* Returns the length. Wipe the text after use. */
size_t seal_key__text(const struct seal_key *k, char text[SEAL_KEY_TEXT]);
/* Reads a whole key file: 0, -EBADMSG or another -errno. */
int seal_key__read(struct seal_key *k, int fd);
/* Rewrites it in place and has it on the disk: 0 or -errno. */
int seal_key__write(const struct seal_key *k, int fd);
/* To the key of the next seal: the one before cannot be computed from it. 0 or -EIO. */
int seal_key__next(struct seal_key *k);
void seal_key__wipe(struct seal_key *k);

/* --- the chain --- */

struct seal_chain;

/*
 * `prev`: the sha256 of the last seal before (zeros: none). `key`: copied, NULL: seals without a mac.
 * NULL with errno ENOMEM or EIO (no SHA-256 in this libcrypto).
 */
struct seal_chain *seal_chain__new(const uint8_t prev[SEAL_HASH], const struct seal_key *key);
/* Bytes of the log, in its order, all but seal lines. `records`: how many lines they are. */
void seal_chain__add(struct seal_chain *c, const void *data, size_t len, uint64_t records);
/* The sha256 of the last seal made or checked: the head. */
const uint8_t *seal_chain__head(const struct seal_chain *c);
/* Wipes the key. NULL is fine. */
void seal_chain__free(struct seal_chain *c);

/*
 * Recorder. seal_chain__next_index() first, when it continues a log: `index` is that of the last seal
 * there, 0: none. With a key it moves the key forward as far as needed (a crash between a seal and the key
 * file leaves the file one behind) and returns 1 where the key is already further: seals are missing
 * at the end of this log, or the key was used for another one; verify will say so, the recorder should
 * warn. 0 otherwise or -EIO.
 */
int seal_chain__next_index(struct seal_chain *c, uint64_t index);
/*
 * Completes a seal: `line` has its common fields already, `{"v":1,...,"type":"seal"`, and nothing else;
 * the rest up to "}\n" is appended. `end`: nothing but the next segment follows. May be called again
 * (with more bytes added, or for the same line again) as long as the line is not in the log: nothing
 * changes before seal_chain__done(). 0, -ENOMEM or -EIO.
 */
int seal_chain__make(struct seal_chain *c, struct buf *line, bool end);
/*
 * The line of the last make() is in the log, and synced where the log is synced at all: the next block
 * begins, the key moves forward, its file (`key_fd`, -1: none) is rewritten. Only now: were it moved
 * before, a crash in between would leave an index that was never used, and verify could not
 * tell that from seals that somebody cut off. 0 or -errno of the key file.
 */
int seal_chain__done(struct seal_chain *c, int key_fd);

/* --- verify --- */

/* What a seal line says. */
struct seal {
	uint64_t records, index;
	bool end;
	bool has_mac;
	uint8_t prev[SEAL_HASH], mac[SEAL_HASH], sha256[SEAL_HASH];
};

enum seal_verdict {
	SEAL_RIGHT,
	SEAL_FORM,    /* not a seal line as socklife writes it */
	SEAL_SHA256,  /* not the hash of what stands before it */
	SEAL_PREV,    /* sha256 is right, but prev is not the seal before */
	SEAL_RECORDS, /* ... but the number of records is not */
	SEAL_INDEX,   /* ... but seals are missing before it, or it is one too many */
	SEAL_NO_MAC,  /* there is a key, but no mac */
	SEAL_MAC,     /* all is right but the mac: sealed with another key */
	SEAL_OLD_KEY, /* the key is for later seals only */
	SEAL_FAILED,  /* libcrypto failed */
};

/*
 * A seal line with its "\n"; `own` is the length of its common fields, up to and including
 * `"type":"seal"`. The chain goes on from it only where it is right (SEAL_RIGHT). The first one's index
 * may be any, unless the chain began with zeros: then 1.
 */
enum seal_verdict seal_chain__check(struct seal_chain *c, const char *line, size_t len, size_t own,
				    struct seal *seal);

/* --- hex --- */

void seal__hex(char hex[SEAL_HEX], const uint8_t bytes[SEAL_HASH]);
/* Exactly SEAL_HEX lower case digits; false: they are not, `bytes` untouched. */
bool seal__unhex(uint8_t bytes[SEAL_HASH], const char *hex);

#endif
