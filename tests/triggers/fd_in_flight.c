/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection's last reference sits in a Unix socket that only holds itself: the kernel's garbage collector drops
 * it in a worker, so no process has closed the connection.
 */
#include "trigger.h"

static void send_two(int to, int one, int two)
{
	union {
		char data[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	int fds[2] = { one, two };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.data,
			      .msg_controllen = sizeof(control.data) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	if (sendmsg(to, &msg, 0) != 1)
		die("sendmsg");
}

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));
	int pair[2];

	fact_sock("client", fd);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	send_two(pair[0], fd, pair[1]); /* waits in pair[1]'s own queue */
	close(fd);
	close(pair[0]);
	close(pair[1]);
	/* Closing any Unix socket with descriptors in flight starts the collector. */
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	close(pair[0]);
	close(pair[1]);
	hear(server); /* alive until the connection is gone */
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_end(child);
	close(child);
	close(fd);
	tell(peer, 0);
	reap(0);
	return 0;
}
