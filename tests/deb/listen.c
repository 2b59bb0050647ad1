// SPDX-License-Identifier: GPL-2.0-or-later
/* listen.c - a program without libraries for socklife to trace: it listens on a port of 127.0.0.1 and ends. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1)) {
		perror("listen");
		return 1;
	}
	return 0;
}
