/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seal.c - D = SHA-256(prev, bytes since the last seal, this seal's line up to its mac or sha256);
 * mac = HMAC-SHA256(key, D); sha256 = D without a key, SHA-256(D, mac) with one.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cursor.h"
#include "seal.h"

#define KEY_MAGIC "socklife-key 1 "
#define STEPS_MAX                                                                                  \
	1000000000 /* from one key to another: 30 years of a seal a second, minutes to compute */

static const char next_label[] = "socklife seal key";

/* --- hex and numbers --- */

void seal__hex(char hex[SEAL_HEX], const uint8_t bytes[SEAL_HASH])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < SEAL_HASH; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool seal__unhex(uint8_t bytes[SEAL_HASH], const char *hex)
{
	for (int i = 0; i < SEAL_HEX; i++)
		if (nibble(hex[i]) < 0)
			return false;
	for (int i = 0; i < SEAL_HASH; i++)
		bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return true;
}

static bool take_hex(struct cursor *c, uint8_t bytes[SEAL_HASH])
{
	if (c->end - c->at < SEAL_HEX || !seal__unhex(bytes, c->at))
		return false;
	c->at += SEAL_HEX;
	return true;
}

/* --- the key --- */

int seal_key__make(struct seal_key *k)
{
	struct seal_key made = { .index = 1 };

	if (RAND_priv_bytes(made.bytes, SEAL_HASH) != 1)
		return -EIO;
	*k = made;
	seal_key__wipe(&made);
	return 0;
}

int seal_key__parse(struct seal_key *k, const char *text, size_t len)
{
	struct cursor c = { text, text + len };
	struct seal_key parsed;
	int err = -EBADMSG;

	if (take(&c, KEY_MAGIC) && take_u64(&c, &parsed.index) && parsed.index && take(&c, " ") &&
	    take_hex(&c, parsed.bytes) && take(&c, "\n") && c.at == c.end) {
		*k = parsed;
		err = 0;
	}
	seal_key__wipe(&parsed);
	return err;
}

size_t seal_key__text(const struct seal_key *k, char text[SEAL_KEY_TEXT])
{
	int n = snprintf(text, SEAL_KEY_TEXT, KEY_MAGIC "%" PRIu64 " ", k->index);

	seal__hex(text + n, k->bytes);
	text[n + SEAL_HEX] = '\n';
	return (size_t)n + SEAL_HEX + 1;
}

int seal_key__read(struct seal_key *k, int fd)
{
	char text[SEAL_KEY_TEXT];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	int err = n < 0 ? -errno : seal_key__parse(k, text, (size_t)n);

	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

/* The text never gets shorter, and it is one small write at the beginning of a block. */
int seal_key__write(const struct seal_key *k, int fd)
{
	char text[SEAL_KEY_TEXT];
	size_t len = seal_key__text(k, text);
	ssize_t n = pwrite(fd, text, len, 0);
	int err = 0;

	if (n != (ssize_t)len)
		err = n < 0 ? -errno : -EIO;
	else if (fdatasync(fd))
		err = -errno;
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

static int hmac(const uint8_t key[SEAL_HASH], const void *data, size_t len, uint8_t mac[SEAL_HASH])
{
	unsigned int n = SEAL_HASH;

	return HMAC(EVP_sha256(), key, SEAL_HASH, data, len, mac, &n) ? 0 : -EIO;
}

int seal_key__next(struct seal_key *k)
{
	uint8_t next[SEAL_HASH];
	int err = hmac(k->bytes, next_label, sizeof(next_label) - 1, next);

	if (!err) {
		memcpy(k->bytes, next, SEAL_HASH);
		k->index++;
	}
	OPENSSL_cleanse(next, sizeof(next));
	return err;
}

void seal_key__wipe(struct seal_key *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

/* --- the chain --- */

struct seal_chain {
	EVP_MD *sha256;
	EVP_MD_CTX *block;   /* prev and what came since */
	EVP_MD_CTX *scratch; /* a copy to finish */
	uint8_t head[SEAL_HASH];
	uint8_t made[SEAL_HASH]; /* what the head will be after done() */
	uint64_t records;        /* in this block */
	uint64_t index;          /* of the next seal, 0: not known yet */
	bool keyed, failed;
	struct seal_key key;
};

static void begin_block(struct seal_chain *c)
{
	c->records = 0;
	if (EVP_DigestInit_ex2(c->block, c->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(c->block, c->head, SEAL_HASH) != 1)
		c->failed = true;
}

struct seal_chain *seal_chain__new(const uint8_t prev[SEAL_HASH], const struct seal_key *key)
{
	static const uint8_t zeros[SEAL_HASH];
	struct seal_chain *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->block = EVP_MD_CTX_new();
	c->scratch = EVP_MD_CTX_new();
	memcpy(c->head, prev, SEAL_HASH);
	c->index = !memcmp(prev, zeros, SEAL_HASH);
	c->keyed = key;
	if (key)
		c->key = *key;
	if (c->sha256 && c->block && c->scratch)
		begin_block(c);
	if (!c->sha256 || !c->block || !c->scratch || c->failed) {
		errno = c->sha256 && !c->failed ? ENOMEM : EIO;
		seal_chain__free(c);
		return NULL;
	}
	return c;
}

void seal_chain__add(struct seal_chain *c, const void *data, size_t len, uint64_t records)
{
	c->records += records;
	if (EVP_DigestUpdate(c->block, data, len) != 1)
		c->failed = true;
}

const uint8_t *seal_chain__head(const struct seal_chain *c)
{
	return c->head;
}

void seal_chain__free(struct seal_chain *c)
{
	if (!c)
		return;
	EVP_MD_free(c->sha256);
	EVP_MD_CTX_free(c->block);
	EVP_MD_CTX_free(c->scratch);
	seal_key__wipe(&c->key);
	free(c);
}

/* Moves the key to the one of seal `index`: 0, -EIO, or 1 where it is further already. */
static int key_to(struct seal_chain *c, uint64_t index)
{
	while (c->keyed && c->key.index < index)
		if (seal_key__next(&c->key))
			return -EIO;
	return c->keyed && c->key.index > index;
}

/* D of the block with the seal's line so far. */
static bool digest(struct seal_chain *c, const char *line, size_t len, uint8_t d[SEAL_HASH])
{
	return !c->failed && EVP_MD_CTX_copy_ex(c->scratch, c->block) == 1 &&
	       EVP_DigestUpdate(c->scratch, line, len) == 1 &&
	       EVP_DigestFinal_ex(c->scratch, d, NULL) == 1;
}

/* sha256 of a seal with a mac. */
static bool digest_mac(struct seal_chain *c, const uint8_t d[SEAL_HASH],
		       const uint8_t mac[SEAL_HASH], uint8_t sha256[SEAL_HASH])
{
	return EVP_DigestInit_ex2(c->scratch, c->sha256, NULL) == 1 &&
	       EVP_DigestUpdate(c->scratch, d, SEAL_HASH) == 1 &&
	       EVP_DigestUpdate(c->scratch, mac, SEAL_HASH) == 1 &&
	       EVP_DigestFinal_ex(c->scratch, sha256, NULL) == 1;
}

/* --- recorder --- */

int seal_chain__next_index(struct seal_chain *c, uint64_t index)
{
	int ret = key_to(c, index + 1);

	if (ret >= 0)
		c->index = ret ? c->key.index : index + 1;
	return ret;
}

static void put_hash(struct buf *line, const char *key, const uint8_t hash[SEAL_HASH])
{
	char hex[SEAL_HEX];

	seal__hex(hex, hash);
	json__key(line, key);
	json__bytes(line, hex, SEAL_HEX);
}

int seal_chain__make(struct seal_chain *c, struct buf *line, bool end)
{
	uint8_t d[SEAL_HASH], mac[SEAL_HASH];

	json__put_u64(line, "records", c->records);
	json__put_u64(line, "index", c->index);
	if (end)
		json__put_bool(line, "end", true);
	put_hash(line, "prev", c->head);
	if (line->failed)
		return -ENOMEM;
	if (!digest(c, line->data, line->len, d))
		return -EIO;
	if (c->keyed) {
		if (hmac(c->key.bytes, d, SEAL_HASH, mac) || !digest_mac(c, d, mac, c->made))
			return -EIO;
		put_hash(line, "mac", mac);
	} else {
		memcpy(c->made, d, SEAL_HASH);
	}
	put_hash(line, "sha256", c->made);
	buf__put(line, "}\n", 2);
	return line->failed ? -ENOMEM : 0;
}

int seal_chain__done(struct seal_chain *c, int key_fd)
{
	memcpy(c->head, c->made, SEAL_HASH);
	begin_block(c);
	c->index++;
	if (!c->keyed)
		return c->failed ? -EIO : 0;
	if (seal_key__next(&c->key) || c->failed)
		return -EIO;
	return key_fd < 0 ? 0 : seal_key__write(&c->key, key_fd);
}

/* --- verify --- */

/* Its own fields. *hashed: how much of the line is in D. */
static bool parse(const char *line, size_t len, size_t own, struct seal *s, size_t *hashed)
{
	struct cursor c = { line + own, line + len };

	*s = (struct seal){ 0 };
	if (own > len || !take(&c, ",\"records\":") || !take_u64(&c, &s->records) ||
	    !take(&c, ",\"index\":") || !take_u64(&c, &s->index))
		return false;
	s->end = take(&c, ",\"end\":true");
	if (!take(&c, ",\"prev\":\"") || !take_hex(&c, s->prev) || !take(&c, "\""))
		return false;
	*hashed = (size_t)(c.at - line);
	s->has_mac = take(&c, ",\"mac\":\"");
	if (s->has_mac && (!take_hex(&c, s->mac) || !take(&c, "\"")))
		return false;
	return take(&c, ",\"sha256\":\"") && take_hex(&c, s->sha256) && take(&c, "\"}\n") &&
	       c.at == c.end;
}

static enum seal_verdict check_mac(struct seal_chain *c, const struct seal *s,
				   const uint8_t d[SEAL_HASH])
{
	uint8_t mac[SEAL_HASH];
	int ret;

	if (!c->keyed)
		return SEAL_RIGHT;
	if (!s->has_mac)
		return SEAL_NO_MAC;
	if (s->index > c->key.index && s->index - c->key.index > STEPS_MAX)
		return SEAL_MAC;
	ret = key_to(c, s->index);
	if (ret)
		return ret < 0 ? SEAL_FAILED : SEAL_OLD_KEY;
	if (hmac(c->key.bytes, d, SEAL_HASH, mac))
		return SEAL_FAILED;
	return CRYPTO_memcmp(mac, s->mac, SEAL_HASH) ? SEAL_MAC : SEAL_RIGHT;
}

enum seal_verdict seal_chain__check(struct seal_chain *c, const char *line, size_t len, size_t own,
				    struct seal *s)
{
	uint8_t d[SEAL_HASH], sha256[SEAL_HASH];
	enum seal_verdict verdict;
	size_t hashed;

	if (!parse(line, len, own, s, &hashed))
		return SEAL_FORM;
	if (!digest(c, line, hashed, d))
		return SEAL_FAILED;
	memcpy(sha256, d, SEAL_HASH);
	if (s->has_mac && !digest_mac(c, d, s->mac, sha256))
		return SEAL_FAILED;
	if (memcmp(sha256, s->sha256, SEAL_HASH) != 0)
		return SEAL_SHA256;
	if (memcmp(c->head, s->prev, SEAL_HASH) != 0)
		return SEAL_PREV;
	if (s->records != c->records)
		return SEAL_RECORDS;
	if (c->index ? s->index != c->index : !s->index)
		return SEAL_INDEX;
	verdict = check_mac(c, s, d);
	if (verdict != SEAL_RIGHT)
		return verdict;
	memcpy(c->head, s->sha256, SEAL_HASH);
	begin_block(c);
	c->index = s->index + 1;
	return c->failed ? SEAL_FAILED : SEAL_RIGHT;
}
