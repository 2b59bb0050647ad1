// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded before a program (LD_PRELOAD): of the allocations from its main() on, in all threads, the one with the number
 * FAULT_AT fails. At its end the file FAULT_TOLD gets "allocations N" and "descriptors N": those beyond stderr that
 * are still open.
 *
 * With FAULT_PLACE the first one of that place fails, which is the hash of the innermost callers. FAULT_PLACE=0: none does,
 * and FAULT_TOLD gets a line "HASH N" for each place, where N allocations were made. Only without address randomisation.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_long count;
static long fail_at;
static atomic_bool counting;
static int (*real_main)(int argc, char **argv, char **env);
static const char *told;

#define PLACES 8192 /* more than there are */
#define DEPTH  12
static bool by_place;
static uint64_t fail_place;
static struct {
	atomic_ulong hash, n;
} places[PLACES];

/* Of whoever allocates: FNV-1a of the return addresses. */
static uint64_t place(void)
{
	uint64_t hash = 14695981039346656037ull;
	void *callers[DEPTH];
	int n = backtrace(callers, DEPTH), i;

	for (i = 0; i < n; i++)
		hash = (hash ^ (uint64_t)callers[i]) * 1099511628211ull;
	return hash | 1;
}

/* How often something was allocated there before. */
static unsigned long seen_before(uint64_t hash)
{
	unsigned long free_one;
	size_t i;

	for (i = hash % PLACES;; i = (i + 1) % PLACES) {
		free_one = 0;
		if (atomic_compare_exchange_strong(&places[i].hash, &free_one, hash) ||
		    free_one == hash)
			return atomic_fetch_add(&places[i].n, 1);
	}
}

/*
 * Not those of libraries that do not bear it: json-c 0.16, OpenSSL 3.0 and ncurses 6.4 crash or exit at some of theirs, and
 * libseccomp 2.5 goes round for ever in seccomp_load().
 */
static int is_counted(void *caller)
{
	static const char *const left_out[] = { "libjson-c", "libcrypto", "libseccomp",
						"libncursesw", "libtinfo" };
	Dl_info info;
	size_t i;

	for (i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, left_out[i]))
			return 0;
	return 1;
}

static _Thread_local int in_nss; /* or in glob() */

static int fails(void *caller)
{
	uint64_t hash;

	if (!atomic_load(&counting) || in_nss || !is_counted(caller))
		return 0;
	if (by_place) {
		hash = place();
		atomic_fetch_add(&count, 1);
		if (seen_before(hash) || hash != fail_place)
			return 0;
	} else if (atomic_fetch_add(&count, 1) + 1 != fail_at) {
		return 0;
	}
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

/* Here, so that its caller is known. */
char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

/* glibc 2.36 does not bear it where it reads nsswitch.conf: an assertion, or a crash. */
struct servent *getservent(void)
{
	static struct servent *(*real)(void);
	struct servent *entry;

	*(void **)&real = dlsym(RTLD_NEXT, "getservent");
	in_nss = 1;
	entry = real();
	in_nss = 0;
	return entry;
}

void setservent(int stay_open)
{
	static void (*real)(int stay_open);

	*(void **)&real = dlsym(RTLD_NEXT, "setservent");
	in_nss = 1;
	real(stay_open);
	in_nss = 0;
}

struct servent *getservbyport(int port, const char *proto)
{
	static struct servent *(*real)(int port, const char *proto);
	struct servent *entry;

	*(void **)&real = dlsym(RTLD_NEXT, "getservbyport");
	in_nss = 1;
	entry = real(port, proto);
	in_nss = 0;
	return entry;
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buf, size_t size, struct passwd **found)
{
	static int (*real)(uid_t uid, struct passwd * user, char *buf, size_t size,
			   struct passwd **found);
	int status;

	*(void **)&real = dlsym(RTLD_NEXT, "getpwuid_r");
	in_nss = 1;
	status = real(uid, user, buf, size, found);
	in_nss = 0;
	return status;
}

/* glibc 2.36: a double free, in globfree(). */
int glob(const char *pattern, int flags, int (*failed)(const char *path, int error), glob_t *found)
{
	static int (*real)(const char *pattern, int flags, int (*failed)(const char *, int),
			   glob_t *found);
	int status;

	*(void **)&real = dlsym(RTLD_NEXT, "glob");
	in_nss = 1;
	status = real(pattern, flags, failed, found);
	in_nss = 0;
	return status;
}

/* Libraries' own are left out (above): so it fails as a whole, like one allocation. */
void *seccomp_init(uint32_t otherwise)
{
	static void *(*real)(uint32_t otherwise);

	if (fails(__builtin_return_address(0)))
		return NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "seccomp_init");
	return real(otherwise);
}

static void tell(int fd)
{
	char text[64];
	int open_ones = 0, n, i;

	for (i = 3; i < 4096; i++)
		open_ones += i != fd && fcntl(i, F_GETFD) >= 0;
	n = snprintf(text, sizeof(text), "allocations %ld\ndescriptors %d\n", atomic_load(&count),
		     open_ones);
	if (write(fd, text, (size_t)n) != n)
		abort();
	for (i = 0; by_place && !fail_place && i < PLACES; i++)
		if (places[i].hash)
			dprintf(fd, "%lu %lu\n", places[i].hash, places[i].n);
}

static int counted_main(int argc, char **argv, char **env)
{
	int fd = told ? open(told, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1, status;

	/* out of the way: numbers of descriptors are the same as without */
	if (fd >= 0) {
		dup3(fd, 4095, O_CLOEXEC);
		close(fd);
	}
	place(); /* the first backtrace() loads a library */
	atomic_store(&counting, 1);
	status = real_main(argc, argv, env);
	atomic_store(&counting, 0);
	if (fd >= 0)
		tell(4095);
	return status;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*rtld_fini)(void), void *end)
{
	int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
		    void (*)(void), void *);

	*(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = main;
	told = getenv("FAULT_TOLD");
	if (getenv("FAULT_AT"))
		fail_at = atol(getenv("FAULT_AT"));
	by_place = getenv("FAULT_PLACE");
	if (by_place)
		fail_place = strtoull(getenv("FAULT_PLACE"), NULL, 10);
	unsetenv("LD_PRELOAD"); /* a command's allocations are its own */
	return real(counted_main, argc, argv, init, fini, rtld_fini, end);
}
