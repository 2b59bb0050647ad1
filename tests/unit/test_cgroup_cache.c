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

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* --- the cache in front of a kernel that counts --- */

static struct {
	unsigned int asked;
	uint64_t last;
	const char *path; /* NULL: the cgroup is gone; "": one that is named after the id */
	size_t flood;     /* bytes of answer instead */
	unsigned int asked_names;
	struct ask_container question;
	const struct container_names *names; /* NULL: none are found */
} kernel_state;

static ssize_t stub_names(const void *question, size_t len, void *answer, size_t max)
{
	assert_int_equal(len, sizeof(kernel_state.question));
	assert_true(max >= sizeof(*kernel_state.names));
	memcpy(&kernel_state.question, question, len);
	kernel_state.asked_names++;
	if (!kernel_state.names)
		return -ENOENT;
	memcpy(answer, kernel_state.names, sizeof(*kernel_state.names));
	return sizeof(*kernel_state.names);
}

static ssize_t stub_ask(void *arg, enum question q, const void *question, size_t len, void *answer,
			size_t max)
{
	char text[64];
	size_t n;

	assert_ptr_equal(arg, &kernel_state);
	if (q == ASK_CONTAINER)
		return stub_names(question, len, answer, max);
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
		cgroup_cache__find(*state, 4711, 0, &path, &container);
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
	cgroup_cache__find(*state, 1, 0, &path, &container);
	assert_string_equal(path, "/init.scope");
	assert_null(container);
}

static void gone_is_an_answer_too(void **state)
{
	const char *path = "x", *container = "x";

	cgroup_cache__find(*state, 5, 0, &path, &container);
	assert_null(path);
	assert_null(container);
	cgroup_cache__find(*state, 5, 0, &path, &container);
	assert_int_equal(kernel_state.asked, 1);
}

static void neighbours_do_not_mix(void **state)
{
	const char *path, *container;
	char want[32];
	uint64_t id;

	kernel_state.path = "";
	for (id = 1; id < 5000; id++) { /* more than it keeps */
		cgroup_cache__find(*state, id, 0, &path, &container);
		snprintf(want, sizeof(want), "/c%llu", (unsigned long long)id);
		assert_string_equal(path, want);
	}
	assert_int_equal(kernel_state.asked, 4999);
	for (id = 1; id < 5000; id += 7) {
		cgroup_cache__find(*state, id, 0, &path, &container);
		snprintf(want, sizeof(want), "/c%llu", (unsigned long long)id);
		assert_string_equal(path, want);
	}
	/* the container of the one is not that of the next in its place */
	kernel_state.path = "/docker/" ID;
	cgroup_cache__find(*state, 1 << 20, 0, &path, &container);
	assert_string_equal(container, ID);
	kernel_state.path = "/init.scope";
	cgroup_cache__find(*state, 1 << 21, 0, &path, &container);
	assert_null(container);
}

/* A record has its actor's, while its owner's are looked up: the two can have one place. */
static void both_stay_until_tidied(void **state)
{
	const char *path, *container, *other, *none;

	kernel_state.path = "/docker/" ID;
	cgroup_cache__find(*state, 1 << 20, 0, &path, &container);
	kernel_state.path = "/init.scope";
	cgroup_cache__find(*state, 1 << 21, 0, &other, &none);
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
	cgroup_cache__find(*state, 9, 0, &path, &container);
	assert_non_null(path);
	assert_int_equal(strlen(path), PATH_MAX - 1);
	assert_null(container);
}

#define POD_SLICE "kubepods-burstable-pod1a2b3c4d_0000_1111_2222_333344445555.slice"
#define POD_UID   "1a2b3c4d-0000-1111-2222-333344445555"
#define SECOND    1000000000ull

static const struct container_names web = { .container = "web",
					    .pod = "web-7d9f",
					    .pod_namespace = "shop" };

