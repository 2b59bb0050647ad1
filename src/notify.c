// SPDX-License-Identifier: GPL-2.0-or-later
/* notify.c - one datagram to the socket that NOTIFY_SOCKET names, and how often the watchdog wants one. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "notify.h"
#include "parse.h"

void notify__send(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	socklen_t size;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (*path == '@')
		to.sun_path[0] = '\0'; /* an abstract name: its length counts, not a NUL */
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* where that fails, there is nobody else to tell: the manager has a timeout of its own */
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
	close(fd);
}

struct watchdog watchdog__wanted(uint64_t now_ns)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us, for_pid;

	if (!usec || parse__unsigned(usec, 2, UINT64_MAX / 1000, &us))
		return (struct watchdog){ 0 };
	/* set for another process, which had us as its child */
	if (pid && (parse__unsigned(pid, 1, INT32_MAX, &for_pid) || for_pid != (uint64_t)getpid()))
		return (struct watchdog){ 0 };
	return (struct watchdog){ .every_ns = us * 1000 / 2, .due_ns = now_ns };
}

void watchdog__beat(struct watchdog *w, uint64_t now_ns)
{
	if (!w->every_ns || now_ns < w->due_ns)
		return;
	w->due_ns = now_ns + w->every_ns;
	notify__send("WATCHDOG=1");
}
