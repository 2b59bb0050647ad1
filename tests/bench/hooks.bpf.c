// SPDX-License-Identifier: GPL-2.0-or-later
/* What a connection meets of socklife's hooks (src/hooks.c), with programs that do nothing. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define NOTHING(section, name, ret)                                                                \
	SEC(section) int name(void *ctx)                                                           \
	{                                                                                          \
		(void)ctx;                                                                         \
		return ret;                                                                        \
	}

NOTHING("cgroup/sock_create", sock_create, 1)
NOTHING("cgroup/connect4", connect4, 1)
NOTHING("cgroup/sock_release", sock_release, 1)
NOTHING("tp_btf/inet_sock_set_state", inet_sock_set_state, 0)
NOTHING("tp_btf/tcp_destroy_sock", tcp_destroy_sock, 0)
NOTHING("tp_btf/tcp_receive_reset", tcp_receive_reset, 0)
NOTHING("tp_btf/tcp_send_reset", tcp_send_reset, 0)
NOTHING("tp_btf/sock_send_length", sock_send_length, 0)
NOTHING("tracepoint/syscalls/sys_exit_socket", sys_exit_socket, 0)
NOTHING("tracepoint/syscalls/sys_exit_bind", sys_exit_bind, 0)
NOTHING("tracepoint/syscalls/sys_exit_listen", sys_exit_listen, 0)
NOTHING("tracepoint/syscalls/sys_exit_connect", sys_exit_connect, 0)
NOTHING("tracepoint/syscalls/sys_exit_accept", sys_exit_accept, 0)
NOTHING("tracepoint/syscalls/sys_exit_accept4", sys_exit_accept4, 0)

char LICENSE[] SEC("license") = "GPL";
