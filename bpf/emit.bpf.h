/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit.bpf.h - from a socket to a record in the ring buffer: read the socket, ask the filters,
 * reserve, fill, submit.
 */
#ifndef SOCKLIFE_EMIT_BPF_H
#define SOCKLIFE_EMIT_BPF_H

#include "compat.bpf.h"
#include "facts.bpf.h"
#include "ring.bpf.h"
#include "mptcp.bpf.h"

/*
 * A field of a sock. Where the verifier knows the pointer (tp_btf, iterators) it is a plain load of
 * 1 ns; elsewhere a probe read of 20. `direct` is a constant, so one of the two is gone.
 */
#define SK(field) (direct ? sk->field : READ(struct sock, sk, field))

static __always_inline __u16 sock__sport(const struct sock *sk)
{
	return bpf_ntohs(READ(struct inet_sock, sk, inet_sport));
}

static __always_inline void addr__from_v4(__u8 *addr, __be32 v4)
{
	__u32 *words = (__u32 *)addr;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = v4;
}

static __always_inline bool addr__is_v4(const __u8 *addr)
{
	const __u32 *words = (const __u32 *)addr;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

static __always_inline void addr__from_words(__u8 *addr, __u32 a, __u32 b, __u32 c, __u32 d)
{
	__u32 *words = (__u32 *)addr;

	words[0] = a;
	words[1] = b;
	words[2] = c;
	words[3] = d;
}

/*
 * A socket pointer that the verifier has a type for (a context, a struct bpf_sock, a BTF pointer), as a
 * plain address: what global functions take, and what lets CO-RE read beyond UAPI fields.
 */
static __always_inline const struct sock *sock__plain(const void *typed)
{
	const struct sock *plain = NULL;

	bpf_probe_read_kernel(&plain, sizeof(plain), &typed);
	return plain;
}

/* The same where it has facts: stored and loaded again it has no type any more, and that costs 1 ns. */
static __always_inline const struct sock *sock__address(struct facts *f, const void *typed)
{
	*(volatile __u64 *)&f->sk = (__u64)typed;
	return (const struct sock *)*(volatile __u64 *)&f->sk;
}

/*
 * The cookie of the socket that a cgroup program's context has: given now where it had none. A cast takes a context
 * as it takes an address, and saves the helper's calls.
 */
static __always_inline __u64 sock__cookie(void *ctx, const void *typed)
{
	__u64 cookie = CASTS ? READ(struct sock, typed, __sk_common.skc_cookie.counter) : 0;

	return cookie ? cookie : bpf_get_socket_cookie(ctx);
}

static __always_inline bool sock__is_kernel(const struct sock *sk, const bool direct)
{
	return direct ? BPF_CORE_READ_BITFIELD(sk, sk_kern_sock) :
			BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock);
}

/*
 * The facts of a process's socket, which is given as the context has it. The kernel's own have none, but for the
 * first subflow of an MPTCP socket, which is met in its place.
 */
static __always_inline struct facts *sock__meet(__u64 cookie, const void *typed)
{
	struct facts *f = facts__get(cookie);
	const struct sock *sk;

	if (f)
		return f;
	sk = sock__plain(typed);
	return sock__is_kernel(sk, false) ? subflow__facts_of_first((__u64)sk) :
					    facts__make(cookie);
}

/* The number that /proc/net/tcp and `ss -e` show. */
static __always_inline __u64 sock__inode(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

GLOBAL_FUNC __u32 sock__options(__u64 addr)
{
	const struct sock *sk = (const struct sock *)addr;
	__u32 options = compat__inet_options(sk);

	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuse))
		options |= OPT_REUSEADDR;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuseport))
		options |= OPT_REUSEPORT;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_ipv6only))
		options |= OPT_V6ONLY;
	return options;
}

static __always_inline bool sock__wanted(__u16 family, __u16 protocol)
{
	if (family == AF_INET ? !settings.ipv4 : family == AF_INET6 ? !settings.ipv6 : true)
		return false;
	return protocol == IPPROTO_TCP   ? settings.tcp :
	       protocol == IPPROTO_UDP   ? settings.udp :
	       protocol == IPPROTO_MPTCP ? settings.tcp && MPTCP :
					   false;
}

