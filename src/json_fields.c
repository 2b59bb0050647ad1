// SPDX-License-Identifier: GPL-2.0-or-later
/* json_fields.c - writes tuples, options, processes and findings as the records of every command have them. */
#include <netinet/in.h>
#include "json_fields.h"
#include "sink.h"

void fields__common(struct buf *common, const char *boot_id, const char *host)
{
	/* begins with the comma after boot_ns */
	buf__str(common, ",\"boot\":");
	json__string(common, boot_id);
	json__put_string(common, "host", host);
	json__key(common, "type");
}

void fields__head(struct buf *b, const struct buf *common, struct stamp *stamp,
		  const struct wall *wall, uint64_t seq, uint64_t boot_ns, const char *type)
{
	uint64_t ns = boot_ns + (uint64_t)wall->offset_ns;

	if (seq) {
		buf__str(b, "{\"v\":1,\"seq\":");
		buf__u64(b, seq);
	}
	json__key(b, "ts");
	json__time(b, stamp, (int64_t)ns < 0 ? 0 : ns);
	json__put_u64(b, "boot_ns", boot_ns);
	buf__put(b, common->data, common->len);
	json__string(b, type);
}

void fields__time(struct buf *b, struct stamp *stamp, const struct wall *wall, const char *key,
		  uint64_t boot_ns)
{
	uint64_t ns = boot_ns + (uint64_t)wall->offset_ns;

	if (!boot_ns)
		return;
	json__key(b, key);
	json__time(b, stamp, (int64_t)ns < 0 ? 0 : ns);
}

void fields__addr(struct buf *b, const char *key, const uint8_t *addr, int family)
{
	json__key(b, key);
	json__addr(b, addr, family);
}

void fields__comm(struct buf *b, const char *key, const char comm[COMM_LEN])
{
	json__key(b, key);
	json__bytes(b, comm, strnlen(comm, COMM_LEN));
}

/* Every process id at once: PID.START_NS.EXEC. */
void fields__proc(struct buf *b, const struct ev_owner *p)
{
	json__key(b, "proc");
	buf__char(b, '"');
	buf__u64(b, p->tgid);
	buf__char(b, '.');
	buf__u64(b, p->start_ns);
	buf__char(b, '.');
	buf__u64(b, p->exec);
	buf__char(b, '"');
	json__put_u64(b, "pid", p->tgid);
	fields__comm(b, "comm", p->comm);
}

void fields__options(struct buf *b, const struct ev_sock *sock)
{
	unsigned int i;

	json__key(b, "options");
	json__open(b, '[');
	for (i = 0; i < SINK_OPTIONS; i++)
		if (sock->options & 1u << i)
			json__string(b, sink_option_names[i]);
	if (sock->ifindex)
		json__string(b, "device");
	json__close(b, ']');
	if (sock->ifindex)
		json__put_u64(b, "ifindex", sock->ifindex);
}

void fields__ends(struct buf *b, const struct ev_sock *sock, bool local, const uint8_t *raddr,
		  uint16_t rport)
{
	bool ipv6 = sock->family != AF_INET;

	json__put_string(b, "family", ipv6 ? "ipv6" : "ipv4");
	if (ipv6 && ((local && addr__is_ipv4(sock->laddr, AF_INET6)) ||
		     (rport && addr__is_ipv4(raddr, AF_INET6))))
		json__put_bool(b, "mapped", true);
	if (local)
		fields__addr(b, "laddr", sock->laddr, sock->family);
	if (sock->lport)
		json__put_u64(b, "lport", sock->lport);
	if (!rport)
		return;
	fields__addr(b, "raddr", raddr, sock->family);
	json__put_u64(b, "rport", rport);
}

void fields__netns(struct buf *b, const struct ev_sock *sock)
{
	json__put_u64(b, "netns", sock->netns);
	json__put_id(b, "netns_cookie", sock->netns_cookie);
}

void fields__workload(struct buf *b, const struct workload *w)
{
	size_t i;

	if (!w)
		return;
	const struct {
		const char *key, *value;
	} fields[] = {
		{ "runtime", w->runtime }, { "container_name", w->container_name },
		{ "pod", w->pod },         { "pod_namespace", w->pod_namespace },
		{ "pod_uid", w->pod_uid }, { "unit", w->unit },
	};
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].value)
			json__put_string(b, fields[i].key, fields[i].value);
}
