// SPDX-License-Identifier: GPL-2.0-or-later
/* Every record as a whole line of the JSON sink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sink.h"

#define SEC 1000000000ull
#define T0  (1000 * SEC + 123456789) /* is 2026-11-22T23:48:24.123456789Z */

#define HEAD(type)                                                                                 \
	"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":1000123456789,"  \
	"\"boot\":\"b-1\",\"host\":\"h\\\"x\",\"type\":\"" type "\""
#define NS ",\"netns\":4026531840,\"netns_cookie\":\"1\""
#define WHO                                                                                                  \
	",\"proc\":\"9001.5000000000.3\",\"pid\":9001,\"comm\":\"curl\",\"tid\":9002,\"thread\":\"pool-1\"," \
	"\"uid\":1000,\"nspid\":12,\"cgroup\":\"/a.slice\",\"cgroup_id\":\"77\",\"container\":\"c0ffee\""

static struct ev_owner curl = { .tgid = 9001, .exec = 3, .start_ns = 5 * SEC, .comm = "curl" };
static struct ev_owner nginx = { .tgid = 812, .exec = 1, .start_ns = 4 * SEC, .comm = "nginx" };
static struct ev_actor actor;
static struct ev_sock sock;

static void set_addr(uint8_t a[16], const char *text)
{
	assert_int_equal(inet_pton(AF_INET6, text, a), 1);
}

/* A client's socket, connected; the record of a type. */
static struct record base(enum record_type type)
{
	actor = (struct ev_actor){ .proc = curl,
				   .tid = 9002,
				   .uid = 1000,
				   .nspid = 12,
				   .cgroup_id = 77,
				   .thread = "pool-1" };
	sock = (struct ev_sock){ .cookie = UINT64_MAX,
				 .netns_cookie = 1,
				 .inode = 4711,
				 .netns = 4026531840u,
				 .family = AF_INET,
				 .proto = IPPROTO_TCP,
				 .state = TCP_ESTABLISHED,
				 .lport = 41234,
				 .rport = 80,
				 .facts = FACT_ESTABLISHED };
	set_addr(sock.laddr, "::ffff:127.0.0.1");
	set_addr(sock.raddr, "::ffff:10.0.0.1");
	return (struct record){ .type = type,
				.boot_ns = T0,
				.sock = &sock,
				.actor = &actor,
				.cgroup = "/a.slice",
				.container = "c0ffee",
				.fd = -1 };
}

static void want_line(const struct record *r, const char *want)
{
	struct wall wall = { .offset_ns = (int64_t)(1795391304 * SEC - 1000 * SEC) };
	int fd = memfd_create("json", 0);
	struct sink_config config = { .wall = &wall, .out = out__new(fd) };
	struct sink *s = sink_json__new(&config, "b-1", "h\"x");
	static char got[32768];
	ssize_t n;

	assert_non_null(s);
	s->write(s, r, 7);
	assert_int_equal(out__flush(config.out), 0);
	n = pread(fd, got, sizeof(got) - 1, 0);
	assert_true(n > 0 && got[n - 1] == '\n');
	got[n - 1] = '\0';
	assert_string_equal(got, want);
	s->free(s);
	out__free(config.out);
	close(fd);
}

