// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fd_exhausted - socket() or accept() found no descriptor: the process is at its limit (EMFILE), or the
 * system is (ENFILE). What fills the table decides the cure: a leak is not cured by a higher limit.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "phrase.h"

/* A server without descriptors calls accept() in a loop: its process is looked at this often. */
#define ASK_AGAIN_NS   FINDING_UPDATE_NS
#define OTHER_AGAIN_NS 1000000000ull

extern const struct detector fd_exhausted;

struct exhaustions {
	struct finding_set open; /* subject: the limit that the event told of */
};

static const struct {
	const char *name, *key;
} states[FILE_STATES] = {
	[BPF_TCP_ESTABLISHED] = { "ESTABLISHED", "tcp_established" },
	[BPF_TCP_SYN_SENT] = { "SYN_SENT", "tcp_syn_sent" },
	[BPF_TCP_SYN_RECV] = { "SYN_RECV", "tcp_syn_recv" },
	[BPF_TCP_FIN_WAIT1] = { "FIN_WAIT1", "tcp_fin_wait1" },
	[BPF_TCP_FIN_WAIT2] = { "FIN_WAIT2", "tcp_fin_wait2" },
	[BPF_TCP_TIME_WAIT] = { "TIME_WAIT", "tcp_time_wait" },
	[BPF_TCP_CLOSE] = { "CLOSE", "tcp_close" },
	[BPF_TCP_CLOSE_WAIT] = { "CLOSE_WAIT", "tcp_close_wait" },
	[BPF_TCP_LAST_ACK] = { "LAST_ACK", "tcp_last_ack" },
	[BPF_TCP_LISTEN] = { "LISTEN", "tcp_listen" },
	[BPF_TCP_CLOSING] = { "CLOSING", "tcp_closing" },
	[BPF_TCP_NEW_SYN_RECV] = { "NEW_SYN_RECV", "tcp_new_syn_recv" },
};

/* What fills most of the table. */
enum { MOST_UDP = FILE_STATES, MOST_OTHER, MOST_NOTHING };

struct filling {
	uint64_t tcp, other;
	int most;
	uint64_t most_count;
};

static void consider(struct filling *t, int what, uint64_t count)
{
	if (count <= t->most_count)
		return;
	t->most = what;
	t->most_count = count;
}

static struct filling filling(const struct file_use *use)
{
	struct filling t = { .most = MOST_NOTHING };
	uint64_t sockets = use->udp;
	int i;

	if (use->estimated)
		return t;
	for (i = 1; i < FILE_STATES; i++) {
		t.tcp += use->tcp[i];
		consider(&t, i, use->tcp[i]);
	}
	sockets += t.tcp;
	t.other = use->open > sockets ? use->open - sockets : 0;
	consider(&t, MOST_UDP, use->udp);
	consider(&t, MOST_OTHER, t.other);
	return t;
}

static void add_counts(struct finding *f, const struct file_use *use, const struct filling *t)
{
	int i;

	finding__number(f, "fd_hard_limit", use->hard_limit);
	finding__number(f, "fd_open", use->open);
	if (use->estimated)
		return;
	finding__number(f, "tcp", t->tcp);
	for (i = 1; i < FILE_STATES; i++)
		if (use->tcp[i])
			finding__number(f, states[i].key, use->tcp[i]);
	finding__number(f, "udp", use->udp);
	finding__number(f, "other", t->other);
}

static void phrase_most(struct phrase *p, const struct file_use *use, const struct filling *t)
{
	phrase__add(p, "; %" PRIu64 " of its %" PRIu64 " descriptors are ", t->most_count,
		    use->open);
	if (t->most < FILE_STATES)
		phrase__add(p, "TCP sockets in %s", states[t->most].name);
	else if (t->most == MOST_UDP)
		phrase__add(p, "UDP sockets");
	else
		phrase__add(p, "files, pipes and others, no TCP or UDP sockets");
}

