// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_queue.c - a list of blocks. The putter fills the last one and tells how far it is; the taker
 * follows. Blocks are used again, the last one first, so that little traffic needs little memory and
 * stays in the cache.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "audit_queue.h"

#define SPARE_MAX   16 /* empty blocks that are kept */
#define EXTRA       2  /* blocks above the limit, for what must not be lost */
#define HEAD        (sizeof(struct item_head))
#define ALIGN(n)    (((n) + 7) & ~(size_t)7)
#define BLOCK_BYTES (HEAD + AUDIT_QUEUE_LINE)

struct item_head {
	uint32_t kind;
	uint32_t len;
	uint64_t boot_ns;
};

struct block {
	struct block *next; /* set when this one gets no more */
	size_t filled;      /* published */
	char data[BLOCK_BYTES];
};

struct audit_queue {
	size_t max;    /* blocks */
	size_t in_use; /* by both threads */
	/* the putter's */
	struct block *last;
	size_t put;
	uint64_t put_items;
	/* the taker's */
	struct block *first;
	size_t taken;
	uint64_t taken_items;
	uint64_t published; /* items: written by the putter, read by both */
	pthread_mutex_t lock;
	struct block *spare;
	size_t spares;
};

static struct block *get_block(struct audit_queue *q)
{
	struct block *b;

	pthread_mutex_lock(&q->lock);
	b = q->spare;
	if (b) {
		q->spare = b->next;
		q->spares--;
	}
	pthread_mutex_unlock(&q->lock);
	if (!b)
		b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	b->next = NULL;
	b->filled = 0;
	__atomic_add_fetch(&q->in_use, 1, __ATOMIC_RELAXED);
	return b;
}

static void give_back(struct audit_queue *q, struct block *b)
{
	pthread_mutex_lock(&q->lock);
	if (q->spares < SPARE_MAX) {
		b->next = q->spare;
		q->spare = b;
		q->spares++;
		b = NULL;
	}
	pthread_mutex_unlock(&q->lock);
	free(b);
	__atomic_sub_fetch(&q->in_use, 1, __ATOMIC_RELEASE);
}

struct audit_queue *audit_queue__new(size_t size)
{
	struct audit_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	pthread_mutex_init(&q->lock, NULL);
	q->max = size / sizeof(struct block);
	if (q->max < 2)
		q->max = 2;
	q->first = q->last = get_block(q);
	if (q->first)
		return q;
	audit_queue__free(q);
	errno = ENOMEM;
	return NULL;
}

static void free_list(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

void audit_queue__free(struct audit_queue *q)
{
	if (!q)
		return;
	free_list(q->first);
	free_list(q->spare);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

int audit_queue__put(struct audit_queue *q, enum audit_kind kind, uint64_t boot_ns,
		     const char *line, size_t len)
{
	struct item_head head = { .kind = kind, .len = (uint32_t)len, .boot_ns = boot_ns };
	size_t max = q->max + (kind == AUDIT_RECORD ? 0 : EXTRA);

	if (len > AUDIT_QUEUE_LINE)
		return -EMSGSIZE;
	if (BLOCK_BYTES - q->put < HEAD + ALIGN(len)) {
		struct block *b;

		if (__atomic_load_n(&q->in_use, __ATOMIC_ACQUIRE) >= max)
			return -ENOBUFS;
		b = get_block(q);
		if (!b)
			return -ENOMEM;
		__atomic_store_n(&q->last->filled, q->put, __ATOMIC_RELEASE);
		__atomic_store_n(&q->last->next, b, __ATOMIC_RELEASE);
		q->last = b;
		q->put = 0;
	}
	memcpy(q->last->data + q->put, &head, HEAD);
	if (len)
		memcpy(q->last->data + q->put + HEAD, line, len);
	q->put += HEAD + ALIGN(len);
	q->put_items++;
	return 0;
}

bool audit_queue__publish(struct audit_queue *q)
{
	if (q->published == q->put_items)
		return false;
	__atomic_store_n(&q->last->filled, q->put, __ATOMIC_RELEASE);
	__atomic_store_n(&q->published, q->put_items, __ATOMIC_SEQ_CST);
	return true;
}

unsigned int audit_queue__fill(const struct audit_queue *q)
{
	return (unsigned int)(__atomic_load_n(&q->in_use, __ATOMIC_RELAXED) * 100 / q->max);
}

bool audit_queue__take(struct audit_queue *q, struct audit_item *item)
{
	struct item_head head;

	for (;;) {
		/* `next` first: what is filled is final once there is one */
		struct block *next = __atomic_load_n(&q->first->next, __ATOMIC_ACQUIRE);

		if (q->taken < __atomic_load_n(&q->first->filled, __ATOMIC_ACQUIRE))
			break;
		if (!next)
			return false;
		give_back(q, q->first);
		q->first = next;
		q->taken = 0;
	}
	memcpy(&head, q->first->data + q->taken, HEAD);
	*item = (struct audit_item){ .kind = head.kind,
				     .len = head.len,
				     .boot_ns = head.boot_ns,
				     .line = q->first->data + q->taken + HEAD };
	q->taken += HEAD + ALIGN(head.len);
	__atomic_store_n(&q->taken_items, q->taken_items + 1, __ATOMIC_RELEASE);
	return true;
}

bool audit_queue__empty(const struct audit_queue *q)
{
	return __atomic_load_n(&q->taken_items, __ATOMIC_ACQUIRE) >=
	       __atomic_load_n(&q->published, __ATOMIC_SEQ_CST);
}
