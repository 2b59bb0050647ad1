// SPDX-License-Identifier: GPL-2.0-or-later
/* hooks.c - the table of hooks. */
#include <stddef.h>
#include "hooks.h"

#define CGROUP(prog, verify_us, lost)                                                              \
	{                                                                                          \
#prog, "cgroup/" #prog, HOOK_CGROUP, NEED_ALWAYS, true, verify_us, lost            \
	}
#define BTF(prog, req, verify_us, lost)                                                            \
	{                                                                                          \
#prog, "tp_btf/" #prog, HOOK_BTF, NEED_TCP, req, verify_us, lost                   \
	}
#define SYSCALL(prog, verify_us, lost)                                                             \
	{                                                                                          \
#prog, "syscalls/" #prog, HOOK_SYSCALL, NEED_ALWAYS, true, verify_us, lost         \
	}

const struct hook hooks[] = {
	{ "whoami", "raw_tp/whoami", HOOK_RUN, NEED_ALWAYS, true, 0, "socklife's own process id" },
	CGROUP(sock_create, 2200, "who created a socket"),
	CGROUP(bind4, 200, "the address an IPv4 bind() asked for"),
	CGROUP(bind6, 200, "the address an IPv6 bind() asked for"),
	CGROUP(post_bind4, 4600, "successful IPv4 bind() calls"),
	CGROUP(post_bind6, 4600, "successful IPv6 bind() calls"),
	CGROUP(connect4, 4200, "who connects over IPv4, and since when"),
	CGROUP(connect6, 4200, "who connects over IPv6, and since when"),
	CGROUP(sock_release, 7200, "who closed a socket, and the death of UDP sockets"),
	{ "sendmsg4", "cgroup/sendmsg4", HOOK_CGROUP, NEED_UDP_SENDS, false, 5400,
	  "IPv4 UDP sockets without bind()" },
	{ "sendmsg6", "cgroup/sendmsg6", HOOK_CGROUP, NEED_UDP_SENDS, false, 5400,
	  "IPv6 UDP sockets without bind()" },
	{ "sock_send_length", "tp_btf/sock_send_length", HOOK_BTF, NEED_UDP_SENDS, false, 3500,
	  "UDP sockets whose first send found no port" },
	BTF(inet_sock_set_state, true, 22100, "every TCP state"),
	BTF(tcp_destroy_sock, true, 6800, "the death of TCP sockets"),
	BTF(tcp_receive_reset, false, 300, "remote-reset as a reason"),
	BTF(tcp_send_reset, false, 300, "local-reset as a reason"),
	{ "sys_exit_socket", "syscalls/sys_exit_socket", HOOK_SYSCALL, NEED_ALWAYS, false, 2100,
	  "socket() calls that find no descriptor" },
	SYSCALL(sys_exit_bind, 4800, "failed bind() calls"),
	SYSCALL(sys_exit_listen, 3500, "listen() calls"),
	SYSCALL(sys_exit_connect, 3600, "connect() calls that fail at once"),
	SYSCALL(sys_exit_accept, 8400, "accept() calls"),
	/* the same program: to verify one takes 5 ms */
	{ "sys_exit_accept", "syscalls/sys_exit_accept4", HOOK_SYSCALL, NEED_ALWAYS, true, 0,
	  "accept4() calls" },
	{ "sched_process_fork", "tp_btf/sched_process_fork", HOOK_BTF, NEED_TREE, true, 300,
	  "descendants (--follow, trace -- CMD)" },
	{ "sched_process_exit", "tp_btf/sched_process_exit", HOOK_BTF, NEED_TREE, true, 1500,
	  "the end of descendants (trace -- CMD)" },
	{ "sched_process_free", "tp_btf/sched_process_free", HOOK_BTF, NEED_TREE, true, 200,
	  "when a process number is another's" },
	{ "snapshot", "iter/task_file", HOOK_ITERATOR, NEED_ALWAYS, true, 6800,
	  "sockets older than the start" },
	{ "tcp_options", "iter/tcp", HOOK_ITERATOR, NEED_PORTS, false, 300,
	  "whether SO_REUSEADDR shares a port with closed connections (ports PORT)" },
	{ "process", "iter/task", HOOK_TASK, NEED_ALWAYS, false, 1000,
	  "the executables of processes older than the start" },
	{ "sweep", "iter/task:sweep", HOOK_TASK, NEED_TCP, false, 2200,
	  "the end of TCP sockets that were released and died unseen" },
	{ 0 },
};

const char *hook__kind_name(enum hook_kind kind)
{
	static const char *const names[] = {
		[HOOK_CGROUP] = "cgroup",      [HOOK_BTF] = "tp_btf",
		[HOOK_SYSCALL] = "tracepoint", [HOOK_ITERATOR] = "iterator",
		[HOOK_TASK] = "iterator",      [HOOK_RUN] = "run",
	};

	return names[kind];
}
