// SPDX-License-Identifier: GPL-2.0-or-later
#include "ask.h"
#include "conflict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* 5.14 */
#endif

#define FILEID_KERNFS      0xfe /* include/linux/exportfs.h: the id of a cgroup is such a handle */
#define TIMER_TIME_WAIT    3    /* inet_twsk_diag_fill: idiag_timer of any mini-socket */
#define TCP_BOUND_INACTIVE 13 /* include/net/tcp_states.h, 6.8: asks for sockets that only bound */
#define FOUND_MAX          65536 /* sockets looked at for one answer */
#define DIAG_BUFFER        32768

struct ask {
	struct ask_config config;
	struct stat own_netns; /* of the thread that asks */
	int cgroup_fd;         /* one to open handles by: fsmount() gives an O_PATH one */
	char root[PATH_MAX];   /* where cgroup_fd is mounted, "/" for a detached mount */
	int diag_has_bound;    /* sock_diag lists TCP sockets that only bound; -1: not asked yet */
};

struct sighting {
	struct holder h; /* first: conflict__holder_order() sorts by it */
	uint64_t cookie; /* that of a TIME_WAIT socket too, where h has 0 */
	size_t order;
	bool diag;
};

struct search {
	const struct ask_holders *q;
	struct sighting *seen;
	size_t n, room;
	bool incomplete;
};

static struct sighting *search__add(struct search *s, uint64_t cookie, bool diag)
{
	struct sighting *new;

	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;

		new = s->n < FOUND_MAX ? reallocarray(s->seen, room, sizeof(*new)) : NULL;
		s->incomplete |= !new;
		if (!new)
			return NULL;
		s->seen = new;
		s->room = room;
	}
	new = &s->seen[s->n];
	memset(new, 0, sizeof(*new)); /* the answer goes into captures: no stray bytes */
	new->cookie = cookie;
	new->order = s->n++;
	new->diag = diag;
	return new;
}

static void addr__from_diag(uint8_t *addr, uint8_t family, const __be32 *from)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET) {
		memcpy(addr, mapped, sizeof(mapped));
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

static void diag__attributes(struct ev_sock *s, const struct inet_diag_msg *m, int left)
{
	const struct rtattr *a = (const struct rtattr *)(m + 1);
	const struct inet_diag_sockopt *o;
	struct tcp_info info;

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
			memset(&info, 0, sizeof(info));
			memcpy(&info, RTA_DATA(a), len < sizeof(info) ? len : sizeof(info));
			s->facts |= facts__from_info(&info, len);
		}
	}
}

static void diag__found(struct search *search, const struct inet_diag_msg *m, size_t len)
{
	uint64_t cookie = m->id.idiag_cookie[0] | (uint64_t)m->id.idiag_cookie[1] << 32;
	bool time_wait = m->idiag_timer == TIMER_TIME_WAIT && search->q->proto == IPPROTO_TCP;
	struct sighting *new;
	struct ev_sock *s;

	if (ntohs(m->id.idiag_sport) != search->q->port || cookie == search->q->except)
		return;
	new = search__add(search, cookie, true);
	if (!new)
		return;
	s = &new->h.sock;
	s->cookie = time_wait ? 0 : cookie;
	s->netns_cookie = search->q->netns_cookie;
	s->netns = search->q->netns;
	s->inode = m->idiag_inode;
	s->family = m->idiag_family;
	s->proto = search->q->proto;
	/* A mini-socket in FIN_WAIT2 is TIME_WAIT to bind(): skc_state, not tw_substate, counts. */
	s->state = time_wait ? BPF_TCP_TIME_WAIT : m->idiag_state;
	if (s->state == TCP_BOUND_INACTIVE)
		s->state = BPF_TCP_CLOSE;
	s->lport = search->q->port;
	s->rport = ntohs(m->id.idiag_dport);
	s->ifindex = m->id.idiag_if;
	addr__from_diag(s->laddr, s->family, m->id.idiag_src);
	addr__from_diag(s->raddr, s->family, m->id.idiag_dst);
	diag__attributes(s, m, len - sizeof(*m));
	if (time_wait)
		return;
	new->h.uid = m->idiag_uid;
	new->h.sock_uid = m->idiag_uid;
	new->h.uid_known = true;
}

struct diag_request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
	struct rtattr attr;
	struct inet_diag_bc_op equal[2]; /* local port == equal[1].no */
};