static void message(struct finding *f, uint64_t limit, const struct file_use *use,
		    const struct filling *t)
{
	struct phrase p = phrase__message(f);

	phrase__owner(&p, &f->actor.proc);
	if (f->sock.lport) {
		phrase__add(&p, " cannot accept connections on ");
		phrase__address(&p, f->sock.laddr, f->sock.lport);
	} else {
		phrase__add(&p, " cannot open a socket");
	}
	if (f->error == -ENFILE && use && use->system_limit)
		phrase__add(&p,
			    ": the whole system has run out of files, %" PRIu64
			    " open of fs.file-max %" PRIu64,
			    use->system_open, use->system_limit);
	else if (f->error == -ENFILE)
		phrase__add(&p, ": the whole system has run out of files (fs.file-max)");
	else
		phrase__add(&p, ": its limit of %" PRIu64 " open files is reached", limit);
	if (use && f->error == -ENFILE)
		phrase__add(&p, "; it has %" PRIu64 " of them", use->open);
	else if (use && t->most != MOST_NOTHING)
		phrase_most(&p, use, t);
}

/* `use` NULL: the process has ended, and nobody knows its hard limit. */
static void advise_limit(struct phrase *p, const struct finding *f, uint64_t limit,
			 const struct file_use *use)
{
	uint64_t hard = use ? use->hard_limit : 0;
	uint64_t want = hard > limit ? hard : limit < 512 ? 1024 : limit * 2;

	phrase__add(p, "raise the limit: ");
	if (use)
		phrase__add(p,
			    "at once by prlimit --pid %" PRIu32 " --nofile=%" PRIu64 ":%" PRIu64
			    "; for good by ",
			    f->actor.proc.tgid, want, want);
	phrase__add(p,
		    "LimitNOFILE=%" PRIu64 " in its systemd unit or ulimit -n %" PRIu64
		    " before its start",
		    want, want);
	if (use && hard <= limit)
		phrase__add(p, " (its hard limit is %" PRIu64 " too: only root can raise it)",
			    hard);
}

/* A server at work has few that wait for its close(). */
static bool leaks(const struct file_use *use, const struct filling *t)
{
	return t->most == BPF_TCP_CLOSE_WAIT || use->tcp[BPF_TCP_CLOSE_WAIT] * 3 > use->open;
}

static void advise(struct finding *f, uint64_t limit, const struct file_use *use,
		   const struct filling *t)
{
	struct phrase p = phrase__advice(f);

	if (use && leaks(use, t))
		phrase__add(
			&p,
			"it leaks sockets: their peers have closed, so close() them in %.*s when a read returns 0; until that is mended, restart it; a higher limit only delays this",
			COMM_LEN, f->actor.proc.comm);
	else if (f->error == -ENFILE && use && use->system_limit)
		phrase__add(
			&p,
			"sysctl -w fs.file-max=%" PRIu64
			", and look for the process that has most of them (lsof | awk '{print $2}' | sort | uniq -c | sort -n | tail)",
			use->system_limit * 2);
	else if (f->error == -ENFILE)
		phrase__add(&p,
			    "raise fs.file-max (sysctl fs.file-nr shows the use and the limit)");
	else
		advise_limit(&p, f, limit, use);
	if (use && f->error == -EMFILE && (t->most == MOST_OTHER || t->most == BPF_TCP_CLOSE))
		phrase__add(&p,
			    "; if their number only grows it is a leak: ls -l /proc/%" PRIu32
			    "/fd shows them",
			    f->actor.proc.tgid);
}

/* Looks at the process. False: it has ended, and only the event's word is left. */
static bool look(struct detect *d, const struct ev_owner *proc, struct file_use *use)
{
	struct ask_files q = { .start_ns = proc->start_ns, .tgid = proc->tgid };

	return kernel__ask(detect__kernel(d), ASK_FILES, &q, sizeof(q), use, sizeof(*use)) ==
	       sizeof(*use);
}