static void test_bind(void **state)
{
	struct ev_bind e = { .req_port = 80, .req_known = 1 };
	struct record r = base(RECORD_BIND);

	(void)state;
	r.u.bind = &e;
	sock.options = 0x3f;
	sock.ifindex = 3;
	sock.inode = 0;
	sock.state = TCP_CLOSE;
	set_addr(e.req_addr, "::ffff:0.0.0.0");
	set_addr(sock.laddr, "::ffff:0.0.0.0");
	want_line(
		&r,
		HEAD("bind") ",\"sock\":\"18446744073709551615\",\"proto\":\"tcp\",\"family\":\"ipv4\","
			     "\"laddr\":\"0.0.0.0\",\"lport\":41234,\"state\":\"CLOSE\"" NS WHO
			     ",\"req_addr\":\"0.0.0.0\",\"req_port\":80,\"options\":[\"reuseaddr\",\"reuseport\",\"v6only\","
			     "\"bind_address_no_port\",\"transparent\",\"freebind\",\"device\"],\"ifindex\":3}");
	/* failed: no address of its own */
	sock.options = sock.ifindex = 0;
	sock.lport = sock.rport = 0;
	r.error = -EADDRINUSE;
	actor = (struct ev_actor){ .proc = nginx, .tid = 812, .nspid = 812, .thread = "nginx" };
	r.cgroup = r.container = NULL;
	want_line(
		&r,
		HEAD("bind") ",\"sock\":\"18446744073709551615\",\"proto\":\"tcp\",\"family\":\"ipv4\","
			     "\"state\":\"CLOSE\"" NS
			     ",\"proc\":\"812.4000000000.1\",\"pid\":812,\"comm\":\"nginx\",\"tid\":812,"
			     "\"uid\":0,\"req_addr\":\"0.0.0.0\",\"req_port\":80,\"options\":[],\"error\":\"EADDRINUSE\"}");
	/* bound to :: without a port yet, nobody known */
	r.error = 0;
	r.actor = NULL;
	r.owner = &curl;
	r.inferred = INFERRED_OWNER | INFERRED_PROCESS;
	sock.family = AF_INET6;
	set_addr(sock.laddr, "::");
	e = (struct ev_bind){ .automatic = 1 };
	want_line(
		&r,
		HEAD("bind") ",\"sock\":\"18446744073709551615\",\"proto\":\"tcp\",\"family\":\"ipv6\","
			     "\"laddr\":\"::\",\"state\":\"CLOSE\"" NS
			     ",\"owner\":{\"proc\":\"9001.5000000000.3\",\"pid\":9001,"
			     "\"comm\":\"curl\"},\"options\":[],\"auto\":true,\"inferred\":[\"owner\",\"proc\",\"pid\",\"comm\"]}");
}

#define SOCK ",\"sock\":\"18446744073709551615\",\"inode\":4711"
#define ENDS "\"laddr\":\"127.0.0.1\",\"lport\":41234,\"raddr\":\"10.0.0.1\",\"rport\":80"
#define TCP  SOCK ",\"proto\":\"tcp\",\"family\":\"ipv4\"," ENDS ",\"state\":\"ESTABLISHED\"" NS WHO

static void test_listen(void **state)
{
	struct ev_listen e = { .backlog = 511 };
	struct record r = base(RECORD_LISTEN);

	(void)state;
	r.u.listen = &e;
	sock.state = TCP_LISTEN;
	want_line(&r, HEAD("listen") SOCK
		  ",\"proto\":\"tcp\",\"family\":\"ipv4\",\"laddr\":\"127.0.0.1\","
		  "\"lport\":41234,\"state\":\"LISTEN\"" NS WHO ",\"backlog\":511}");
}

static void test_connect(void **state)
{
	struct ev_connect e = { .started_ns = T0 - 62999, .syn_sent = 1 };
	struct record r = base(RECORD_CONNECT);

	(void)state;
	r.u.connect = &e;
	want_line(&r, HEAD("connect") TCP ",\"latency_us\":62,\"async\":false,\"syn_sent\":true}");
	e = (struct ev_connect){ .async = 1, .abandoned = 1, .started_ns = T0 + 1 };
	r.inferred = INFERRED_LATENCY;
	want_line(&r, HEAD("connect") TCP ",\"latency_us\":0,\"async\":true,\"abandoned\":true,"
					  "\"syn_sent\":false,\"inferred\":[\"latency_us\"]}");
	e = (struct ev_connect){ 0 };
	r.inferred = 0;
	r.error = -ENETUNREACH;
	want_line(&r, HEAD("connect") TCP
		  ",\"async\":false,\"syn_sent\":false,\"error\":\"ENETUNREACH\"}");
	sock.proto = IPPROTO_UDP;
	r.error = -EAGAIN;
	want_line(&r, HEAD("connect") SOCK ",\"proto\":\"udp\",\"family\":\"ipv4\"," ENDS
					   ",\"state\":\"ESTABLISHED\"" NS WHO
					   ",\"error\":\"EAGAIN\"}");
}

