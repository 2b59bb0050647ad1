// SPDX-License-Identifier: GPL-2.0-or-later
/* fd_exhausted: no descriptor for socket() or accept(), and what fills the table. */
#include "detect_bench.h"

static int setup(void **state)
{
	return bench__setup(state, "fd_exhausted");
}

static struct file_use *use_of(uint64_t soft, uint64_t hard, uint64_t open)
{
	static struct file_use use;

	use = (struct file_use){ .soft_limit = soft, .hard_limit = hard, .open = open };
	use.system_open = 900;
	use.system_limit = 1000;
	return &use;
}

static void answer(struct bench *b, const struct file_use *use)
{
	bench__answer(b, ASK_FILES, use, sizeof(*use));
}

static void accept_fails(struct bench *b, uint64_t at_ns, int error)
{
	union event e = sample__event_of(EV_ACCEPT, 55, at_ns, 812, "server");
	struct record r = { .type = RECORD_ACCEPT,
			    .boot_ns = at_ns,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .error = error,
			    .fd = -1,
			    .u.accept = &e.accept };

	e.base.sock.state = TCP_LISTEN;
	e.base.sock.lport = 80;
	e.base.sock.rport = 0;
	e.base.actor.cgroup_id = 77;
	e.accept.fd_limit = 1024;
	detect__record(b->d, &r);
}

static void socket_fails(struct bench *b, uint64_t at_ns, const char *comm, int error)
{
	union event e = sample__event(EV_NO_FD, 0, at_ns);
	struct record r = { .type = RECORD_NO_FD,
			    .boot_ns = at_ns,
			    .actor = &e.no_fd.actor,
			    .error = error,
			    .fd = -1,
			    .u.no_fd = &e.no_fd };

	e.no_fd.actor = sample__actor(812, comm);
	e.no_fd.actor.cgroup_id = 77;
	e.no_fd.fd_limit = 1024;
	e.no_fd.error = error;
	detect__record(b->d, &r);
}

static void connections_fill_it(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;
	struct file_use *use = use_of(1024, 20000, 1024);
	struct ask_files q;

	use->tcp[TCP_ESTABLISHED] = 1000;
	use->tcp[TCP_CLOSE_WAIT] = 3;
	use->tcp[TCP_LISTEN] = 1;
	use->udp = 2;
	answer(b, use);
	accept_fails(b, T0, -EMFILE);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_string_equal(
		f->message,
		"server (pid 812) cannot accept connections on 127.0.0.1:80: its limit of 1024 open "
		"files is reached; 1000 of its 1024 descriptors are TCP sockets in ESTABLISHED");
	assert_non_null(strstr(f->advice, "prlimit --pid 812 --nofile=20000:20000"));
	assert_non_null(strstr(f->advice, "LimitNOFILE=20000"));
	assert_non_null(strstr(f->advice, "ulimit -n 20000"));
	assert_string_equal(f->call, "accept");
	assert_int_equal(f->error, -EMFILE);
	assert_false(f->estimated);
	assert_number(f, "fd_limit", 1024);
	assert_number(f, "fd_hard_limit", 20000);
	assert_number(f, "fd_open", 1024);
	assert_number(f, "tcp", 1004);
	assert_number(f, "tcp_established", 1000);
	assert_number(f, "tcp_close_wait", 3);
	assert_number(f, "tcp_listen", 1);
	assert_null(bench__evidence(f, "tcp_time_wait"));
	assert_number(f, "udp", 2);
	assert_number(f, "other", 18);
	assert_null(bench__evidence(f, "system_limit"));
	memcpy(&q, b->answers[ASK_FILES].question, sizeof(q));
	assert_int_equal(q.tgid, 812);
	assert_int_equal(q.start_ns, 812000);
}

static void a_leak_is_not_cured_by_a_limit(void **state)
{
	struct bench *b = *state;
	struct file_use *use = use_of(1024, 1024, 1024);

	use->tcp[TCP_CLOSE_WAIT] = 900;
	answer(b, use);
	accept_fails(b, T0, -EMFILE);
	assert_non_null(strstr(b->said[0].message, "900 of its 1024 descriptors are TCP sockets in "
						   "CLOSE_WAIT"));
	assert_non_null(strstr(b->said[0].advice, "it leaks sockets"));
	assert_null(strstr(b->said[0].advice, "prlimit"));
}

static void the_hard_limit_is_in_the_way(void **state)
{
	struct bench *b = *state;
	struct file_use *use = use_of(1024, 1024, 1024);

	use->tcp[TCP_ESTABLISHED] = 900;
	answer(b, use);
	accept_fails(b, T0, -EMFILE);
	assert_non_null(strstr(b->said[0].advice, "LimitNOFILE=2048"));
	assert_non_null(
		strstr(b->said[0].advice, "its hard limit is 1024 too: only root can raise it"));
}

static void files_fill_it(void **state)
{
	struct bench *b = *state;

	answer(b, use_of(1024, 20000, 1024));
	socket_fails(b, T0, "server", -EMFILE);
	assert_int_equal(b->n_said, 1);
	assert_string_equal(
		b->said[0].message,
		"server (pid 812) cannot open a socket: its limit of 1024 open files is reached; 1024 of its "
		"1024 descriptors are files, pipes and others, no TCP or UDP sockets");
	assert_non_null(strstr(b->said[0].advice, "ls -l /proc/812/fd"));
	assert_string_equal(b->said[0].call, "socket");
	assert_int_equal(b->said[0].sock.netns, NETNS);
	assert_int_equal(b->said[0].sock.cookie, 0);
}

