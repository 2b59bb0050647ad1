/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP Fast Open both ways: twice, because the first connection fetches the cookie and the second sends its data in the
 * SYN. With `connect`, the client uses TCP_FASTOPEN_CONNECT, else sendto() with MSG_FASTOPEN.
 */
#include "trigger.h"

#define DATA 5

static int by_connect;

static void send_open(const char *name, int port)
{
	static const char data[DATA];
	int fd = tcp(AF_INET);
	union address a;
	socklen_t len = address_set(&a, "127.0.0.1", port);

	if (by_connect) {
		set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
		must(connect(fd, &a.sa, len), "connect");
		send_bytes(fd, DATA);
	} else if (sendto(fd, data, DATA, MSG_FASTOPEN, &a.sa, len) != DATA) {
		die("sendto MSG_FASTOPEN");
	}
	recv_bytes(fd, 7);
	fact_sock(name, fd);
	close(fd);
}

static void client(int server)
{
	int port = hear(server);

	send_open("first_client", port);
	hear(server);
	send_open("second_client", port);
}

static void serve(const char *name, int listener)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int fd = accept_one(listener);

	fact_sock(name, fd);
	recv_bytes(fd, DATA);
	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
	fact("%s_syn_data=%d", name, !!(info.tcpi_options & TCPI_OPT_SYN_DATA));
	send_bytes(fd, 7);
	recv_end(fd);
	close(fd);
}

int main(int argc, char **argv)
{
	int peer, fd;

	by_connect = argc > 1 && !strcmp(argv[1], "connect");
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp(AF_INET);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, 8);
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	serve("first_child", fd);
	tell(peer, 1);
	serve("second_child", fd);
	close(fd);
	reap(0);
	return 0;
}