static void test_accept(void **state)
{
	struct ev_accept e = { .listener = 5, .established_ns = T0 - 29000, .fd = 9 };
	struct record r = base(RECORD_ACCEPT);

	(void)state;
	r.u.accept = &e;
	r.fd = 9;
	sock.family = AF_INET6; /* v4-mapped */
	want_line(&r, HEAD("accept") SOCK
		  ",\"fd\":9,\"proto\":\"tcp\",\"family\":\"ipv6\",\"mapped\":true," ENDS
		  ",\"state\":\"ESTABLISHED\"" NS WHO ",\"listener\":\"5\",\"queue_us\":29}");
	e = (struct ev_accept){ .fd = -1, .error = -EMFILE };
	r.fd = -1;
	r.error = -EMFILE;
	r.inferred = INFERRED_LISTENER;
	sock.state = TCP_LISTEN;
	sock.rport = 0;
	set_addr(sock.laddr, "::");
	want_line(&r, HEAD("accept") SOCK
		  ",\"proto\":\"tcp\",\"family\":\"ipv6\",\"laddr\":\"::\",\"lport\":41234,"
		  "\"state\":\"LISTEN\"" NS WHO
		  ",\"error\":\"EMFILE\",\"inferred\":[\"listener\"]}");
}

static void test_peer_state_snapshot(void **state)
{
	struct ev_peer peer = { .port = 53 };
	struct ev_state change = { .old_state = TCP_FIN_WAIT2, .new_state = TCP_CLOSE };
	struct ev_snapshot snapshot = { .fd = 3, .backlog = 8 };
	struct record r = base(RECORD_PEER);

	(void)state;
	r.u.peer = &peer;
	sock.proto = IPPROTO_UDP;
	sock.family = AF_INET6;
	set_addr(sock.laddr, "2001:db8::1");
	set_addr(peer.addr, "2001:db8::35");
	want_line(
		&r, HEAD("peer") SOCK
		",\"proto\":\"udp\",\"family\":\"ipv6\",\"laddr\":\"2001:db8::1\","
		"\"lport\":41234,\"raddr\":\"2001:db8::35\",\"rport\":53,\"state\":\"ESTABLISHED\"" NS
			WHO "}");
	r = base(RECORD_STATE);
	r.u.state = &change;
	r.actor = NULL;
	want_line(&r, HEAD("state") SOCK ",\"proto\":\"tcp\",\"family\":\"ipv4\"," ENDS
					 ",\"state\":\"ESTABLISHED\"" NS
					 ",\"old\":\"FIN_WAIT2\",\"new\":\"CLOSE\"}");
	r = base(RECORD_SNAPSHOT);
	r.u.snapshot = &snapshot;
	sock.options = OPT_REUSEADDR;
	want_line(&r, HEAD("snapshot") SOCK ",\"fd\":3,\"proto\":\"tcp\",\"family\":\"ipv4\"," ENDS
					    ",\"state\":\"ESTABLISHED\"" NS WHO
					    ",\"options\":[\"reuseaddr\"]}");
}

static void test_close(void **state)
{
	const __u64 subflows[] = { UINT64_MAX, 7 };
	struct life l = { .role = ROLE_CLIENT,
			  .reason = REASON_LOCAL_CLOSE,
			  .subflows = subflows,
			  .n_subflows = 2,
			  .created_ns = T0 - 2 * SEC,
			  .established_ns = T0 - SEC,
			  .released_ns = T0 - 1,
			  .ended_ns = T0,
			  .first_ns = T0 - 2 * SEC,
			  .tx_bytes = 78,
			  .rx_bytes = 853,
			  .unread_bytes = 2,
			  .retrans = 1,
			  .srtt_us = 40,
			  .time_wait = true,
			  .closed_by_known = true,
			  .closed_by_exit = true };
	struct record r = base(RECORD_CLOSE);

	(void)state;
	r.u.life = &l;
	r.owner = &nginx;
	want_line(
		&r, HEAD("close") TCP
		",\"owner\":{\"proc\":\"812.4000000000.1\",\"pid\":812,\"comm\":\"nginx\"},"
		"\"role\":\"client\",\"created\":\"2026-11-22T23:48:22.123456789Z\","
		"\"established\":\"2026-11-22T23:48:23.123456789Z\",\"released\":\"2026-11-22T23:48:24.123456788Z\","
		"\"ended\":\"2026-11-22T23:48:24.123456789Z\",\"duration_us\":2000000,\"tx_bytes\":78,\"rx_bytes\":853,"
		"\"unread_bytes\":2,\"retrans\":1,\"srtt_us\":40,"
		"\"subflows\":[\"18446744073709551615\",\"7\"],\"reason\":\"local-close\",\"closed_by\":"
		"{\"proc\":\"9001.5000000000.3\",\"pid\":9001,\"comm\":\"curl\",\"exit\":true},\"time_wait\":true}");
	/* a listener closed by the kernel: of the process only what the owner is known by */
	l = (struct life){ .role = ROLE_LISTENER,
			   .reason = REASON_CLOSED,
			   .listening_ns = T0 - SEC,
			   .bound_ns = T0 - SEC,
			   .ended_ns = T0,
			   .first_ns = T0 - SEC,
			   .accepted = 5,
			   .closed_by_known = true,
			   .closed_by_kernel = true };
	r = base(RECORD_CLOSE);
	r.u.life = &l;
	r.cgroup = r.container = NULL;
	r.inferred = INFERRED_ENDED | INFERRED_CREATED | INFERRED_CLOSED_BY;
	actor = (struct ev_actor){ .proc = curl };
	sock.facts = FACT_LISTENED;
	sock.rport = 0;
	want_line(
		&r, HEAD("close") SOCK
		",\"proto\":\"tcp\",\"family\":\"ipv4\",\"laddr\":\"127.0.0.1\","
		"\"lport\":41234,\"state\":\"ESTABLISHED\"" NS
		",\"proc\":\"9001.5000000000.3\",\"pid\":9001,"
		"\"comm\":\"curl\",\"role\":\"listener\",\"bound\":\"2026-11-22T23:48:23.123456789Z\","
		"\"listening\":\"2026-11-22T23:48:23.123456789Z\",\"ended\":\"2026-11-22T23:48:24.123456789Z\","
		"\"duration_us\":1000000,\"accepted\":5,\"reason\":\"closed\",\"closed_by\":{\"kernel\":true},"
		"\"inferred\":[\"created\",\"ended\",\"reason\",\"closed_by\"]}");
}