static void the_whole_system(void **state)
{
	struct bench *b = *state;

	answer(b, use_of(1024, 20000, 300));
	socket_fails(b, T0, "server", -ENFILE);
	assert_non_null(
		strstr(b->said[0].message, "900 open of fs.file-max 1000; it has 300 of them"));
	assert_non_null(strstr(b->said[0].advice, "sysctl -w fs.file-max=2000"));
	assert_number(&b->said[0], "system_open", 900);
	assert_number(&b->said[0], "system_limit", 1000);
	assert_int_equal(b->said[0].error, -ENFILE);
}

static void the_process_is_gone(void **state)
{
	struct bench *b = *state;

	socket_fails(b, T0, "server", -EMFILE);
	assert_int_equal(b->n_said, 1);
	assert_true(b->said[0].estimated);
	assert_number(&b->said[0], "fd_limit", 1024);
	assert_null(bench__evidence(&b->said[0], "fd_open"));
	assert_string_equal(
		b->said[0].message,
		"server (pid 812) cannot open a socket: its limit of 1024 open files is reached");
	assert_string_equal(
		b->said[0].advice,
		"raise the limit: LimitNOFILE=2048 in its systemd unit or ulimit -n 2048 "
		"before its start");
	socket_fails(b, T0, "other", -ENFILE);
	assert_non_null(strstr(b->said[1].message, "(fs.file-max)"));
}

static void sockets_that_could_not_be_listed(void **state)
{
	struct bench *b = *state;
	struct file_use *use = use_of(1024, 20000, 1024);

	use->estimated = 1;
	answer(b, use);
	socket_fails(b, T0, "server", -EMFILE);
	assert_true(b->said[0].estimated);
	assert_number(&b->said[0], "fd_open", 1024);
	assert_null(bench__evidence(&b->said[0], "tcp"));
	assert_null(strstr(b->said[0].message, "no TCP or UDP"));
}

static void silent_where_it_is_not_its_matter(void **state)
{
	struct bench *b = *state;

	accept_fails(b, T0, -ECONNABORTED);
	accept_fails(b, T0, -EINVAL);
	accept_fails(b, T0, 0);
	accept_fails(b, T0, -ENOBUFS);
	detect__tick(b->d, T0 + SECOND);
	detect__end(b->d, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 0);
	assert_int_equal(b->answers[ASK_FILES].asked, 0);
}

/* A loop without descriptors: thousands of failures a second, one look in ten. */
static void asks_once_in_ten_seconds(void **state)
{
	struct bench *b = *state;
	struct file_use *use = use_of(1024, 20000, 1024);
	uint64_t t;

	use->tcp[TCP_ESTABLISHED] = 1000;
	answer(b, use);
	for (t = 0; t < 25000; t++) {
		accept_fails(b, T0 + t * 1000000, -EMFILE);
		if (t % 1000 == 0)
			detect__tick(b->d, T0 + t * 1000000 + 1);
	}
	assert_int_equal(b->answers[ASK_FILES].asked, 3);
	assert_int_equal(b->n_said, 3);
	detect__end(b->d, T0 + 25 * SECOND);
	assert_int_equal(b->n_said, 4);
	assert_int_equal(b->said[3].count, 25000);
	assert_life(b);
}

/* What an update tells is of then; it closes after a minute of quiet. */
static void updates_are_fresh(void **state)
{
	struct bench *b = *state;
	struct file_use *use = use_of(1024, 20000, 1024);

	use->tcp[TCP_ESTABLISHED] = 1000;
	answer(b, use);
	accept_fails(b, T0, -EMFILE);
	accept_fails(b, T0 + SECOND, -EMFILE);
	use->tcp[TCP_ESTABLISHED] = 10;
	use->tcp[TCP_CLOSE_WAIT] = 990;
	answer(b, use);
	detect__tick(b->d, T0 + 11 * SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_int_equal(b->said[1].count, 2);
	assert_number(&b->said[1], "tcp_close_wait", 990);
	b->answers[ASK_FILES].size = 0; /* it ends: what was seen stays */
	detect__tick(b->d, T0 + 60 * SECOND);
	assert_int_equal(b->n_said, 2);
	detect__tick(b->d, T0 + 61 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_CLOSED);
	assert_number(&b->said[2], "tcp_close_wait", 990);
	assert_false(b->said[2].estimated);
	assert_life(b);
}

static void the_key_is_the_program(void **state)
{
	struct bench *b = *state;

	answer(b, use_of(1024, 20000, 1024));
	accept_fails(b, T0, -EMFILE);
	socket_fails(b, T0, "server", -EMFILE);
	assert_int_equal(b->by_status[FINDING_OPEN], 1);
	socket_fails(b, T0, "other", -EMFILE);
	assert_int_equal(b->by_status[FINDING_OPEN], 2);
	assert_int_equal(bench__opened(b), 2);
}

static void memory_is_bounded(void **state)
{
	struct bench *b = *state;
	char comm[COMM_LEN];
	uint16_t i;

	for (i = 0; i < 1500; i++) {
		snprintf(comm, sizeof(comm), "server%u", i);
		socket_fails(b, T0 + i, comm, -EMFILE);
	}
	assert_int_equal(b->by_status[FINDING_OPEN], 1500);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1500 - 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connections_fill_it, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(a_leak_is_not_cured_by_a_limit, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(the_hard_limit_is_in_the_way, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(files_fill_it, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_whole_system, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_process_is_gone, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(sockets_that_could_not_be_listed, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(silent_where_it_is_not_its_matter, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(asks_once_in_ten_seconds, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(updates_are_fresh, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_key_is_the_program, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