static int diag__send(int fd, uint8_t family, uint8_t proto, uint16_t port)
{
	struct diag_request r = {
		.head = { .nlmsg_len = sizeof(r),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.req = { .sdiag_family = family,
			 .sdiag_protocol = proto,
			 .idiag_ext = proto == IPPROTO_TCP ? 1u << (INET_DIAG_INFO - 1) : 0,
			 .idiag_states = UINT32_MAX },
		.attr = { .rta_len = RTA_LENGTH(sizeof(r.equal)),
			  .rta_type = INET_DIAG_REQ_BYTECODE },
		.equal = { { .code = INET_DIAG_BC_S_EQ,
			     .yes = sizeof(r.equal),
			     .no = sizeof(r.equal) + 4 },
			   { .no = port } },
	};

	/*
	 * Half-open connections (NEW_SYN_RECV) hold no port: inet_diag_dump_icsk takes them for
	 * SYN_RECV. The few full sockets in that state (Fast Open) have a listener beside them.
	 */
	if (proto == IPPROTO_TCP)
		r.req.idiag_states &= ~(1u << BPF_TCP_SYN_RECV | 1u << BPF_TCP_NEW_SYN_RECV);
	return send(fd, &r, sizeof(r), 0) == sizeof(r) ? 0 : -errno;
}

/* One datagram of a dump: 0 where more is to come, 1 at its end, or -errno. */
static int diag__read(struct search *search, const char *buf, size_t got)
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
			diag__found(search, NLMSG_DATA(h), h->nlmsg_len - NLMSG_HDRLEN);
	}
	return 0;
}

static int diag__dump(struct search *search, int fd, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buf[DIAG_BUFFER];
	ssize_t got;
	int err;

	err = diag__send(fd, family, search->q->proto, search->q->port);
	while (!err) {
		got = recv(fd, buf, sizeof(buf), MSG_TRUNC);
		if (got > 0 && (size_t)got <= sizeof(buf))
			err = diag__read(search, buf, got);
		else if (got >= 0 || errno != EINTR)
			err = got < 0 ? -errno : -EPROTO;
	}
	return err < 0 ? err : 0;
}

static int diag__open(void)
{
	const struct timeval limit = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* Does this kernel list TCP sockets that only bound (91051f003948, 6.8)? Asked with one of ours. */
static bool diag__has_bound(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ask_holders q = { .proto = IPPROTO_TCP };
	struct search search = { .q = &q };
	socklen_t len = sizeof(at);
	int fd, diag = -1;
	bool has = false;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(fd, (struct sockaddr *)&at, &len))
		goto out;
	q.port = ntohs(at.sin_port);
	diag = diag__open();
	has = diag >= 0 && !diag__dump(&search, diag, AF_INET) && search.n > 0;
out:
	close(diag);
	close(fd);
	free(search.seen);
	return has;
}

/*
 * A descriptor of the namespace with this inode number, or -errno. Of the file system of namespaces:
 * elsewhere the same number is another file, and to open that could block.
 */
static int netns__open(const struct ask *a, uint32_t inode, uint32_t tgid)
{
	char near[32];
	const char *const patterns[] = { near, "/run/netns/*", "/proc/[0-9]*/ns/net" };
	size_t i, j;
	int fd = -ENOENT;

	snprintf(near, sizeof(near), "/proc/%u/ns/net", tgid);
	for (i = 0; fd < 0 && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found;

		if (glob(patterns[i], GLOB_NOSORT, NULL, &found))
			continue;
		for (j = 0; fd < 0 && j < found.gl_pathc; j++) {
			const char *path = found.gl_pathv[j];
			struct stat st;

			if (stat(path, &st) || st.st_ino != inode ||
			    st.st_dev != a->own_netns.st_dev)
				continue;
			fd = open(path, O_RDONLY | O_CLOEXEC);
			fd = fd < 0 ? -errno : fd;
		}
		globfree(&found);
	}
	return fd;
}

struct visit {
	int netns;
	int diag;
};

/* A netlink socket stays in the namespace it was made in: only this thread has to go there. */
static void *netns__visit(void *arg)
{
	struct visit *v = arg;

	v->diag = setns(v->netns, CLONE_NEWNET) ? -errno : diag__open();
	return NULL;
}

