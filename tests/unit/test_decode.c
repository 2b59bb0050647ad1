// SPDX-License-Identifier: GPL-2.0-or-later
/* decode: bytes that may be anything become an event, or nothing is touched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sample.h"

#define TCP_STATES 13 /* TCP_MAX_STATES of 6.1 to 6.10; 13 itself is only BOUND_INACTIVE */

/* In memory of exactly its size, so that a sanitizer sees what is read beyond. */
static int decode(union event *out, const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, data, size);
	err = decode__event(out, copy, size);
	free(copy);
	return err;
}

static void want_refused(const void *data, size_t size)
{
	union event out, before;

	memset(&out, 0xa5, sizeof(out));
	memset(&before, 0xa5, sizeof(before));
	assert_int_equal(decode(&out, data, size), -EBADMSG);
	assert_memory_equal(&out, &before, sizeof(out));
}

static void want_accepted(const union event *e)
{
	union event out;

	memset(&out, 0xa5, sizeof(out));
	assert_int_equal(decode(&out, e, e->head.size), 0);
	assert_memory_equal(&out, e, e->head.size);
}

static void every_type(void **state)
{
	enum ev_type type;

	(void)state;
	for (type = EV_BIND; type < EV_TYPES; type++) {
		bool of_socket = type != EV_TREE && type != EV_NO_FD && type != EV_PROCESS;
		union event e = of_socket ? sample__event_of(type, 77, T0, 9, "a") :
					    sample__event(type, 0, T0);

		assert_true(sample_sizes[type] > 0);
		want_accepted(&e);
	}
}

static void at_any_address(void **state)
{
	union event e = sample__event_of(EV_CLOSE, 77, T0, 9, "a"), out;
	char *buf = malloc(e.head.size + 1);

	(void)state;
	assert_non_null(buf);
	memcpy(buf + 1, &e, e.head.size);
	assert_int_equal(decode__event(&out, buf + 1, e.head.size), 0);
	assert_memory_equal(&out, &e, e.head.size);
	free(buf);
}

static void wrong_size(void **state)
{
	char data[sizeof(union event) + 16];
	enum ev_type type;
	size_t size;

	(void)state;
	for (type = EV_BIND; type < EV_TYPES; type++) {
		union event e = sample__event(type, 77, T0);

		memset(data, 0, sizeof(data));
		memcpy(data, &e, sizeof(e));
		for (size = 0; size <= sizeof(data); size++)
			if (size != sample_sizes[type])
				want_refused(data, size);
		/* what the record says of itself */
		for (size = 0; size <= sizeof(data); size++) {
			e.head.size = size;
			if (size != sample_sizes[type])
				want_refused(&e, sample_sizes[type]);
		}
		e.head.size = UINT16_MAX;
		want_refused(&e, sample_sizes[type]);
	}
}

/* Both sizes agree with each other, but not with the type. */
static void size_of_another_type(void **state)
{
	enum ev_type type, other;

	(void)state;
	for (type = EV_BIND; type < EV_TYPES; type++)
		for (other = EV_BIND; other < EV_TYPES; other++) {
			union event e = sample__event(EV_CLOSE, 77, T0);

			if (sample_sizes[type] == sample_sizes[other])
				continue;
			e.head.type = type;
			e.head.size = sample_sizes[other];
			want_refused(&e, sample_sizes[other]);
		}
}

static void wrong_type(void **state)
{
	static const unsigned int types[] = { 0, EV_TYPES, EV_TYPES + 1, 255, 256 + EV_BIND, 65535 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		union event e = sample__event(EV_BIND, 77, T0);

		e.head.type = types[i];
		want_refused(&e, sizeof(e.bind));
	}
}

static void names_are_terminated(void **state)
{
	union event e = sample__event_of(EV_STATE, 77, T0, 9, "a"), out;

	(void)state;
	memset(e.base.sock.owner.comm, 'o', COMM_LEN);
	memset(e.base.actor.proc.comm, 'p', COMM_LEN);
	memset(e.base.actor.thread, 't', COMM_LEN);
	assert_int_equal(decode(&out, &e, sizeof(e.state)), 0);
	assert_string_equal(out.base.sock.owner.comm, "ooooooooooooooo");
	assert_string_equal(out.base.actor.proc.comm, "ppppppppppppppp");
	assert_string_equal(out.base.actor.thread, "ttttttttttttttt");
}