/* What never changes in a socket's life, kept so that it is read once. */
static __always_inline void sock__identify(struct facts *f, const struct sock *sk,
					   const bool direct)
{
	struct net *net;

	if (f->family)
		return;
	f->family = SK(__sk_common.skc_family);
	f->proto = f->mptcp ? PROTO_MPTCP : SK(sk_protocol);
	/* a cast costs the verifier less than a trusted pointer (task__current) */
	net = CASTS || !direct ? READ(struct sock, sk, __sk_common.skc_net.net) :
				 sk->__sk_common.skc_net.net;
	f->netns = CASTS || !direct ? READ(struct net, net, ns.inum) : net->ns.inum;
	f->netns_cookie = CASTS || !direct ? READ(struct net, net, net_cookie) : net->net_cookie;
}

/*
 * Both ends as the socket has them. The local port outlives skc_num in inet_sport (skc_num is 0 at most
 * changes to CLOSE).
 */
static __always_inline void sock__tuple(const struct sock *sk, __u16 family, __u8 *laddr,
					__u8 *raddr, __u16 *lport, __u16 *rport, const bool direct)
{
	*lport = SK(__sk_common.skc_num);
	if (!*lport)
		*lport = sock__sport(sk);
	*rport = bpf_ntohs(SK(__sk_common.skc_dport));
	if (family == AF_INET) {
		addr__from_v4(laddr, SK(__sk_common.skc_rcv_saddr));
		addr__from_v4(raddr, SK(__sk_common.skc_daddr));
	} else if (CASTS || direct) {
		addr__from_words(laddr, SK(__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0]),
				 SK(__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1]),
				 SK(__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2]),
				 SK(__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3]));
		addr__from_words(raddr, SK(__sk_common.skc_v6_daddr.in6_u.u6_addr32[0]),
				 SK(__sk_common.skc_v6_daddr.in6_u.u6_addr32[1]),
				 SK(__sk_common.skc_v6_daddr.in6_u.u6_addr32[2]),
				 SK(__sk_common.skc_v6_daddr.in6_u.u6_addr32[3]));
	} else {
		bpf_probe_read_kernel(laddr, ADDR_LEN, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(raddr, ADDR_LEN, &sk->__sk_common.skc_v6_daddr);
	}
}

/* All but the tuple. */
static __always_inline void sock__fill_fixed(struct ev_sock *s, const struct sock *sk,
					     const struct facts *f, const bool direct)
{
	s->cookie = f->cookie;
	s->inode = f->inode;
	s->created_ns = f->created_ns;
	s->facts = f->flags;
	s->owner = f->owner;
	s->options = 0;
	s->family = f->family;
	s->proto = f->proto;
	s->netns = f->netns;
	s->netns_cookie = f->netns_cookie;
	s->state = SK(__sk_common.skc_state);
	s->ifindex = SK(__sk_common.skc_bound_dev_if);
}

/*
 * A connection's tuple is in the facts from ESTABLISHED on, when it cost next to nothing to read: a
 * reset by this end clears the socket's own (tcp_disconnect).
 */
static __always_inline void sock__fill_known(struct ev_sock *s, const struct facts *f)
{
	s->lport = f->lport;
	s->rport = f->rport;
	__builtin_memcpy(s->laddr, f->laddr, ADDR_LEN);
	__builtin_memcpy(s->raddr, f->raddr, ADDR_LEN);
}

/* A failed connect() clears the destination (tcp_v4_connect): then what it asked for is in the facts. */
static __always_inline void sock__fill(struct ev_sock *s, const struct sock *sk, struct facts *f,
				       const bool direct)
{
	sock__identify(f, sk, direct);
	sock__fill_fixed(s, sk, f, direct);
	if (f->flags & FACT_TUPLE) {
		sock__fill_known(s, f);
		return;
	}
	sock__tuple(sk, s->family, s->laddr, s->raddr, &s->lport, &s->rport, direct);
	if (!s->rport && f->rport) {
		s->rport = f->rport;
		__builtin_memcpy(s->raddr, f->raddr, ADDR_LEN);
	}
}

GLOBAL_FUNC int sock__fill_probed(struct ev_sock *s, __u64 addr, struct facts *f)
{
	if (s && f)
		sock__fill(s, (const struct sock *)addr, f, false);
	return 0;
}

/* Either end of a socket, where more is known than the socket says itself. A port of 0: nothing more. */
struct ends {
	__u8 laddr[ADDR_LEN];
	__u8 raddr[ADDR_LEN];
	__u16 lport;
	__u16 rport;
};

static __always_inline bool filter__port(__u32 side, __u16 port)
{
	__u32 index = side * PORT_WORDS + port / 64;
	__u64 *word = bpf_map_lookup_elem(&filter_ports, &index);

	return port && word && (*word >> (port % 64) & 1);
}