static int diag__open_in(const struct ask *a, const struct ask_holders *q)
{
	struct visit v = { .netns = -1, .diag = -1 };
	pthread_t thread;
	int err;

	if (q->netns == a->own_netns.st_ino)
		return diag__open();
	v.netns = netns__open(a, q->netns, q->tgid);
	if (v.netns < 0)
		return v.netns;
	err = -pthread_create(&thread, NULL, netns__visit, &v);
	if (!err)
		err = -pthread_join(thread, NULL);
	close(v.netns);
	return err ? err : v.diag;
}

/* Inode numbers of namespaces are used again: the cookie tells that it is still the same one. */
static bool netns__is(int fd, uint64_t cookie)
{
	socklen_t len = sizeof(cookie);
	uint64_t have;

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &have, &len) || have == cookie;
}

static int diag__search(const struct ask *a, struct search *search)
{
	int fd, err;

	fd = diag__open_in(a, search->q);
	if (fd < 0)
		return fd;
	err = netns__is(fd, search->q->netns_cookie) ? 0 : -ESTALE;
	if (!err)
		err = diag__dump(search, fd, AF_INET);
	if (!err)
		err = diag__dump(search, fd, AF_INET6);
	close(fd);
	return err;
}

static void snapshot__found(void *ctx, const struct ev_snapshot *snap)
{
	const struct ev_sock *s = &snap->base.sock;
	struct search *search = ctx;
	struct sighting *new;

	if (s->lport != search->q->port || s->proto != search->q->proto ||
	    s->netns != search->q->netns || s->netns_cookie != search->q->netns_cookie ||
	    s->cookie == search->q->except)
		return;
	new = search__add(search, s->cookie, false);
	if (!new)
		return;
	new->h.sock = *s;
	new->h.proc = snap->base.actor.proc;
	new->h.uid = snap->base.actor.uid;
	new->h.sock_uid = snap->base.actor.uid;
	new->h.uid_known = true;
	new->h.options_known = true;
}

static int sighting__compare(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;

	if (x->cookie != y->cookie)
		return x->cookie < y->cookie ? -1 : 1;
	if (x->diag != y->diag)
		return x->diag - y->diag;
	return x->order < y->order ? -1 : x->order > y->order;
}

/*
 * A TCP connection that ended but was not closed yet still shows its port, and holds it no more
 * (tcp_set_state calls inet_put_port), unless a bind() gave it. Where sock_diag lists what only
 * bound, it decides; else a connection's remains are told by the remote port that stays.
 */
static bool sighting__holds(const struct ask *a, const struct sighting *s, bool in_diag, bool asked)
{
	if (s->h.sock.proto != IPPROTO_TCP || s->h.sock.state != BPF_TCP_CLOSE || in_diag)
		return true;
	if (asked && a->diag_has_bound > 0)
		return false;
	return !s->h.sock.rport || (s->h.sock.facts & FACT_BOUND);
}

/* One sighting a socket: the first process that has it, with what only sock_diag tells. */
static void search__merge(const struct ask *a, struct search *s, bool asked)
{
	const uint32_t began = FACT_SYN_SENT | FACT_CONNECTED | FACT_PASSIVE;
	size_t from, to, kept = 0;

	if (s->n)
		qsort(s->seen, s->n, sizeof(*s->seen), sighting__compare);
	for (from = 0; from < s->n; from = to) {
		const struct sighting *last;
		struct sighting one = s->seen[from];

		for (to = from + 1; to < s->n && s->seen[to].cookie == one.cookie; to++)
			;
		last = &s->seen[to - 1];
		if (!sighting__holds(a, &one, last->diag, asked))
			continue;
		if (last->diag && !one.diag) {
			one.h.sock_uid = last->h.uid_known ? last->h.sock_uid : one.h.sock_uid;
			if (!(one.h.sock.facts & began))
				one.h.sock.facts |= last->h.sock.facts;
		}
		s->seen[kept++] = one;
	}
	s->n = kept;
}

static ssize_t user__name(uint32_t uid, char *name, size_t max)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	size_t len;
	int err;

	err = getpwuid_r(uid, &pw, buf, sizeof(buf), &found);
	if (!found)
		return err ? -err : -ENOENT;
	len = strlen(pw.pw_name);
	if (len > max)
		return -ENOSPC;
	memcpy(name, pw.pw_name, len);
	return len;
}

