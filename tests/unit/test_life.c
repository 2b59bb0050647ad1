// SPDX-License-Identifier: GPL-2.0-or-later
/* life: what happened to a socket, in one word; the most exact one wins. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "life.h"
#include "sample.h"

#define ACTIVE  (FACT_CREATED | FACT_SYN_SENT)
#define UP      (ACTIVE | FACT_ESTABLISHED | FACT_CONNECTED)
#define SERVED  (FACT_PASSIVE | FACT_ESTABLISHED | FACT_ACCEPTED)
#define REFUSAL (ACTIVE | FACT_CONNECT_FAILED)

struct row {
	const char *what; /* NULL: the end */
	uint32_t facts;
	int sk_err; /* positive */
	unsigned int word;
};

static const struct row tcp_reasons[] = {
	/* connections that ended by a FIN */
	{ "own FIN first", UP | FACT_FIN_SENT | FACT_LOCAL_FIRST, 0, REASON_LOCAL_CLOSE },
	{ "peer's FIN first", UP | FACT_FIN_SENT | FACT_REMOTE_FIRST, 0, REASON_REMOTE_CLOSE },
	{ "server, own FIN", SERVED | FACT_FIN_SENT | FACT_LOCAL_FIRST, 0, REASON_LOCAL_CLOSE },
	{ "server, peer's FIN", SERVED | FACT_REMOTE_FIRST, 0, REASON_REMOTE_CLOSE },
	{ "EPIPE tells nothing", UP | FACT_REMOTE_FIRST, EPIPE, REASON_REMOTE_CLOSE },
	{ "time-wait tells nothing", UP | FACT_LOCAL_FIRST | FACT_TIME_WAIT, 0,
	  REASON_LOCAL_CLOSE },
	{ "established, then nothing seen", UP, 0, REASON_UNKNOWN },
	/* resets, also after a FIN */
	{ "reset came", UP | FACT_RST_RECEIVED, ECONNRESET, REASON_REMOTE_RESET },
	{ "reset came after own FIN", UP | FACT_LOCAL_FIRST | FACT_RST_RECEIVED, ECONNRESET,
	  REASON_REMOTE_RESET },
	{ "reset came after the peer's FIN", UP | FACT_REMOTE_FIRST | FACT_RST_RECEIVED, EPIPE,
	  REASON_REMOTE_RESET },
	{ "reset sent", UP | FACT_RST_SENT, 0, REASON_LOCAL_RESET },
	{ "reset sent after the peer's FIN", UP | FACT_REMOTE_FIRST | FACT_RST_SENT, 0,
	  REASON_LOCAL_RESET },
	{ "ECONNRESET of the side that resets", UP | FACT_RST_SENT, ECONNRESET,
	  REASON_LOCAL_RESET },
	{ "reset in both directions", UP | FACT_RST_SENT | FACT_RST_RECEIVED, ECONNRESET,
	  REASON_REMOTE_RESET },
	/* errors come before resets and FINs */
	{ "killed by ss -K", UP | FACT_RST_SENT, ECONNABORTED, REASON_ABORTED },
	{ "ss -K after a FIN", UP | FACT_LOCAL_FIRST | FACT_RST_SENT, ECONNABORTED,
	  REASON_ABORTED },
	{ "keepalive ran out", UP | FACT_RST_SENT, ETIMEDOUT, REASON_TIMEOUT },
	{ "retransmissions ran out", UP | FACT_LOCAL_FIRST, ETIMEDOUT, REASON_TIMEOUT },
	{ "host became unreachable", UP, EHOSTUNREACH, REASON_UNREACHABLE },
	{ "net became unreachable", UP | FACT_RST_SENT, ENETUNREACH, REASON_UNREACHABLE },
	/* connections that never were */
	{ "refused", REFUSAL | FACT_RST_RECEIVED, ECONNREFUSED, REASON_REFUSED },
	{ "SYN timed out", REFUSAL, ETIMEDOUT, REASON_TIMEOUT },
	{ "no host", REFUSAL, EHOSTUNREACH, REASON_UNREACHABLE },
	{ "no route", REFUSAL, ENETUNREACH, REASON_UNREACHABLE },
	{ "host down", REFUSAL, EHOSTDOWN, REASON_UNREACHABLE },
	{ "net down", REFUSAL, ENETDOWN, REASON_UNREACHABLE },
	{ "reset before established", REFUSAL | FACT_RST_RECEIVED, ECONNRESET,
	  REASON_REMOTE_RESET },
	{ "no ports", REFUSAL, EADDRNOTAVAIL, REASON_CONNECT_FAILED },
	{ "not permitted", REFUSAL, EPERM, REASON_CONNECT_FAILED },
	{ "failed, errno not known", REFUSAL, 0, REASON_CONNECT_FAILED },
	{ "given up", ACTIVE | FACT_ABANDONED, 0, REASON_ABANDONED },
	{ "given up, a reset went out", ACTIVE | FACT_ABANDONED | FACT_RST_SENT, 0,
	  REASON_ABANDONED },
	{ "given up, then refused", REFUSAL | FACT_ABANDONED, ECONNREFUSED, REASON_REFUSED },
	/* once connected, then the next attempt failed */
	{ "connected before", UP | FACT_LOCAL_FIRST | FACT_CONNECT_FAILED, ECONNREFUSED,
	  REASON_REFUSED },
	/* no connection at all */
	{ "existed, not connected", FACT_EXISTED, 0, REASON_CLOSED },
	{ "never used", FACT_CREATED, 0, REASON_UNUSED },
	{ "bound only", FACT_CREATED | FACT_BOUND, 0, REASON_UNUSED },
	{ "bind failed", FACT_CREATED | FACT_BIND_FAILED, 0, REASON_BIND_FAILED },
	{ "bind failed, connected all the same", UP | FACT_BIND_FAILED | FACT_LOCAL_FIRST, 0,
	  REASON_LOCAL_CLOSE },
	{ "bind failed, then refused", REFUSAL | FACT_BIND_FAILED, ECONNREFUSED, REASON_REFUSED },
	{ "listener", FACT_CREATED | FACT_BOUND | FACT_LISTENED, 0, REASON_CLOSED },
	{ "listener by ss -K", FACT_CREATED | FACT_LISTENED, ECONNABORTED, REASON_CLOSED },
	{ "bind failed, listened on another", FACT_BIND_FAILED | FACT_LISTENED, 0, REASON_CLOSED },
	{ "listen failed", FACT_CREATED | FACT_BOUND | FACT_LISTENED | FACT_LISTEN_FAILED, 0,
	  REASON_LISTEN_FAILED },
	{ "listen failed unseen", FACT_CREATED | FACT_LISTEN_FAILED, 0, REASON_LISTEN_FAILED },
	{ NULL, 0, 0, 0 },
};

