// SPDX-License-Identifier: GPL-2.0-or-later
/* life.c - derives role, reason and closer of a socket from its flags, its last state and its errno. */
#include <errno.h>
#include <netinet/in.h>
#include "life.h"

enum role life__role(const struct ev_sock *s)
{
	if (s->proto == IPPROTO_UDP)
		return ROLE_DATAGRAM;
	if ((s->facts & FACT_LISTENED) && !(s->facts & FACT_LISTEN_FAILED))
		return ROLE_LISTENER;
	if (s->facts & FACT_PASSIVE)
		return ROLE_SERVER;
	if (s->facts & (FACT_CONNECTED | FACT_CONNECT_FAILED | FACT_ABANDONED | FACT_SYN_SENT))
		return ROLE_CLIENT;
	/* older than the start: the kernel does not keep which end it was */
	if (s->rport)
		return ROLE_CLIENT;
	return ROLE_IDLE;
}

static enum reason connect_reason(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return REASON_REFUSED;
	case ETIMEDOUT:
		return REASON_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return REASON_UNREACHABLE;
	case ECONNRESET:
		return REASON_REMOTE_RESET;
	default:
		return REASON_CONNECT_FAILED;
	}
}

/*
 * tcp_abort() sets ECONNABORTED and sends a reset; a keepalive that ran out sets ETIMEDOUT and sends
 * one too: so errors come before resets. The side that resets can have ECONNRESET, so a reset that
 * came in comes before one that went out only where it was seen (tcp_receive_reset).
 */
static enum reason connection_reason(uint32_t facts, int error)
{
	if (error == ECONNABORTED)
		return REASON_ABORTED;
	if (error == ETIMEDOUT)
		return REASON_TIMEOUT;
	if (error == EHOSTUNREACH || error == ENETUNREACH)
		return REASON_UNREACHABLE;
	if (facts & FACT_RST_RECEIVED)
		return REASON_REMOTE_RESET;
	if (facts & FACT_RST_SENT)
		return REASON_LOCAL_RESET;
	if (facts & FACT_LOCAL_FIRST)
		return REASON_LOCAL_CLOSE;
	if (facts & FACT_REMOTE_FIRST)
		return REASON_REMOTE_CLOSE;
	return REASON_UNKNOWN;
}

enum reason life__reason(const struct ev_close *e)
{
	uint32_t facts = e->base.sock.facts;
	int error = -e->sk_err;

	if (facts & FACT_CONNECT_FAILED)
		return connect_reason(error);
	if (facts & FACT_ABANDONED)
		return REASON_ABANDONED;
	if (facts & FACT_LISTEN_FAILED)
		return REASON_LISTEN_FAILED;
	if (facts & FACT_LISTENED)
		return REASON_CLOSED;
	if ((facts & FACT_BIND_FAILED) && !(facts & FACT_CONNECTED))
		return REASON_BIND_FAILED;
	if (e->base.sock.proto == IPPROTO_UDP)
		return REASON_CLOSED;
	if (facts & (FACT_ESTABLISHED | FACT_LOCAL_FIRST | FACT_REMOTE_FIRST | FACT_RST_RECEIVED |
		     FACT_RST_SENT))
		return connection_reason(facts, error);
	if (facts & FACT_EXISTED)
		return e->base.sock.rport ? connection_reason(facts, error) : REASON_CLOSED;
	return REASON_UNUSED;
}
