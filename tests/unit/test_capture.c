// SPDX-License-Identifier: GPL-2.0-or-later
/* capture: what was written comes back; what is cut, foreign or hostile is refused at its place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline.h"

#define HEAD_LEN  12 /* magic and version */
#define CHUNK_LEN 8  /* kind and length */

static char path[] = "/tmp/socklife-test-XXXXXX";

static int setup(void **state)
{
	int fd;

	(void)state;
	memset(path + sizeof(path) - 7, 'X', 6);
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* --- files --- */

static size_t read_back(char *buf, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, max);

	close(fd);
	assert_true(n >= 0 && (size_t)n < max);
	return (size_t)n;
}

static void write_file(const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

/* Three chunks: 5 + 3 bytes of an event, none of a tick, 1 of a stop. */
static size_t write_three(char *buf, size_t max)
{
	struct capture_writer *w = capture__create(path);

	assert_non_null(w);
	capture__put(w, CAPTURE_EVENT, "first", 5, "one", 3);
	capture__put(w, CAPTURE_TICK, "", 0, NULL, 0);
	assert_int_equal(capture__flush(w), 0);
	capture__put(w, CAPTURE_STOP, "x", 1, NULL, 0);
	capture__close(w);
	return read_back(buf, max);
}

static void want_not_opened(int error)
{
	errno = 0;
	assert_null(capture__open(path));
	assert_int_equal(errno, error);
}

static void round_trip(void **state)
{
	struct capture_reader *reader;
	struct capture_chunk chunk;
	char buf[256];
	struct stat st;

	(void)state;
	assert_int_equal(write_three(buf, sizeof(buf)), HEAD_LEN + 3 * CHUNK_LEN + 9);
	assert_int_equal(stat(path, &st), 0);
	reader = capture__open(path);
	assert_non_null(reader);
	assert_int_equal(capture__next(reader, &chunk), 1);
	assert_int_equal(chunk.kind, CAPTURE_EVENT);
	assert_int_equal(chunk.len, 8);
	assert_int_equal(chunk.offset, HEAD_LEN);
	assert_int_equal((uintptr_t)chunk.data % 8, 0);
	assert_memory_equal(chunk.data, "firstone", 8);
	assert_int_equal(capture__next(reader, &chunk), 1);
	assert_int_equal(chunk.kind, CAPTURE_TICK);
	assert_int_equal(chunk.len, 0);
	assert_int_equal(capture__next(reader, &chunk), 1);
	assert_int_equal(chunk.kind, CAPTURE_STOP);
	assert_int_equal(chunk.offset, HEAD_LEN + 2 * CHUNK_LEN + 8);
	assert_memory_equal(chunk.data, "x", 1);
	assert_int_equal(capture__next(reader, &chunk), 0);
	assert_int_equal(capture__next(reader, &chunk), 0);
	capture__free(reader);
}

static void the_largest_chunk(void **state)
{
	struct capture_writer *w = capture__create(path);
	char *data = malloc(CAPTURE_CHUNK_MAX);
	struct capture_reader *reader;
	struct capture_chunk chunk;
	size_t i;

	(void)state;
	assert_non_null(w);
	assert_non_null(data);
	for (i = 0; i < CAPTURE_CHUNK_MAX; i++)
		data[i] = (char)(i * 7);
	capture__put(w, CAPTURE_ANSWER, data, 24, data + 24, CAPTURE_CHUNK_MAX - 24);
	capture__close(w);
	reader = capture__open(path);
	assert_non_null(reader);
	assert_int_equal(capture__next(reader, &chunk), 1);
	assert_int_equal(chunk.len, CAPTURE_CHUNK_MAX);
	assert_memory_equal(chunk.data, data, CAPTURE_CHUNK_MAX);
	assert_int_equal(capture__next(reader, &chunk), 0);
	capture__free(reader);
	free(data);
}

/* Cut after each byte: what is whole is read, then the place is told, once and again. */
static void truncated(void **state)
{
	static const size_t starts[] = { 12, 28, 36, 45 }; /* of the chunks, and the end */
	struct capture_reader *reader;
	struct capture_chunk chunk;
	char buf[256];
	size_t n = write_three(buf, sizeof(buf)), cut, whole;

	(void)state;
	assert_int_equal(n, starts[3]);
	for (cut = 0; cut < HEAD_LEN; cut++) {
		write_file(buf, cut);
		want_not_opened(EBADMSG);
	}
	for (; cut <= n; cut++) {
		write_file(buf, cut);
		reader = capture__open(path);
		assert_non_null(reader);
		for (whole = 0; whole < 3 && starts[whole + 1] <= cut; whole++)
			assert_int_equal(capture__next(reader, &chunk), 1);
		assert_int_equal(capture__next(reader, &chunk),
				 starts[whole] == cut ? 0 : -EBADMSG);
		assert_int_equal(chunk.offset, starts[whole]);
		capture__free(reader);
	}
}

static void foreign_files(void **state)
{
	char buf[256], big[4096];
	uint32_t version;

	(void)state;
	write_file("", 0);
	want_not_opened(EBADMSG);
	write_file("{\"v\":1,\"seq\":1,\"type\":\"start\"}\n", 31);
	want_not_opened(EBADMSG);
	memset(big, 0xff, sizeof(big));
	write_file(big, sizeof(big));
	want_not_opened(EBADMSG);
	/* one letter of the magic, another version, another byte order */
	write_three(buf, sizeof(buf));
	buf[7] ^= 0x20;
	write_file(buf, 45);
	want_not_opened(EBADMSG);
	buf[7] ^= 0x20;
	version = CAPTURE_FORMAT + 1;
	memcpy(buf + 8, &version, 4);
	write_file(buf, 45);
	want_not_opened(EBADMSG);
	version = __builtin_bswap32(CAPTURE_FORMAT);
	memcpy(buf + 8, &version, 4);
	write_file(buf, 45);
	want_not_opened(EBADMSG);
}

static void want_damaged_first_chunk(uint32_t kind, uint32_t len)
{
	struct capture_reader *reader;
	struct capture_chunk chunk;
	char buf[256];

	write_three(buf, sizeof(buf));
	memcpy(buf + HEAD_LEN, &kind, 4);
	memcpy(buf + HEAD_LEN + 4, &len, 4);
	write_file(buf, 45);
	reader = capture__open(path);
	assert_non_null(reader);
	assert_int_equal(capture__next(reader, &chunk), -EBADMSG);
	assert_int_equal(chunk.offset, HEAD_LEN);
	capture__free(reader);
}

static void damaged_chunks(void **state)
{
	(void)state;
	want_damaged_first_chunk(CAPTURE_EVENT, CAPTURE_CHUNK_MAX + 1);
	want_damaged_first_chunk(CAPTURE_EVENT, UINT32_MAX);
	want_damaged_first_chunk(CAPTURE_EVENT,
				 CAPTURE_CHUNK_MAX); /* as large as allowed, not there */
	want_damaged_first_chunk(0, 8);
	want_damaged_first_chunk(CAPTURE_KINDS, 8);
	want_damaged_first_chunk(UINT32_MAX, 8);
}

static void files_that_cannot_be(void **state)
{
	struct capture_writer *w;

	(void)state;
	errno = 0;
	assert_null(capture__create("/nowhere/x.cap"));
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_null(capture__open("/nowhere/x.cap"));
	assert_int_equal(errno, ENOENT);
	assert_null(capture__open("/"));
	assert_null(capture__create("/"));
	capture__close(NULL);
	capture__free(NULL);
	w = capture__create("/dev/full");
	if (!w)
		return;
	capture__put(w, CAPTURE_TICK, "x", 1, NULL, 0);
	assert_int_equal(capture__flush(w), -ENOSPC);
	assert_int_equal(capture__flush(w), -ENOSPC); /* it stays so */
	capture__close(w);
}

/* Who runs socklife as root does not show others what it saw. */
static void only_for_its_owner(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(unlink(path), 0);
	capture__close(capture__create(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* --- the first chunk --- */

static const struct pipeline_config sample = {
	.start = { .version = "0.1.0",
		   .kernel = "6.1.0-13-amd64",
		   .machine_id = "00000000000000000000000000000000",
		   .boot_id = "b-1",
		   .host = "h\"\x1b[31m\xff\n",
		   .args = { "socklife", "trace", "--", "\x80\\\"\n", "a b" },
		   .hooks = { "tp_btf/inet_sock_set_state", "cgroup/bind4" },
		   .blind = { "raw" } },
	.wall = { .offset_ns = -5, .gmtoff_s = -3600 },
	.filter = { .events = 6,
		    .failed = true,
		    .errnos = { 98, 111 },
		    .n_errnos = 2,
		    .slower_ns = 9 },
	.table_size = 1000,
	.count = 7,
	.verbose = 1,
};

/* In memory of exactly its size. */
static int unpack(struct pipeline_config *c, const void *data, size_t n, char **memory)
{
	*memory = malloc(n ? n : 1);
	assert_non_null(*memory);
	memcpy(*memory, data, n);
	return pipeline_config__unpack(c, *memory, n);
}

static void want_list(const char *const *got, const char *const *want, size_t max)
{
	size_t i;

	for (i = 0; i < max && want[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], want[i]);
	}
	assert_null(got[i]);
}

static void want_same(const struct pipeline_config *c)
{
	static char buf[16384];
	struct pipeline_config got;
	size_t n = pipeline_config__pack(c, buf, sizeof(buf));
	char *memory;

	assert_true(n < sizeof(buf));
	memset(&got, 0xa5, sizeof(got));
	assert_int_equal(unpack(&got, buf, n, &memory), 0);
	assert_string_equal(got.start.version, c->start.version);
	assert_string_equal(got.start.kernel, c->start.kernel);
	assert_string_equal(got.start.machine_id, c->start.machine_id);
	assert_string_equal(got.start.boot_id, c->start.boot_id);
	assert_string_equal(got.start.host, c->start.host);
	want_list(got.start.args, c->start.args, 64);
	want_list(got.start.hooks, c->start.hooks, START_LIST_MAX);
	want_list(got.start.blind, c->start.blind, START_LIST_MAX);
	assert_memory_equal(&got.wall, &c->wall, sizeof(got.wall));
	assert_memory_equal(&got.filter, &c->filter, sizeof(got.filter));
	assert_int_equal(got.table_size, c->table_size);
	assert_int_equal(got.count, c->count);
	assert_int_equal(got.verbose, c->verbose);
	free(memory);
}

static void config_round_trip(void **state)
{
	(void)state;
	want_same(&sample);
}

static void config_with_nothing(void **state)
{
	struct pipeline_config c = {
		.start = { .version = "", .kernel = "", .machine_id = "", .boot_id = "", .host = "" }
	};

	(void)state;
	want_same(&c);
}

static void config_with_full_lists(void **state)
{
	struct pipeline_config c = sample;
	size_t i;

	(void)state;
	for (i = 0; i < 63; i++)
		c.start.args[i] = "argument";
	for (i = 0; i < START_LIST_MAX - 1; i++)
		c.start.hooks[i] = c.start.blind[i] = "hook";
	want_same(&c);
}

/* `socklife trace -- sh -c ''` has an argument of no length. */
static void config_with_an_empty_argument(void **state)
{
	struct pipeline_config c = sample;

	(void)state;
	c.start.args[3] = "";
	want_same(&c);
}

static void config_cut_short(void **state)
{
	static char buf[16384];
	struct pipeline_config got;
	size_t n = pipeline_config__pack(&sample, buf, sizeof(buf)), cut;
	char *memory;

	(void)state;
	for (cut = 0; cut < n; cut++) {
		assert_int_equal(unpack(&got, buf, cut, &memory), -EBADMSG);
		free(memory);
		assert_true(pipeline_config__pack(&sample, buf, cut) <= cut);
	}
}

static void config_that_is_hostile(void **state)
{
	static char buf[16384];
	struct pipeline_config got, c = sample;
	size_t n, i;
	char *memory;

	(void)state;
	c.filter.n_errnos = OPTION_SET_MAX + 1;
	n = pipeline_config__pack(&c, buf, sizeof(buf));
	assert_int_equal(unpack(&got, buf, n, &memory), -EBADMSG);
	free(memory);
	c.filter.n_errnos = SIZE_MAX;
	n = pipeline_config__pack(&c, buf, sizeof(buf));
	assert_int_equal(unpack(&got, buf, n, &memory), -EBADMSG);
	free(memory);

	/* more strings than the lists hold, and strings without an end */
	n = pipeline_config__pack(&sample, buf, sizeof(buf));
	for (i = sizeof(sample); i < sizeof(buf); i += 2) {
		buf[i] = 'a';
		buf[i + 1] = '\0';
	}
	assert_int_equal(unpack(&got, buf, sizeof(buf), &memory), -EBADMSG);
	free(memory);
	memset(buf + sizeof(sample), 'a', sizeof(buf) - sizeof(sample));
	assert_int_equal(unpack(&got, buf, sizeof(buf), &memory), -EBADMSG);
	free(memory);
}

/* A bool of another byte than 0 and 1 is undefined to read. */
static void config_with_a_strange_bool(void **state)
{
	static char buf[16384];
	size_t n = pipeline_config__pack(&sample, buf, sizeof(buf));
	struct pipeline_config got;
	unsigned char byte;
	char *memory;
	int err;

	(void)state;
	buf[offsetof(struct pipeline_config, filter) + offsetof(struct record_filter, failed)] =
		0x55;
	err = unpack(&got, buf, n, &memory);
	memcpy(&byte, &got.filter.failed, 1);
	free(memory);
	assert_true(err == -EBADMSG || byte <= 1);
}

static size_t list_length(const char *const *list, size_t max)
{
	size_t n = 0;

	while (n < max && list[n])
		n++;
	return n;
}

static void config_of_noise(void **state)
{
	static char buf[sizeof(struct pipeline_config) + 300];
	struct pipeline_config got;
	unsigned int seed = 3;
	size_t i, k;
	char *memory;

	(void)state;
	for (i = 0; i < 20000; i++) {
		pipeline_config__pack(&sample, buf, sizeof(buf));
		for (k = (unsigned int)rand_r(&seed) % 16; k; k--)
			buf[(unsigned int)rand_r(&seed) % sizeof(buf)] =
				(char)(rand_r(&seed) & rand_r(&seed));
		if (!unpack(&got, buf, sizeof(buf), &memory)) {
			assert_true(got.filter.n_errnos <= OPTION_SET_MAX);
			assert_true(strlen(got.start.host) < sizeof(buf));
			assert_true(list_length(got.start.args, 64) < 64);
			assert_true(list_length(got.start.hooks, START_LIST_MAX) < START_LIST_MAX);
			assert_true(list_length(got.start.blind, START_LIST_MAX) < START_LIST_MAX);
		}
		free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_chunk, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_files, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_chunks, setup, teardown),
		cmocka_unit_test(files_that_cannot_be),
		cmocka_unit_test_setup_teardown(only_for_its_owner, setup, teardown),
		cmocka_unit_test(config_round_trip),
		cmocka_unit_test(config_with_nothing),
		cmocka_unit_test(config_with_full_lists),
		cmocka_unit_test(config_with_an_empty_argument),
		cmocka_unit_test(config_cut_short),
		cmocka_unit_test(config_that_is_hostile),
		cmocka_unit_test(config_with_a_strange_bool),
		cmocka_unit_test(config_of_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
