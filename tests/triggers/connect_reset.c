/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connect_reset LOCAL REMOTE: a peer that answers a SYN with its own SYN (simultaneous open) and then with a reset:
 * connect() fails with ECONNRESET. A raw socket plays the peer; nobody else answers at REMOTE.
 */
#include "trigger.h"

#include <netinet/ip.h>

#define CLIENT_PORT 7001
#define PEER_PORT   7002
#define PEER_SEQ    1000

struct packet {
	struct iphdr ip;
	struct tcphdr tcp;
};

static const char *local, *remote;

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint16_t *word = data;

	for (; len > 1; len -= 2)
		sum += *word++;
	return sum;
}

static uint16_t tcp_checksum(const struct packet *p)
{
	uint32_t sum = sum16(&p->tcp, sizeof(p->tcp), 0);

	sum = sum16(&p->ip.saddr, 2 * sizeof(p->ip.saddr), sum);
	sum += htons(IPPROTO_TCP) + htons(sizeof(p->tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void inject(int raw, uint32_t seq, int syn, int rst)
{
	struct packet p = { 0 };
	union address to;
	socklen_t len = address_set(&to, local, 0);

	p.ip.version = 4;
	p.ip.ihl = 5;
	p.ip.ttl = 64;
	p.ip.protocol = IPPROTO_TCP;
	p.ip.tot_len = htons(sizeof(p));
	p.ip.saddr = inet_addr(remote);
	p.ip.daddr = inet_addr(local);
	p.tcp.source = htons(PEER_PORT);
	p.tcp.dest = htons(CLIENT_PORT);
	p.tcp.seq = htonl(seq);
	p.tcp.doff = 5;
	p.tcp.syn = syn;
	p.tcp.rst = rst;
	p.tcp.window = htons(1000);
	p.tcp.check = tcp_checksum(&p);
	if (sendto(raw, &p, sizeof(p), 0, &to.sa, len) != sizeof(p))
		die("send raw");
}

static void peer_body(int client)
{
	int raw = must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "raw socket");

	hear(client);
	usleep(150 * 1000); /* the client is inside connect() */
	inject(raw, PEER_SEQ, 1, 0);
	inject(raw, PEER_SEQ + 1, 0, 1);
	close(raw);
}

int main(int argc, char **argv)
{
	int peer, fd;

	if (argc != 3)
		return 2;
	local = argv[1];
	remote = argv[2];
	trigger_begin("client");
	peer = spawn("peer", peer_body, NULL);
	fd = tcp(AF_INET);
	must(try_bind(fd, local, CLIENT_PORT), "bind");
	tell(peer, 0);
	must_fail(try_connect(fd, remote, PEER_PORT), ECONNRESET, "connect");
	fact_sock("client", fd);
	close(fd);
	reap(0);
	return 0;
}