static struct finding *conflict(void)
{
	static struct finding f;

	base(RECORD_BIND);
	f = (struct finding){ .id = "port_conflict",
			      .severity = SEVERITY_ERROR,
			      .status = FINDING_OPEN,
			      .key = 0xabc,
			      .rule = "same-address",
			      .message = "held\n",
			      .advice = "stop it",
			      .first_ns = T0,
			      .last_ns = T0,
			      .count = 2,
			      .sock = sock,
			      .actor = actor,
			      .n_holders = 2,
			      .holders_total = 2,
			      .call = "bind",
			      .error = -EADDRINUSE,
			      .estimated = true };
	f.sock.lport = 80; /* as asked */
	f.sock.rport = 0;
	f.sock.state = TCP_CLOSE;
	f.holders[0] = (struct holder){ .sock = sock,
					.proc = nginx,
					.uid_known = true,
					.options_known = true,
					.user = "root",
					.since_ns = T0 - SEC };
	f.holders[0].sock.cookie = 3;
	f.holders[0].sock.state = TCP_LISTEN;
	f.holders[0].sock.rport = 0;
	f.holders[0].sock.options = OPT_REUSEADDR;
	f.holders[1] = (struct holder){ .sock = sock };
	f.holders[1].sock.cookie = 0;
	f.holders[1].sock.state = TCP_TIME_WAIT;
	return &f;
}

static void test_finding(void **state)
{
	struct record r = { .type = RECORD_FINDING, .boot_ns = T0, .fd = -1 };

	(void)state;
	r.u.finding = conflict();
	r.cgroup = "/a.slice";
	r.container = "c0ffee";
	want_line(
		&r,
		HEAD("finding") ",\"finding\":\"port_conflict\",\"key\":\"0000000000000abc\",\"status\":\"open\","
				"\"severity\":\"error\",\"message\":\"held\\u000a\",\"advice\":\"stop it\",\"rule\":\"same-address\","
				"\"holders\":[{\"sock\":\"3\",\"proc\":\"812.4000000000.1\",\"pid\":812,\"comm\":\"nginx\",\"uid\":0,"
				"\"user\":\"root\",\"family\":\"ipv4\",\"laddr\":\"127.0.0.1\",\"lport\":41234,\"state\":\"LISTEN\","
				"\"since\":\"2026-11-22T23:48:23.123456789Z\",\"options\":[\"reuseaddr\"]},{\"family\":\"ipv4\"," ENDS
				",\"state\":\"TIME_WAIT\"}],\"evidence\":{\"count\":2,\"call\":\"bind\",\"error\":\"EADDRINUSE\","
				"\"req_addr\":\"127.0.0.1\",\"req_port\":80,\"holders_total\":2,\"estimated\":true},"
				"\"first\":\"2026-11-22T23:48:24.123456789Z\",\"last\":\"2026-11-22T23:48:24.123456789Z\"" SOCK
				",\"proto\":\"tcp\",\"family\":\"ipv4\",\"state\":\"CLOSE\"" NS WHO
				"}");
}

