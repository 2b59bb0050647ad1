/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection's descriptor is passed over a Unix socket; its creator closes it, then the receiver does. */
#include "trigger.h"

union control {
	char data[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void pass(int peer, int fd)
{
	union control control = { 0 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.data,
			      .msg_controllen = sizeof(control.data) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(peer, &msg, 0) != 1)
		die("sendmsg");
}

static int receive(int peer)
{
	union control control = { 0 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.data,
			      .msg_controllen = sizeof(control.data) };
	int fd;

	if (recvmsg(peer, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void receiver(int sender)
{
	int fd = receive(sender);

	hear(sender);
	send_bytes(fd, 15);
	close(fd);
}

static void client(int server)
{
	int peer = spawn("receiver", receiver, NULL);
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	pass(peer, fd);
	close(fd);
	tell(peer, 0);
	reap(0);
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
	recv_bytes(child, 15);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
