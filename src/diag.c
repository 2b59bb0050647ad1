// SPDX-License-Identifier: GPL-2.0-or-later
/* diag.c - sock_diag requests over netlink, and the parsing of their answers. */
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMER_TIME_WAIT    3  /* inet_twsk_diag_fill: idiag_timer of any mini-socket */
#define TCP_BOUND_INACTIVE 13 /* include/net/tcp_states.h, 6.8: asks for sockets that only bound */
#define DIAG_BUFFER        32768
#define FILTER_MAX         96
#define V4_MAPPED          ((const uint8_t[12]){ [10] = 0xff, [11] = 0xff })

/* One dump, of one family or of both (AF_UNSPEC). */
struct dump {
	const struct diag_query *q;
	diag_found_fn *found;
	void *arg;
};

static void addr__from_diag(uint8_t *addr, uint8_t family, const __be32 *from)
{
	if (family == AF_INET) {
		memcpy(addr, V4_MAPPED, sizeof(V4_MAPPED));
		memcpy(addr + 12, from, 4);
	} else {
		memcpy(addr, from, ADDR_LEN);
	}
}

/*
 * Who began a connection that was there before socklife: bytes_acked counts the SYN of the end that
 * sent it first (tcp_ack from iss), never that of an accepted one, whose snd_una begins behind it
 * (tcp_create_openreq_child). bytes_sent counts no SYN. Comparable when nothing is in flight.
 */
static uint32_t facts__from_info(const struct tcp_info *i, size_t len)
{
	uint64_t sent;

	if (len < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(i->tcpi_bytes_retrans) ||
	    i->tcpi_unacked || i->tcpi_notsent_bytes ||
	    (i->tcpi_state != BPF_TCP_ESTABLISHED && i->tcpi_state != BPF_TCP_CLOSE_WAIT))
		return 0;
	sent = i->tcpi_bytes_sent - i->tcpi_bytes_retrans;
	if (i->tcpi_bytes_acked == sent + 1)
		return FACT_CONNECTED;
	return i->tcpi_bytes_acked == sent ? FACT_PASSIVE : 0;
}

/* The peer's FIN is counted as a byte received (tcp_fin), in each of these states. */
static bool has_peers_fin(uint8_t state)
{
	return state == BPF_TCP_CLOSE_WAIT || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSING;
}

/* bytes_acked has the SYN and the FIN too, bytes_sent payload only: none is in flight where they are equal. */
static void read_counters(struct diag_counters *c, const struct tcp_info *i)
{
	uint64_t sent = i->tcpi_bytes_sent - i->tcpi_bytes_retrans;

	c->known = true;
	c->tx_bytes = i->tcpi_bytes_acked < sent ? i->tcpi_bytes_acked : sent;
	c->rx_bytes = i->tcpi_bytes_received;
	c->rx_bytes -= c->rx_bytes && has_peers_fin(i->tcpi_state);
	c->retrans = i->tcpi_total_retrans;
	c->srtt_us = i->tcpi_rtt;
	c->rttvar_us = i->tcpi_rttvar;
	c->cwnd = i->tcpi_snd_cwnd;
	c->mss = i->tcpi_snd_mss;
	c->unacked = i->tcpi_unacked;
	c->notsent_bytes = i->tcpi_notsent_bytes;
	c->sent_ms = i->tcpi_last_data_sent;
	c->received_ms = i->tcpi_last_data_recv;
}

static void read_info(struct diag_sock *d, const void *data, size_t len)
{
	struct tcp_info info = { 0 };

	memcpy(&info, data, len < sizeof(info) ? len : sizeof(info));
	d->sock.facts |= facts__from_info(&info, len);
	d->quiet_ms = info.tcpi_last_ack_recv;
	if (d->state != BPF_TCP_LISTEN) /* there some of the fields are something else */
		read_counters(&d->counters, &info);
}

static void read_attributes(struct diag_sock *d, const struct inet_diag_msg *m, int left)
{
	const struct rtattr *a = (const struct rtattr *)(m + 1);
	const struct inet_diag_sockopt *o;
	struct ev_sock *s = &d->sock;

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		size_t len = RTA_PAYLOAD(a);

		if (a->rta_type == INET_DIAG_SKV6ONLY && len && *(const uint8_t *)RTA_DATA(a)) {
			s->options |= OPT_V6ONLY;
		} else if (a->rta_type == INET_DIAG_SOCKOPT && len >= sizeof(*o)) {
			o = RTA_DATA(a);
			s->options |= (o->freebind ? OPT_FREEBIND : 0) |
				      (o->transparent ? OPT_TRANSPARENT : 0) |
				      (o->bind_address_no_port ? OPT_BIND_ADDRESS_NO_PORT : 0);
		} else if (a->rta_type == INET_DIAG_INFO) {
			read_info(d, RTA_DATA(a), len);
		} else if (a->rta_type == INET_DIAG_SKMEMINFO &&
			   len >= (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t)) {
			d->drops = ((const uint32_t *)RTA_DATA(a))[SK_MEMINFO_DROPS];
		}
	}
}

