// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_decode.c - bytes of the ring. Asserted: a record is taken or refused with -EBADMSG and the event left as it
 * was; one that is taken has the size of its type, names with an end, and a family, protocol, state and error
 * that others may use as an index or a name. Input: records, each behind a byte pair with its length.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "decode.h"
#include "fuzz.h"

static bool ends(const char comm[COMM_LEN])
{
	return memchr(comm, '\0', COMM_LEN);
}

static void check_process(const struct ev_process *p)
{
	CHECK(p->exe_len <= sizeof(p->exe) && p->args_len <= sizeof(p->args));
	CHECK(!p->exe_len || !p->exe[p->exe_len - 1]);
	CHECK(p->proc.tgid && ends(p->proc.comm));
	for (int i = 0; i < PROCESS_PARENTS; i++)
		CHECK(ends(p->parents[i].comm));
}

static void check_base(const struct ev_base *b)
{
	CHECK(b->sock.cookie && b->sock.state < 13);
	CHECK(b->sock.family == AF_INET || b->sock.family == AF_INET6);
	CHECK(b->sock.proto == IPPROTO_TCP || b->sock.proto == IPPROTO_UDP ||
	      b->sock.proto == PROTO_MPTCP);
	CHECK(ends(b->sock.owner.comm) && ends(b->actor.proc.comm) && ends(b->actor.thread));
}

static void check_event(const union event *e, size_t size)
{
	CHECK(e->head.size == size && e->head.type < EV_TYPES);
	switch (e->head.type) {
	case EV_TREE:
		return;
	case EV_NO_FD:
		CHECK(ends(e->no_fd.actor.proc.comm) && ends(e->no_fd.actor.thread));
		CHECK(e->no_fd.error <= 0 && e->no_fd.error > -4096);
		return;
	case EV_PROCESS:
		check_process(&e->process);
		return;
	case EV_BIND:
		CHECK(e->bind.error <= 0 && e->bind.error > -4096);
		break;
	case EV_CONNECT:
		CHECK(e->connect.error <= 0 && e->connect.error > -4096);
		break;
	case EV_STATE:
		CHECK(e->state.old_state < 13 && e->state.new_state < 13);
		break;
	}
	check_base(&e->base);
}

/* `data` is exactly as long as the record: a byte read behind it is found. */
static void one(const uint8_t *record, size_t size)
{
	union event e, before;
	uint8_t *data = malloc(size ? size : 1);
	int err;

	CHECK(data);
	memcpy(data, record, size);
	memset(&e, 0xa5, sizeof(e));
	before = e;
	err = decode__event(&e, data, size);
	CHECK(err == 0 || err == -EBADMSG);
	if (err)
		CHECK(!memcmp(&e, &before, sizeof(e)));
	else
		check_event(&e, size);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t len = (size_t)(data[0] | data[1] << 8);

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		one(data, len);
		data += len;
		size -= len;
	}
	return 0;
}