static const struct row udp_reasons[] = {
	{ "UDP", FACT_CREATED | FACT_BOUND, 0, REASON_CLOSED },
	{ "UDP unused", FACT_CREATED, 0, REASON_CLOSED },
	{ "UDP connected", FACT_CREATED | FACT_CONNECTED, 0, REASON_CLOSED },
	{ "UDP refused later", FACT_CONNECTED, ECONNREFUSED, REASON_CLOSED },
	{ "UDP bind failed", FACT_BIND_FAILED, 0, REASON_BIND_FAILED },
	{ "UDP bind failed, connected", FACT_BIND_FAILED | FACT_CONNECTED, 0, REASON_CLOSED },
	{ "UDP connect failed", FACT_CONNECT_FAILED, ENETUNREACH, REASON_UNREACHABLE },
	{ "UDP without ports", FACT_CONNECT_FAILED, EAGAIN, REASON_CONNECT_FAILED },
	{ NULL, 0, 0, 0 },
};

/* Connected to somebody, and older than the start. */
static const struct row old_reasons[] = {
	{ "existed, connected", FACT_EXISTED, 0, REASON_UNKNOWN },
	{ "existed, timed out", FACT_EXISTED, ETIMEDOUT, REASON_TIMEOUT },
	{ "existed, own FIN", FACT_EXISTED | FACT_LOCAL_FIRST, 0, REASON_LOCAL_CLOSE },
	{ "existed, reset", FACT_EXISTED | FACT_RST_RECEIVED, 0, REASON_REMOTE_RESET },
	{ NULL, 0, 0, 0 },
};

static void check_reasons(const struct row *row, uint8_t proto, uint16_t rport, bool seen[REASONS])
{
	for (; row->what; row++) {
		union event e = sample__event(EV_CLOSE, 1, T0);
		enum reason got;

		e.base.sock.proto = proto;
		e.base.sock.rport = rport;
		e.base.sock.facts = row->facts;
		e.close.sk_err = -row->sk_err;
		got = life__reason(&e.close);
		if (got != row->word)
			fail_msg("%s: %s, not %s", row->what, reason_names[got],
				 reason_names[row->word]);
		seen[got] = true;
	}
}