static ssize_t answer__holders(struct ask *a, const void *question, void *answer, size_t max)
{
	struct search search = { .q = question };
	struct holder *out = answer;
	bool asked, estimated;
	size_t i, n;

	estimated = !a->config.each_socket ||
		    a->config.each_socket(a->config.arg, search.q->port, snapshot__found, &search);
	asked = !diag__search(a, &search);
	if (a->diag_has_bound < 0)
		a->diag_has_bound = diag__has_bound();
	estimated |= !asked || search.incomplete;
	search__merge(a, &search, asked);
	if (search.n)
		qsort(search.seen, search.n, sizeof(*search.seen), conflict__holder_order);
	n = search.n < max / sizeof(*out) ? search.n : max / sizeof(*out);
	for (i = 0; i < n; i++) {
		out[i] = search.seen[i].h;
		out[i].estimated = estimated;
		if (i && out[i - 1].user[0] && out[i].uid_known && out[i].uid == out[i - 1].uid)
			memcpy(out[i].user, out[i - 1].user, sizeof(out[i].user));
		else if (out[i].uid_known)
			user__name(out[i].uid, out[i].user, sizeof(out[i].user) - 1);
	}
	free(search.seen);
	return n * sizeof(*out);
}

static ssize_t fd__path(int fd, char *path, size_t size)
{
	char link[32];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, size);
	if (len < 0 || (size_t)len >= size)
		return len < 0 ? -errno : -ENAMETOOLONG;
	path[len] = '\0';
	return len;
}

/*
 * The path of a detached mount is relative to it (prepend_path: its root has no parent in any
 * namespace); that of an attached one begins with where it is mounted. NULL: moved since.
 */
static const char *cgroup__strip(const struct ask *a, const char *path)
{
	size_t len = strcmp(a->root, "/") ? strlen(a->root) : 0;

	if (strncmp(path, a->root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len : "/";
}

static ssize_t answer__cgroup(struct ask *a, const void *question, void *answer, size_t max)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} handle = { .h = { .handle_bytes = sizeof(uint64_t), .handle_type = FILEID_KERNFS } };
	char path[PATH_MAX];
	const char *from;
	ssize_t len;
	int fd;

	memcpy(handle.h.f_handle, question, sizeof(uint64_t));
	fd = open_by_handle_at(a->cgroup_fd, &handle.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = fd__path(fd, path, sizeof(path));
	close(fd);
	if (len < 0)
		return len;
	from = cgroup__strip(a, path);
	if (!from)
		return -EXDEV;
	len = strlen(from);
	if ((size_t)len > max)
		return -ENOSPC;
	memcpy(answer, from, len);
	return len;
}

static ssize_t answer__user(struct ask *a, const void *question, void *answer, size_t max)
{
	uint32_t uid;

	(void)a;
	memcpy(&uid, question, sizeof(uid));
	return user__name(uid, answer, max);
}

static const struct {
	size_t size; /* of the question */
	ssize_t (*answer)(struct ask *a, const void *question, void *answer, size_t max);
} questions[QUESTIONS] = {
	[ASK_CGROUP] = { sizeof(uint64_t), answer__cgroup },
	[ASK_USER] = { sizeof(uint32_t), answer__user },
	[ASK_HOLDERS] = { sizeof(struct ask_holders), answer__holders },
};

ssize_t ask__answer(void *ask, enum question q, const void *question, size_t len, void *answer,
		    size_t max)
{
	if ((unsigned)q >= QUESTIONS || !questions[q].answer || len != questions[q].size)
		return -EINVAL;
	return questions[q].answer(ask, question, answer, max);
}

struct ask *ask__new(const struct ask_config *c)
{
	struct ask *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return NULL;
	a->config = *c;
	a->cgroup_fd = c->cgroup_fd;
	if (c->cgroup_fd >= 0)
		a->cgroup_fd = openat(c->cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (stat("/proc/thread-self/ns/net", &a->own_netns) ||
	    (c->cgroup_fd >= 0 && fd__path(a->cgroup_fd, a->root, sizeof(a->root)) < 0)) {
		err = errno;
		ask__free(a);
		errno = err;
		return NULL;
	}
	a->diag_has_bound = -1;
	return a;
}

void ask__free(struct ask *a)
{
	if (a && a->cgroup_fd >= 0)
		close(a->cgroup_fd);
	free(a);
}