static __always_inline bool filter__addr(__u32 side, const __u8 *addr)
{
	const __u64 *want = (const __u64 *)addr;
	__u32 i;

	for (i = 0; i < FILTER_CIDRS && i < settings.n_cidrs[side]; i++) {
		const volatile __u64 *net = (const volatile __u64 *)settings.cidrs[side][i].addr;
		const volatile __u64 *mask = (const volatile __u64 *)settings.cidrs[side][i].mask;

		if ((want[0] & mask[0]) != net[0] || (want[1] & mask[1]) != net[1])
			continue;
		/* ::/0 is about IPv6: an IPv4 address, mapped, needs an IPv4 CIDR */
		if (!addr__is_v4(addr) || settings.cidrs[side][i].mask[11] == 0xff)
			return true;
	}
	return false;
}

static __always_inline bool filter__comm(const char *comm)
{
	const __u64 *have = (const __u64 *)comm;
	__u32 i;

	for (i = 0; i < FILTER_COMMS && i < settings.n_comms; i++) {
		const volatile __u64 *want = (const volatile __u64 *)settings.comms[i];

		if (have[0] == want[0] && have[1] == want[1])
			return true;
	}
	return false;
}

/* `a` acts on a socket of `owner`. */
static __always_inline bool filter__process(const struct ev_owner *owner, const struct ev_actor *a)
{
	const __u32 on = settings.filters;
	__u32 tgid;

	if (on & FILTER_PID) {
		tgid = a->proc.tgid;
		if (!bpf_map_lookup_elem(&filter_pids, &tgid)) {
			tgid = owner->tgid;
			if (!bpf_map_lookup_elem(&filter_pids, &tgid))
				return false;
		}
	}
	if ((on & FILTER_COMM) && !filter__comm(a->proc.comm) && !filter__comm(owner->comm))
		return false;
	if (on & FILTER_UID) {
		__u32 uid = a->uid;

		if (!a->proc.tgid || !bpf_map_lookup_elem(&filter_uids, &uid))
			return false;
	}
	return !(on & FILTER_CGROUP) || a->mark;
}

static __always_inline bool filter__tuple(const struct ev_sock *s)
{
	const __u32 on = settings.filters;
	__u32 netns = s->netns;

	if ((on & FILTER_PORT) && !filter__port(SIDE_EITHER, s->lport) &&
	    !filter__port(SIDE_EITHER, s->rport))
		return false;
	if ((on & FILTER_LPORT) && !filter__port(SIDE_LOCAL, s->lport))
		return false;
	if ((on & FILTER_RPORT) && !filter__port(SIDE_REMOTE, s->rport))
		return false;
	if ((on & FILTER_ADDR) && !filter__addr(SIDE_EITHER, s->laddr) &&
	    !(s->rport && filter__addr(SIDE_EITHER, s->raddr)))
		return false;
	if ((on & FILTER_LADDR) && !filter__addr(SIDE_LOCAL, s->laddr))
		return false;
	if ((on & FILTER_RADDR) && !(s->rport && filter__addr(SIDE_REMOTE, s->raddr)))
		return false;
	return !(on & FILTER_NETNS) || bpf_map_lookup_elem(&filter_netns, &netns);
}

/*
 * Whether this socket's records are wanted. One match admits it until its close. `want`, where not
 * NULL, is a tuple that says more than the socket's own (a bind() that failed, a datagram's peer).
 */
static __noinline bool filter__match(const struct sock *sk, struct facts *f,
				     const struct ev_actor *a, const struct ends *want)
{
	struct ev_sock s = {}; /* before 6.3 a global function takes no memory that was not written */

	if (!filter__process(&f->owner, a))
		return false;
	sock__fill_probed(&s, (__u64)sk, f);
	if (want) {
		if (want->lport) {
			s.lport = want->lport;
			__builtin_memcpy(s.laddr, want->laddr, ADDR_LEN);
		}
		if (want->rport) {
			s.rport = want->rport;
			__builtin_memcpy(s.raddr, want->raddr, ADDR_LEN);
		}
	}
	return filter__tuple(&s);
}

/* Whether a record of what `a` does would be wanted, as far as the socket's ends are known by now. */
static __always_inline bool emit__admits(const struct sock *sk, struct facts *f,
					 const struct ev_actor *a, const struct ends *want)
{
	if (f->flags & FACT_IGNORED)
		return false;
	return !settings.filters || (f->flags & FACT_ADMITTED) ||
	       filter__match(sock__address(f, sk), f, a, want);
}