static void test_process(void **state)
{
	struct process p = { .proc = curl,
			     .whole = true,
			     .uid_known = true,
			     .parents = { nginx, curl },
			     .parent_exe = { "/usr/sbin/nginx" },
			     .n_parents = 2,
			     .exe = "/usr/bin/c\x1b\xffurl",
			     .args = "curl\0\0-s\"\0cut",
			     .args_len = 13,
			     .cgroup_id = 77,
			     .uid = 1000,
			     .euid = 0,
			     .loginuid = 1000,
			     .session = UINT32_MAX,
			     .nspid = 12,
			     .user = "alice" };
	struct record r = { .type = RECORD_PROCESS,
			    .boot_ns = T0,
			    .fd = -1,
			    .cgroup = "/a.slice",
			    .container = "c0ffee",
			    .inferred = INFERRED_WHO | INFERRED_EXE | INFERRED_ARGS,
			    .u.process = &p };

	(void)state;
	want_line(
		&r,
		HEAD("process") ",\"proc\":\"9001.5000000000.3\",\"pid\":9001,\"comm\":\"curl\","
				"\"nspid\":12,\"ppid\":812,\"parents\":["
				"{\"proc\":\"812.4000000000.1\",\"pid\":812,\"comm\":\"nginx\","
				"\"exe\":\"/usr/sbin/nginx\"},"
				"{\"proc\":\"9001.5000000000.3\",\"pid\":9001,\"comm\":\"curl\"}],"
				"\"started\":\"2026-11-22T23:31:49.000000000Z\","
				"\"exe\":\"/usr/bin/c\\u001b\xef\xbf\xbdurl\","
				"\"args\":[\"curl\",\"\",\"-s\\\"\",\"cut\"],\"uid\":1000,\"euid\":0,"
				"\"user\":\"alice\",\"loginuid\":1000,\"session\":4294967295,"
				"\"cgroup\":\"/a.slice\",\"cgroup_id\":\"77\",\"container\":\"c0ffee\","
				"\"inferred\":[\"ppid\",\"parents\",\"euid\",\"loginuid\",\"session\","
				"\"exe\",\"args\"]}");
	/* nobody could tell */
	p = (struct process){ .proc = curl };
	r.cgroup = r.container = NULL;
	r.inferred = 0;
	want_line(&r, HEAD("process") ",\"proc\":\"9001.5000000000.3\",\"pid\":9001,\"comm\":"
				      "\"curl\",\"started\":\"2026-11-22T23:31:49.000000000Z\"}");
}

static void test_start_lost_stop(void **state)
{
	static const char *const ids[] = { "port_conflict", "fd_exhausted", NULL };
	static const uint64_t counts[] = { 3, 0 };
	struct start start = { .version = "0.1",
			       .kernel = "6.18",
			       .machine_id = "m",
			       .args = { "socklife", "a\"b" },
			       .hooks = { "x" } };
	struct lost lost = { .reason = LOST_RING, .count = 12, .from_ns = T0 - SEC, .to_ns = T0 };
	struct stop stop = { .events = { [RECORD_BIND] = 2 },
			     .lost = { [LOST_PEERS] = 6 },
			     .finding_ids = ids,
			     .finding_counts = counts,
			     .signal = SIGTERM,
			     .by_pid = 1,
			     .by_comm = "systemd" };
	struct record r = { .type = RECORD_START, .boot_ns = T0, .fd = -1 };

	(void)state;
	r.u.start = &start;
	want_line(
		&r,
		HEAD("start") ",\"version\":\"0.1\",\"kernel\":\"6.18\",\"machine_id\":\"m\",\"args\":[\"socklife\","
			      "\"a\\\"b\"],\"hooks\":[\"x\"],\"blind\":[]}");
	r.type = RECORD_LOST;
	r.u.lost = &lost;
	want_line(
		&r,
		HEAD("lost") ",\"reason\":\"ring\",\"count\":12,\"from\":\"2026-11-22T23:48:23.123456789Z\","
			     "\"to\":\"2026-11-22T23:48:24.123456789Z\"}");
	r.type = RECORD_CLOCK;
	r.u.step_us = -3600000001;
	want_line(&r, HEAD("clock") ",\"step_us\":-3600000001}");
	r.type = RECORD_STOP;
	r.u.stop = &stop;
	want_line(
		&r,
		HEAD("stop") ",\"events\":{\"bind\":2},\"lost\":{\"peers\":6},\"findings\":{\"port_conflict\":3},"
			     "\"signal\":\"SIGTERM\",\"by\":{\"pid\":1,\"uid\":0,\"comm\":\"systemd\"}}");
	stop = (struct stop){ 0 };
	want_line(&r, HEAD("stop") ",\"events\":{},\"lost\":{},\"findings\":{}}");
}

