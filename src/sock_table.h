/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sock_table.h - every socket that is open, by cookie: new, then one table__apply() an event, which
 * joins the event with what is known of the socket into a record, until its close removes it.
 * Bounded: a full table lets the oldest go, and counts it.
 */
#ifndef SOCKLIFE_SOCK_TABLE_H
#define SOCKLIFE_SOCK_TABLE_H

#include <stdbool.h>
#include "decode.h"
#include "kernel.h"
#include "record.h"

struct sock_table;

/* At most `max` sockets. NULL: ENOMEM. */
struct sock_table *sock_table__new(size_t max);
void sock_table__free(struct sock_table *t);

/*
 * Joins one event with the table. Fills *r and, for a close, *life; both point into `e` and the table
 * and are valid until the next call. False where the event makes no record (a snapshot of a known
 * socket, the end of a followed tree).
 */
bool sock_table__apply(struct sock_table *t, union event *e, struct record *r, struct life *life);

/*
 * The close of a socket that is no longer in the kernel, or whose last process has ended, made from
 * what the table knows and marked as inferred. False where the table does not know the cookie. The
 * socket is gone from the table afterwards; the record is valid until the next call.
 */
bool sock_table__missing(struct sock_table *t, uint64_t cookie, uint64_t now_ns, struct record *r,
			 struct life *life);

/*
 * Telling all open sockets again, one by one: begin(), then next() until it says false. A socket whose
 * next event comes first is told before that by first(): false where it has been told, or came after
 * begin(). No time in the record is before its socket's last one. *r is valid until the next call.
 */
void sock_table__tell_begin(struct sock_table *t);
bool sock_table__tell_next(struct sock_table *t, uint64_t at_ns, struct record *r,
			   struct retold *retold);
bool sock_table__tell_first(struct sock_table *t, uint64_t cookie, uint64_t at_ns, struct record *r,
			    struct retold *retold);

/*
 * Somebody who keeps a byte with each socket: called after each change with what it returned before, 0 at first, and
 * when the socket leaves the table, however that comes. At most one; before the first event.
 */
struct sock_noter {
	uint8_t (*note)(void *arg, const struct ev_sock *s, uint8_t before, bool gone);
	void *arg;
};
void sock_table__set_noter(struct sock_table *t, const struct sock_noter *n);

size_t sock_table__count(const struct sock_table *t);
/* Sockets dropped because the table was full. */
uint64_t sock_table__evicted(const struct sock_table *t);
/* Since when a socket listens, else is bound or known; 0: not in the table. */
uint64_t sock_table__since(const struct sock_table *t, uint64_t cookie);
/* All that is known of a socket, for ASK_SOCKET. False: nothing, *known is untouched. */
bool sock_table__known(const struct sock_table *t, const struct ask_socket *q,
		       struct known_socket *known);
/*
 * The open sockets with this local port: for those that the kernel has meanwhile let go. uid and
 * process are the owner's, as far as known; user and since_ns stay empty.
 */
void sock_table__holders(const struct sock_table *t, const struct ask_holders *q,
			 void (*fn)(void *arg, const struct holder *h), void *arg);
/* Each open socket's cookie, in the order of their coming. */
void sock_table__each(const struct sock_table *t, void (*fn)(void *arg, uint64_t cookie),
		      void *arg);

#endif