static void fill(struct finding *f, struct detect *d, uint64_t limit)
{
	struct file_use use = { 0 };
	bool known = look(d, &f->actor.proc, &use);
	struct filling t;

	/* it has let go of many since, perhaps because it ends: what is left is not what filled it */
	if (f->error == -EMFILE && use.open < limit - limit / 10)
		use.estimated = true;
	t = filling(&use);

	f->n_evidence = 0;
	f->estimated = !known || use.estimated;
	finding__number(f, "fd_limit", limit);
	if (known)
		add_counts(f, &use, &t);
	if (known && f->error == -ENFILE) {
		finding__number(f, "system_open", use.system_open);
		finding__number(f, "system_limit", use.system_limit);
	}
	message(f, limit, known ? &use : NULL, &t);
	advise(f, limit, known ? &use : NULL, &t);
}

/* Is this a call that found no descriptor? Then fills who made it. */
static bool from_record(struct finding *f, const struct record *r, uint64_t *limit)
{
	if ((r->error != -EMFILE && r->error != -ENFILE) || !r->actor)
		return false;
	if (r->type != RECORD_NO_FD && r->type != RECORD_ACCEPT)
		return false;
	finding__begin(f, &fd_exhausted, r->boot_ns);
	finding__met_by(f, r);
	if (r->type == RECORD_ACCEPT) {
		f->call = "accept";
		*limit = r->u.accept->fd_limit;
		return true;
	}
	f->call = "socket";
	f->sock.netns = r->u.no_fd->netns;
	f->sock.netns_cookie = r->u.no_fd->netns_cookie;
	*limit = r->u.no_fd->fd_limit;
	return true;
}

static void fd_exhausted__on_record(void *state, struct detect *d, const struct record *r)
{
	struct exhaustions *all = state;
	struct open_finding *o;
	struct netns_ref net;
	bool same;
	struct finding f;
	uint64_t limit;

	if (!from_record(&f, r, &limit))
		return;
	net = finding__netns(&f.sock, &f.actor);
	f.key = finding__key_program(finding__key(&f, &net), &f.actor);
	o = finding_set__of_key(&all->open, f.key);
	/* another process of the same program has another limit and other sockets */
	same = o && o->f.actor.proc.tgid == f.actor.proc.tgid &&
	       o->f.actor.proc.start_ns == f.actor.proc.start_ns && o->subject == limit;
	if (o && r->boot_ns < o->asked_ns + (same ? ASK_AGAIN_NS : OTHER_AGAIN_NS)) {
		finding_set__again(o, d, r->boot_ns);
		return;
	}
	fill(&f, d, limit);
	o = finding_set__met(&all->open, d, &f);
	if (!o)
		return;
	o->asked_ns = r->boot_ns;
	o->subject = limit;
}

/* An update that is due tells of now; of a process that has ended, what was seen last. */
static void refresh(struct open_finding *o, struct detect *d, uint64_t now_ns)
{
	struct finding fresh;

	if (o->f.count == o->emitted_count || now_ns < o->asked_ns + ASK_AGAIN_NS)
		return;
	o->asked_ns = now_ns;
	fresh = o->f;
	fill(&fresh, d, o->subject);
	if (!fresh.estimated)
		o->f = fresh;
}

static void fd_exhausted__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct exhaustions *all = state;
	size_t i;

	for (i = 0; i < all->open.n; i++)
		refresh(all->open.list[i], d, now_ns);
	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void fd_exhausted__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct exhaustions *all = state;

	finding_set__end(&all->open, d, now_ns);
}

const struct detector fd_exhausted = {
	.id = "fd_exhausted",
	.severity = SEVERITY_ERROR,
	.summary =
		"socket() or accept() fails with EMFILE or ENFILE: names the limit and what fills the descriptors",
	.evidence =
		"call: socket or accept; error: EMFILE or ENFILE; fd_limit, fd_hard_limit: RLIMIT_NOFILE of the process; fd_open: its descriptors; "
		"tcp: those of TCP sockets, tcp_established, tcp_close_wait, ...: by state, where there are any; "
		"udp: of UDP sockets; other: files, pipes and all else; "
		"system_open, system_limit: ENFILE only, fs.file-nr and fs.file-max; "
		"estimated: the process had ended, then only fd_limit is known, or its sockets could not be listed",
	.state_size = sizeof(struct exhaustions),
	.on_record = fd_exhausted__on_record,
	.tick = fd_exhausted__tick,
	.end = fd_exhausted__end,
};