static void every_reason(void **state)
{
	bool seen[REASONS] = { false };
	size_t i;

	(void)state;
	check_reasons(tcp_reasons, IPPROTO_TCP, 0, seen);
	check_reasons(udp_reasons, IPPROTO_UDP, 0, seen);
	check_reasons(udp_reasons, IPPROTO_UDP, 53, seen);
	check_reasons(old_reasons, IPPROTO_TCP, 80, seen);
	for (i = 0; i < REASONS; i++)
		if (!seen[i])
			fail_msg("no row for %s", reason_names[i]);
}

static const struct row tcp_roles[] = {
	{ "fresh", FACT_CREATED, 0, ROLE_IDLE },
	{ "bound", FACT_CREATED | FACT_BOUND, 0, ROLE_IDLE },
	{ "bind failed", FACT_CREATED | FACT_BIND_FAILED, 0, ROLE_IDLE },
	{ "listens", FACT_CREATED | FACT_LISTENED, 0, ROLE_LISTENER },
	{ "listens, connected before", UP | FACT_LISTENED, 0, ROLE_LISTENER },
	{ "listen failed", FACT_CREATED | FACT_LISTENED | FACT_LISTEN_FAILED, 0, ROLE_IDLE },
	{ "listen failed, then connected", UP | FACT_LISTENED | FACT_LISTEN_FAILED, 0,
	  ROLE_CLIENT },
	{ "child", FACT_PASSIVE | FACT_ESTABLISHED, 0, ROLE_SERVER },
	{ "accepted", SERVED, 0, ROLE_SERVER },
	{ "accepted, then connected out", SERVED | FACT_CONNECTED, 0, ROLE_SERVER },
	{ "connected", UP, 0, ROLE_CLIENT },
	{ "SYN sent", ACTIVE, 0, ROLE_CLIENT },
	{ "refused", REFUSAL, 0, ROLE_CLIENT },
	{ "failed before a SYN", FACT_CREATED | FACT_CONNECT_FAILED, 0, ROLE_CLIENT },
	{ "given up", FACT_ABANDONED, 0, ROLE_CLIENT },
	{ "existed, a listener", FACT_EXISTED | FACT_LISTENED, 0, ROLE_LISTENER },
	{ "existed, nothing else", FACT_EXISTED, 0, ROLE_IDLE },
	{ NULL, 0, 0, 0 },
};

static const struct row udp_roles[] = {
	{ "UDP", FACT_CREATED, 0, ROLE_DATAGRAM },
	{ "UDP connected", FACT_CONNECTED, 0, ROLE_DATAGRAM },
	{ "UDP connect failed", FACT_CONNECT_FAILED, 0, ROLE_DATAGRAM },
	{ NULL, 0, 0, 0 },
};

static const struct row old_roles[] = {
	{ "existed, connected", FACT_EXISTED, 0, ROLE_CLIENT },
	{ "existed, accepted", FACT_EXISTED | SERVED, 0, ROLE_SERVER },
	{ NULL, 0, 0, 0 },
};

static void check_roles(const struct row *row, uint8_t proto, uint16_t rport)
{
	for (; row->what; row++) {
		union event e = sample__event(EV_CLOSE, 1, T0);
		enum role got;

		e.base.sock.proto = proto;
		e.base.sock.rport = rport;
		e.base.sock.facts = row->facts;
		got = life__role(&e.base.sock);
		if (got != row->word)
			fail_msg("%s: %s, not %s", row->what, role_names[got],
				 role_names[row->word]);
	}
}

static void every_role(void **state)
{
	(void)state;
	check_roles(tcp_roles, IPPROTO_TCP, 0);
	check_roles(udp_roles, IPPROTO_UDP, 0);
	check_roles(udp_roles, IPPROTO_UDP, 53);
	check_roles(old_roles, IPPROTO_TCP, 80);
}

/* Whatever the facts and the errno, both are words of the tables. */
static void no_facts_are_too_odd(void **state)
{
	union event e = sample__event(EV_CLOSE, 1, T0);
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		e.base.sock.facts = i * 2654435761u;
		e.base.sock.proto = i & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		e.close.sk_err = -(int32_t)(i % 200);
		assert_true((unsigned int)life__reason(&e.close) < REASONS);
		assert_true((unsigned int)life__role(&e.base.sock) < ROLES);
	}
}

static void every_word_has_a_name(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < REASONS; i++)
		assert_non_null(reason_names[i]);
	for (i = 0; i < ROLES; i++)
		assert_non_null(role_names[i]);
	for (i = 0; i < RECORD_TYPES; i++)
		assert_non_null(record_names[i]);
	for (i = 0; i < LOST_REASONS; i++)
		assert_non_null(lost_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason),
		cmocka_unit_test(every_role),
		cmocka_unit_test(no_facts_are_too_odd),
		cmocka_unit_test(every_word_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