/* What the log's writer gets: no number, and a segment's line to be completed. */
static char taken[4096];

static void take(void *arg, const struct record *r, const char *line, size_t n)
{
	(void)r;
	assert_ptr_equal(arg, taken);
	assert_true(n < sizeof(taken));
	memcpy(taken, line, n);
	taken[n] = '\0';
}

static void test_log_lines(void **state)
{
	struct line_taker taker = { .take = take, .arg = taken };
	struct wall wall = { .offset_ns = (int64_t)(1795391304 * SEC - 1000 * SEC) };
	struct sink_config config = { .wall = &wall, .taker = &taker };
	struct sink *s = sink_json__new(&config, "b-1", "h\"x");
	struct segment segment = { .has_gap = true, .gap_ms = 61007 };
	struct start start = { .version = "0.1", .kernel = "6.18" };
	struct record r = { .type = RECORD_SEGMENT,
			    .boot_ns = T0,
			    .fd = -1,
			    .segment = &segment,
			    .u.start = &start };
	const char *after_seq = strstr(HEAD("segment"), "\"ts\""), *own;

	(void)state;
	s->write(s, &r, 1);
	assert_memory_equal(taken, after_seq, strlen(after_seq));
	own = taken + strlen(after_seq);
	assert_string_equal(own,
			    ",\"version\":\"0.1\",\"kernel\":\"6.18\",\"args\":[],\"hooks\":[],"
			    "\"blind\":[],\"gap_s\":61.007}\n");
	segment.has_gap = false;
	r.type = RECORD_START;
	s->write(s, &r, 2);
	assert_null(strstr(taken, "gap_s"));
	assert_memory_equal(taken, "\"ts\":", 5);
	s->free(s);
}

static void test_told_again(void **state)
{
	struct retold retold = { .created_ns = T0 - SEC,
				 .listening_ns = T0,
				 .options_known = true };
	struct record r = base(RECORD_SNAPSHOT);

	(void)state;
	r.retold = &retold;
	want_line(&r, HEAD("snapshot") SOCK ",\"proto\":\"tcp\",\"family\":\"ipv4\"," ENDS
					    ",\"state\":\"ESTABLISHED\"" NS WHO ",\"options\":[],"
					    "\"created\":\"2026-11-22T23:48:23.123456789Z\","
					    "\"listening\":\"2026-11-22T23:48:24.123456789Z\"}");
	retold = (struct retold){ 0 };
	want_line(&r, HEAD("snapshot") SOCK ",\"proto\":\"tcp\",\"family\":\"ipv4\"," ENDS
					    ",\"state\":\"ESTABLISHED\"" NS WHO "}");
}

static void test_hostile_comm(void **state)
{
	struct ev_listen e = { .backlog = 1 };
	struct record r = base(RECORD_LISTEN);

	(void)state;
	r.u.listen = &e;
	r.cgroup = r.container = NULL;
	actor = (struct ev_actor){ .proc = curl, .tid = 9001 };
	/* all 16 bytes, no NUL */
	memcpy(actor.proc.comm, "\"\x1b[31m\n\\,{\xff\xc2\x9bxyz", COMM_LEN);
	want_line(
		&r, HEAD("listen") SOCK
		",\"proto\":\"tcp\",\"family\":\"ipv4\",\"laddr\":\"127.0.0.1\","
		"\"lport\":41234,\"state\":\"ESTABLISHED\"" NS
		",\"proc\":\"9001.5000000000.3\",\"pid\":9001,"
		"\"comm\":\"\\\"\\u001b[31m\\u000a\\\\,{\xef\xbf\xbd\\u009bxyz\",\"tid\":9001,\"uid\":0,"
		"\"backlog\":1}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_peer_state_snapshot),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_start_lost_stop),
		cmocka_unit_test(test_log_lines),
		cmocka_unit_test(test_told_again),
		cmocka_unit_test(test_hostile_comm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