static __always_inline bool emit__wanted(const struct sock *sk, struct facts *f,
					 const struct ev_actor *a, const struct ends *want)
{
	if (!emit__admits(sk, f, a, want))
		return false;
	if (settings.filters && !(f->flags & FACT_ADMITTED))
		facts__set(f, FACT_ADMITTED);
	return true;
}

/* Room for a record in the ring, its head and socket filled. NULL, and counted, when it is full. */
static __always_inline void *emit__begin(__u16 type, __u16 size, __u64 now, const struct sock *sk,
					 struct facts *f, const struct ev_actor *a,
					 const bool direct)
{
	struct ev_base *b = ring__reserve(size);

	if (!(f->flags & FACT_ESTABLISHED))
		facts__set(f, FACT_EVENT);
	if (!b) {
		loss__count(LOST_RING);
		return NULL;
	}
	b->head.type = type;
	b->head.size = size;
	b->head.cpu = bpf_get_smp_processor_id();
	b->head.boot_ns = now;
	/* the second saves the call of the third: no more is to be read than a call costs */
	if (direct) {
		sock__fill(&b->sock, sk, f, true);
	} else if ((f->flags & FACT_TUPLE) && f->family) {
		sock__fill_fixed(&b->sock, sk, f, false);
		sock__fill_known(&b->sock, f);
	} else {
		sock__fill_probed(&b->sock, (__u64)sk, f);
	}
	__builtin_memcpy(&b->actor, a, sizeof(b->actor));
	b->actor.mark = 0;
	return b;
}

struct subflows_listing {
	struct subflows list;
	__u64 *cookies;
};

static long subflows__list_next(__u32 index, void *arg)
{
	struct subflows_listing *l = arg;

	l->cookies[index & (SUBFLOWS - 1)] = subflow__cookie(subflows__next(&l->list));
	return 0;
}

_Static_assert((SUBFLOWS & (SUBFLOWS - 1)) == 0, "a mask of the index");

/* All subflows that an MPTCP socket has now. Userspace tells those that it knows from new ones. */
GLOBAL_FUNC int subflows__emit(struct facts *f)
{
	const struct sock *sk;
	struct ev_actor nobody = {};
	struct subflows_listing listing;
	struct ev_subflows *e;

	if (!MPTCP || !f)
		return 0;
	sk = (const struct sock *)f->mptcp;
	if (!emit__wanted(sk, f, &nobody, NULL))
		return 0;
	e = emit__begin(EV_SUBFLOWS, sizeof(*e), bpf_ktime_get_boot_ns(), sk, f, &nobody, false);
	if (!e)
		return 0;
	subflows__begin(&listing.list, f->mptcp);
	listing.cookies = e->cookies;
	bpf_loop(SUBFLOWS, subflows__list_next, &listing, 0);
	ring__submit(e, sizeof(*e));
	return 0;
}

/* The file behind a descriptor of `task`, as an address; 0 where there is none. */
static __always_inline __u64 task__file_at(const struct task_struct *task, int fd)
{
	struct fdtable *fdt = task->files ? task->files->fdt : NULL;
	struct file **files;
	__u64 file = 0;

	if (!fdt || fd < 0 || (__u32)fd >= fdt->max_fds)
		return 0;
	/* 6.1 takes a struct file ** for a BTF pointer, and has no arithmetic on those: read it plainly */
	files = READ(struct fdtable, fdt, fd);
	if (CASTS)
		return ADDRESS_AT(files + fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/* The same of the running process. */
GLOBAL_FUNC __u64 task__file(int fd)
{
	return task__file_at(task__current(), fd);
}

/* The sock of a file that the caller knows to be a socket's, or finds by its cookie to be one. */
static __always_inline struct sock *file__sock(struct file *file)
{
	const void *socket = READ(struct file, file, private_data);

	return (struct sock *)READ_ADDRESS(struct socket, socket, sk);
}

static __always_inline __u64 file__inode(const struct file *file)
{
	const struct inode *inode = READ(struct file, file, f_inode);

	return READ(struct inode, inode, i_ino);
}

/* NULL where it is no socket. */
static __always_inline struct sock *file__sock_checked(struct file *file)
{
	const struct inode *inode = READ(struct file, file, f_inode);
	__u16 mode = READ(struct inode, inode, i_mode);

	return (mode & 0170000) == 0140000 ? file__sock(file) : NULL; /* S_IFMT, S_IFSOCK */
}

#endif
