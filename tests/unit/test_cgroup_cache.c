// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_cache: paths and container ids, each asked of the kernel once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cgroup_cache.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD   "kubepods-burstable-pod1a2b3c4d_0000_1111_2222_333344445555.slice"

static const struct {
	const char *path;
	const char *id; /* NULL: none */
} paths[] = {
	{ "/system.slice/docker-" ID ".scope", ID },
	{ "/docker/" ID, ID },
	{ "/docker/" ID "/init", ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", ID },
	{ "/machine.slice/libpod-" ID ".scope/container", ID },
	{ "/kubepods.slice/" POD "/cri-containerd-" ID ".scope", ID },
	{ "/system.slice/containerd.service/" POD ":cri-containerd:" ID, ID },
	{ "/kubepods/burstable/pod1a2b3c4d-0000-1111-2222-333344445555/" ID, ID },
	{ "/kubepods.slice/" POD "/crio-" ID ".scope", ID },
	/* a container inside a container: the inner one */
	{ "/docker/" OTHER "/docker/" ID, ID },
	{ "/docker/" OTHER "/system.slice/ssh.service", OTHER },
	{ ID, ID },
	/* none */
	{ "", NULL },
	{ "/", NULL },
	{ "/system.slice/nginx.service", NULL },
	{ "/user.slice/user-1000.slice/session-2.scope", NULL },
	{ "/kubepods.slice/" POD, NULL },
	{ "/docker/" ID "0", NULL },
	{ "/docker/0" ID, NULL },
	{ "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", NULL },
	{ "/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", NULL },
	{ "/docker/" ID OTHER, NULL },
	/* too long a run, then a good one */
	{ "/docker/" ID OTHER "/" ID ".scope", ID },
	{ "/docker/" ID "/" ID OTHER, ID },
};

static void container_ids(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char id[CONTAINER_ID_LEN + 1];

		memset(id, 'x', sizeof(id));
		if (container_id__from_path(paths[i].path, id) != !!paths[i].id)
			fail_msg("'%s': %s found", paths[i].path, paths[i].id ? "none" : "one");
		if (paths[i].id)
			assert_string_equal(id, paths[i].id);
		else
			assert_int_equal(id[0], 'x');
	}
}

/* --- the cache in front of a kernel that counts --- */

static struct {
	unsigned int asked;
	uint64_t last;
	const char *path; /* NULL: the cgroup is gone; "": one that is named after the id */
	size_t flood;     /* bytes of answer instead */
} kernel_state;

static ssize_t stub_ask(void *arg, enum question q, const void *question, size_t len, void *answer,
			size_t max)
{
	char text[64];
	size_t n;

	assert_ptr_equal(arg, &kernel_state);
	assert_int_equal(q, ASK_CGROUP);
	assert_int_equal(len, sizeof(uint64_t));
	memcpy(&kernel_state.last, question, len);
	kernel_state.asked++;
	if (kernel_state.flood) {
		n = kernel_state.flood < max ? kernel_state.flood : max;
		memset(answer, 'f', n);
		return (ssize_t)n;
	}
	if (!kernel_state.path)
		return -ENOENT;
	snprintf(text, sizeof(text), "/c%llu", (unsigned long long)kernel_state.last);
	n = strlen(*kernel_state.path ? kernel_state.path : text);
	assert_true(n <= max);
	memcpy(answer, *kernel_state.path ? kernel_state.path : text, n);
	return (ssize_t)n;
}

static const struct kernel kernel = { .ask = stub_ask, .arg = &kernel_state };

static int setup(void **state)
{
	memset(&kernel_state, 0, sizeof(kernel_state));
	*state = cgroup_cache__new(&kernel);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	cgroup_cache__free(*state);
	return 0;
}

static void asks_once(void **state)
{
	const char *path, *container;
	int i;

	kernel_state.path = "/docker/" ID;
	for (i = 0; i < 3; i++) {
		cgroup_cache__find(*state, 4711, &path, &container);
		assert_string_equal(path, "/docker/" ID);
		assert_string_equal(container, ID);
	}
	assert_int_equal(kernel_state.asked, 1);
	assert_int_equal(kernel_state.last, 4711);
}

static void without_a_container(void **state)
{
	const char *path, *container = "x";

	kernel_state.path = "/init.scope";
	cgroup_cache__find(*state, 1, &path, &container);
	assert_string_equal(path, "/init.scope");
	assert_null(container);
}

static void gone_is_an_answer_too(void **state)
{
	const char *path = "x", *container = "x";

	cgroup_cache__find(*state, 5, &path, &container);
	assert_null(path);
	assert_null(container);
	cgroup_cache__find(*state, 5, &path, &container);
	assert_int_equal(kernel_state.asked, 1);
}

static void neighbours_do_not_mix(void **state)
{
	const char *path, *container;
	char want[32];
	uint64_t id;

	kernel_state.path = "";
	for (id = 1; id < 5000; id++) { /* more than it keeps */
		cgroup_cache__find(*state, id, &path, &container);
		snprintf(want, sizeof(want), "/c%llu", (unsigned long long)id);
		assert_string_equal(path, want);
	}
	assert_int_equal(kernel_state.asked, 4999);
	for (id = 1; id < 5000; id += 7) {
		cgroup_cache__find(*state, id, &path, &container);
		snprintf(want, sizeof(want), "/c%llu", (unsigned long long)id);
		assert_string_equal(path, want);
	}
	/* the container of the one is not that of the next in its place */
	kernel_state.path = "/docker/" ID;
	cgroup_cache__find(*state, 1 << 20, &path, &container);
	assert_string_equal(container, ID);
	kernel_state.path = "/init.scope";
	cgroup_cache__find(*state, 1 << 21, &path, &container);
	assert_null(container);
}

/* A record has its actor's, while its owner's are looked up: the two can have one place. */
static void both_stay_until_tidied(void **state)
{
	const char *path, *container, *other, *none;

	kernel_state.path = "/docker/" ID;
	cgroup_cache__find(*state, 1 << 20, &path, &container);
	kernel_state.path = "/init.scope";
	cgroup_cache__find(*state, 1 << 21, &other, &none);
	assert_string_equal(path, "/docker/" ID);
	assert_string_equal(container, ID);
	cgroup_cache__tidy(*state);
	assert_string_equal(other, "/init.scope");
	assert_null(none);
}

static void a_path_as_long_as_they_get(void **state)
{
	const char *path, *container;

	kernel_state.flood = (size_t)PATH_MAX * 2;
	cgroup_cache__find(*state, 9, &path, &container);
	assert_non_null(path);
	assert_int_equal(strlen(path), PATH_MAX - 1);
	assert_null(container);
}

static void freeing_nothing(void **state)
{
	(void)state;
	cgroup_cache__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_ids),
		cmocka_unit_test_setup_teardown(asks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_container, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_is_an_answer_too, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_do_not_mix, setup, teardown),
		cmocka_unit_test_setup_teardown(both_stay_until_tidied, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_as_long_as_they_get, setup, teardown),
		cmocka_unit_test(freeing_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