static void tell(const struct dump *dump, const struct inet_diag_msg *m, size_t len)
{
	struct diag_sock d = { 0 };
	struct ev_sock *s = &d.sock;

	d.time_wait = m->idiag_timer == TIMER_TIME_WAIT && dump->q->proto == IPPROTO_TCP;
	s->cookie = m->id.idiag_cookie[0] | (uint64_t)m->id.idiag_cookie[1] << 32;
	s->inode = m->idiag_inode;
	s->family = m->idiag_family;
	s->proto = dump->q->proto;
	d.state = m->idiag_state == TCP_BOUND_INACTIVE ? BPF_TCP_CLOSE : m->idiag_state;
	/* A mini-socket in FIN_WAIT2 is TIME_WAIT to bind(): skc_state, not tw_substate, counts. */
	s->state = d.time_wait ? BPF_TCP_TIME_WAIT : d.state;
	s->lport = ntohs(m->id.idiag_sport);
	s->rport = ntohs(m->id.idiag_dport);
	s->ifindex = m->id.idiag_if;
	addr__from_diag(s->laddr, s->family, m->id.idiag_src);
	addr__from_diag(s->raddr, s->family, m->id.idiag_dst);
	d.uid = m->idiag_uid;
	d.rqueue = m->idiag_rqueue;
	d.wqueue = m->idiag_wqueue;
	d.expires_ms = d.time_wait ? m->idiag_expires : 0;
	read_attributes(&d, m, len - sizeof(*m));
	dump->found(dump->arg, &d);
}

/*
 * A filter has at most three conditions (inet_diag_bc_run). The old kind of request knows TCP only, but
 * both families at once (inet_diag_dump_compat): the kernel's table, shared by all namespaces, is walked
 * once instead of twice, some 10 ms each on a large host.
 */
struct request {
	struct nlmsghdr head;
	char rest[sizeof(struct inet_diag_req_v2) + sizeof(struct rtattr) + FILTER_MAX];
};

struct code {
	char *at;
	size_t len;
};

static void put(struct code *c, const void *data, size_t len)
{
	memcpy(c->at + c->len, data, len);
	c->len += len;
}

static void want_port(struct code *c, uint8_t op, uint16_t port)
{
	const struct inet_diag_bc_op equal[2] = { { .code = op, .yes = sizeof(equal) },
						  { .no = port } };

	put(c, equal, sizeof(equal));
}

static void want_addr(struct code *c, uint8_t op, const uint8_t *addr, bool v4)
{
	const uint8_t *from = v4 ? addr + 12 : addr;
	size_t len = v4 ? 4 : ADDR_LEN;
	struct inet_diag_hostcond host = { .family = v4 ? AF_INET : AF_INET6,
					   .prefix_len = len * 8,
					   .port = -1 };
	struct inet_diag_bc_op cond = { .code = op };

	cond.yes = sizeof(cond) + sizeof(host) + len;
	put(c, &cond, sizeof(cond));
	put(c, &host, sizeof(host));
	put(c, from, len);
}

/* What does not match jumps 4 bytes past the end of the code: refused. */
static void refuse_others(char *code, size_t len)
{
	size_t at = 0;

	while (at < len) {
		struct inet_diag_bc_op op;

		memcpy(&op, code + at, sizeof(op));
		op.no = len - at + 4;
		memcpy(code + at, &op, sizeof(op));
		at += op.yes;
	}
}

static size_t put_filter(const struct diag_query *q, char *code)
{
	struct code c = { .at = code };

	if (q->lport)
		want_port(&c, INET_DIAG_BC_S_EQ, q->lport);
	if (q->rport)
		want_port(&c, INET_DIAG_BC_D_EQ, q->rport);
	if (q->raddr)
		want_addr(&c, INET_DIAG_BC_D_COND, q->raddr,
			  !memcmp(q->raddr, V4_MAPPED, sizeof(V4_MAPPED)));
	refuse_others(code, c.len);
	return c.len;
}