static void what_runs_there(void **state)
{
	const char *path, *container;
	const struct workload *w;

	kernel_state.path = "/kubepods.slice/" POD_SLICE "/cri-containerd-" ID ".scope";
	kernel_state.names = &web;
	w = cgroup_cache__find(*state, 7, 5 * SECOND, &path, &container);
	assert_non_null(w);
	assert_memory_equal(kernel_state.question.container, ID, CONTAINER_ID_LEN);
	assert_string_equal(kernel_state.question.pod_uid, POD_UID);
	assert_int_equal(kernel_state.question.runtime, RUNTIME_CONTAINERD);
	assert_string_equal(w->runtime, "containerd");
	assert_string_equal(w->container_name, "web");
	assert_string_equal(w->pod, "web-7d9f");
	assert_string_equal(w->pod_namespace, "shop");
	assert_string_equal(w->pod_uid, POD_UID);
	assert_null(w->unit);
	cgroup_cache__find(*state, 7, 500 * SECOND, &path, &container);
	assert_int_equal(kernel_state.asked_names, 1);
}

static void a_unit_asks_nothing(void **state)
{
	const char *path, *container;
	const struct workload *w;

	kernel_state.path = "/system.slice/nginx.service";
	w = cgroup_cache__find(*state, 7, 0, &path, &container);
	assert_string_equal(w->unit, "nginx.service");
	assert_null(w->runtime);
	assert_int_equal(kernel_state.asked_names, 0);
	kernel_state.path = "/";
	assert_null(cgroup_cache__find(*state, 8, 0, &path, &container));
}

/* The kubelet makes its links after the container has started. */
static void names_come_later(void **state)
{
	const char *path, *container;
	const struct workload *w, *before;

	kernel_state.path = "/docker/" ID;
	before = cgroup_cache__find(*state, 7, SECOND, &path, &container);
	assert_string_equal(before->runtime, "docker");
	assert_null(before->container_name);
	cgroup_cache__find(*state, 7, 2 * SECOND - 1, &path, &container);
	assert_int_equal(kernel_state.asked_names, 1);
	kernel_state.names = &web;
	w = cgroup_cache__find(*state, 7, 2 * SECOND, &path, &container);
	assert_int_equal(kernel_state.asked_names, 2);
	assert_string_equal(w->container_name, "web");
	assert_null(before->container_name); /* still what a record has of it */
	assert_int_equal(kernel_state.asked, 1);
}

static void names_that_never_come(void **state)
{
	const char *path, *container;
	uint64_t now;

	kernel_state.path = "/docker/" ID;
	for (now = 0; now < 1000 * SECOND; now += SECOND / 2)
		cgroup_cache__find(*state, 7, now, &path, &container);
	assert_int_equal(kernel_state.asked_names, 4);
	assert_string_equal(path, "/docker/" ID);
}

/* Of a capture, that somebody wrote. */
static void names_without_an_end(void **state)
{
	const char *path, *container;
	struct container_names names;
	const struct workload *w;

	memset(&names, 'x', sizeof(names));
	kernel_state.path = "/x/" ID;
	kernel_state.names = &names;
	w = cgroup_cache__find(*state, 7, 0, &path, &container);
	assert_int_equal(strlen(w->container_name), CONTAINER_NAME_MAX);
	assert_int_equal(strlen(w->pod), POD_NAME_MAX);
	assert_int_equal(strlen(w->pod_namespace), POD_NAMESPACE_MAX);
	assert_null(w->runtime);
}

static void freeing_nothing(void **state)
{
	(void)state;
	cgroup_cache__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_container, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_is_an_answer_too, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_do_not_mix, setup, teardown),
		cmocka_unit_test_setup_teardown(both_stay_until_tidied, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_as_long_as_they_get, setup, teardown),
		cmocka_unit_test_setup_teardown(what_runs_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_unit_asks_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(names_come_later, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_never_come, setup, teardown),
		cmocka_unit_test_setup_teardown(names_without_an_end, setup, teardown),
		cmocka_unit_test(freeing_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