static void impossible_sockets(void **state)
{
	enum ev_type type;

	(void)state;
	for (type = EV_BIND; type < EV_TREE; type++) {
		const union event good = sample__event(type, 77, T0);
		union event e = good;

		e.base.sock.cookie = 0;
		want_refused(&e, e.head.size);
		e = good;
		e.base.sock.family = AF_UNIX;
		want_refused(&e, e.head.size);
		e.base.sock.family = AF_INET + 256;
		want_refused(&e, e.head.size);
		e.base.sock.family = AF_INET6;
		want_accepted(&e);
		e = good;
		e.base.sock.proto = IPPROTO_ICMP;
		want_refused(&e, e.head.size);
		e.base.sock.proto = 0;
		want_refused(&e, e.head.size);
		e.base.sock.proto = PROTO_MPTCP;
		want_accepted(&e);
		e.base.sock.proto = IPPROTO_UDP;
		want_accepted(&e);
		e = good;
		e.base.sock.state = TCP_STATES - 1;
		want_accepted(&e);
		e.base.sock.state = TCP_STATES + 1;
		want_refused(&e, e.head.size);
		e.base.sock.state = 255;
		want_refused(&e, e.head.size);
	}
}

static void impossible_state_changes(void **state)
{
	union event e = sample__event(EV_STATE, 77, T0);

	(void)state;
	e.state.old_state = TCP_STATES - 1;
	e.state.new_state = TCP_CLOSE;
	want_accepted(&e);
	e.state.old_state = 255;
	want_refused(&e, e.head.size);
	e.state.old_state = TCP_CLOSE;
	e.state.new_state = TCP_STATES + 1;
	want_refused(&e, e.head.size);
}

/* An event is also its numbers: 0 or -errno, nothing that cannot be negated. */
static void impossible_errors(void **state)
{
	static const int32_t bad[] = { 1, 4096, -4096, INT32_MAX, INT32_MIN };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		union event e = sample__event(EV_BIND, 77, T0);

		e.bind.error = bad[i];
		want_refused(&e, e.head.size);
		e = sample__event(EV_LISTEN, 77, T0);
		e.listen.error = bad[i];
		want_refused(&e, e.head.size);
		e = sample__event(EV_CONNECT, 77, T0);
		e.connect.error = bad[i];
		want_refused(&e, e.head.size);
		e = sample__event(EV_ACCEPT, 77, T0);
		e.accept.error = bad[i];
		want_refused(&e, e.head.size);
		e = sample__event(EV_CLOSE, 77, T0);
		e.close.sk_err = bad[i];
		want_refused(&e, e.head.size);
	}
}

/* A hundred thousand records with some bytes other than they should be: never more than refused. */
static void noise(void **state)
{
	unsigned int seed = 1;
	int i, k;

	(void)state;
	for (i = 0; i < 100000; i++) {
		union event e = sample__event(1 + i % (EV_TYPES - 1), 77, T0), out;

		for (k = rand_r(&seed) % 8; k >= 0; k--)
			((char *)&e)[(unsigned int)rand_r(&seed) % sizeof(e)] = (char)rand_r(&seed);
		if (decode(&out, &e, sample_sizes[1 + i % (EV_TYPES - 1)]))
			continue;
		assert_in_range(out.head.type, EV_BIND, EV_TYPES - 1);
		assert_int_equal(out.head.size, sample_sizes[out.head.type]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),         cmocka_unit_test(at_any_address),
		cmocka_unit_test(wrong_size),         cmocka_unit_test(size_of_another_type),
		cmocka_unit_test(wrong_type),         cmocka_unit_test(names_are_terminated),
		cmocka_unit_test(impossible_sockets), cmocka_unit_test(impossible_state_changes),
		cmocka_unit_test(impossible_errors),  cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