/* What is asked of sock_diag, without the head. Its length. */
static size_t put_request(const struct diag_query *q, uint8_t family, char *rest)
{
	struct inet_diag_req_v2 new = { .sdiag_family = family,
					.sdiag_protocol = q->proto,
					.idiag_states = q->states };
	struct inet_diag_req old = { .idiag_states = q->states };
	uint8_t more = 0;

	if (q->info && q->proto == IPPROTO_TCP)
		more |= 1u << (INET_DIAG_INFO - 1);
	if (q->memory)
		more |= 1u << (INET_DIAG_SKMEMINFO - 1);
	new.idiag_ext = old.idiag_ext = more;
	if (family != AF_UNSPEC) {
		memcpy(rest, &new, sizeof(new));
		return sizeof(new);
	}
	memcpy(rest, &old, sizeof(old));
	return sizeof(old);
}

static int request(int fd, const struct diag_query *q, uint8_t family)
{
	struct rtattr attr = { .rta_type = INET_DIAG_REQ_BYTECODE };
	struct request r = { .head = { .nlmsg_type = family == AF_UNSPEC ? TCPDIAG_GETSOCK :
									   SOCK_DIAG_BY_FAMILY,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	size_t at = put_request(q, family, r.rest), len = sizeof(r.head) + at, code;

	code = put_filter(q, r.rest + at + sizeof(attr));
	if (code) {
		attr.rta_len = RTA_LENGTH(code);
		memcpy(r.rest + at, &attr, sizeof(attr));
		len += attr.rta_len;
	}
	r.head.nlmsg_len = len;
	return send(fd, &r, len, 0) == (ssize_t)len ? 0 : -errno;
}

/* One datagram of a dump: 0 where more is to come, 1 at its end, or -errno. */
static int read_answer(const struct dump *dump, const char *buf, size_t got)
{
	const struct nlmsghdr *h;
	size_t at;

	for (at = 0; at + sizeof(*h) <= got; at += NLMSG_ALIGN(h->nlmsg_len)) {
		h = (const struct nlmsghdr *)(buf + at);
		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > got - at)
			return -EPROTO;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) || e->error >= 0)
				return -EPROTO;
			return e->error;
		}
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			tell(dump, NLMSG_DATA(h), h->nlmsg_len - NLMSG_HDRLEN);
	}
	return 0;
}

static int dump_family(const struct dump *dump, int fd, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buf[DIAG_BUFFER];
	ssize_t got;
	int err;

	err = request(fd, dump->q, family);
	while (!err) {
		got = recv(fd, buf, sizeof(buf), MSG_TRUNC);
		if (got > 0 && (size_t)got <= sizeof(buf))
			err = read_answer(dump, buf, got);
		else if (got >= 0 || errno != EINTR)
			err = got < 0 ? -errno : -EPROTO;
	}
	return err < 0 ? err : 0;
}

int diag__dump(int fd, const struct diag_query *q, diag_found_fn *found, void *arg)
{
	struct dump dump = { .q = q, .found = found, .arg = arg };
	int err;

	if (q->proto == IPPROTO_TCP)
		return dump_family(&dump, fd, AF_UNSPEC);
	err = dump_family(&dump, fd, AF_INET);
	return err ? err : dump_family(&dump, fd, AF_INET6);
}

int diag__open(void)
{
	const struct timeval limit = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

int diag__list(const struct diag_query *q, diag_found_fn *found, void *arg)
{
	int fd = diag__open(), err;

	if (fd < 0)
		return fd;
	err = diag__dump(fd, q, found, arg);
	close(fd);
	return err;
}

/* A number of /proc/thread-self/net/FILE: LINE ... KEY number. `missing` where it cannot be read. */
static unsigned int stat_of(const char *file, const char *line, const char *key,
			    unsigned int missing)
{
	char path[64], text[256], *at;
	unsigned int n = missing;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", file);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f)) {
		at = strncmp(text, line, strlen(line)) ? NULL : strstr(text, key);
		if (at)
			n = strtoul(at + strlen(key), NULL, 10);
	}
	if (f)
		fclose(f);
	return n;
}

bool diag__has_tcp(void)
{
	/* a namespace without IPv6 has no sockstat6 */
	return stat_of("sockstat", "TCP:", " inuse ", 1) ||
	       stat_of("sockstat", "TCP:", " tw ", 1) ||
	       stat_of("sockstat6", "TCP6:", " inuse ", 0);
}

static void see_one(void *arg, const struct diag_sock *s)
{
	(void)s;
	*(bool *)arg = true;
}

bool diag__has_bound(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct diag_query q = { .proto = IPPROTO_TCP, .states = DIAG_ALL_STATES };
	socklen_t len = sizeof(at);
	bool has = false;
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
	    !getsockname(fd, (struct sockaddr *)&at, &len)) {
		q.lport = ntohs(at.sin_port);
		diag__list(&q, see_one, &has);
	}
	close(fd);
	return has;
}
