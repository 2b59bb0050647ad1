/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel types that socklife's BPF programs use, with the fields they use.
 * Written by vmlinux/regen from vmlinux/types.list: do not edit. Offsets and sizes
 * here mean nothing: CO-RE takes them from the running kernel.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter_meta;
struct cgroup;
struct cred;
struct css_set;
struct dentry;
struct fdtable;
struct file;
struct file_operations;
struct files_struct;
struct fs_struct;
struct inet_bind_bucket;
struct inode;
struct kernfs_node;
struct list_head;
struct mm_struct;
struct mount;
struct net;
struct nsproxy;
struct pid;
struct pid_namespace;
struct seq_file;
struct signal_struct;
struct sock;
struct sock_common;
struct socket;
struct task_struct;
struct vfsmount;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	unsigned int val;
} kuid_t;

typedef struct {
	unsigned int val;
} kgid_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	int counter;
} atomic_t;

struct refcount_struct {
	atomic_t refs;
};

struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	__u16 skc_family;
	__u8 skc_state;
	__u8 skc_reuse:4;
	__u8 skc_reuseport:1;
	__u8 skc_ipv6only:1;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	union {
		unsigned long skc_flags;
	};
	struct refcount_struct skc_refcnt;
};

typedef struct {
	int owned;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks;
	int sk_err;
	struct socket *sk_socket;
	socket_lock_t sk_lock;
	kuid_t sk_uid;
	__u16 sk_protocol;
	__u16 sk_type;
	__u8 sk_kern_sock:1;
	__u8 sk_shutdown;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
};

struct inet_sock {
	struct sock sk;
	unsigned long inet_flags;
	__be16 inet_sport;
	__u32 local_port_range;
};

struct inet_bind_bucket {
	signed char fastreuse;
	signed char fastreuseport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct inet_bind_bucket *icsk_bind_hash;
	void *icsk_ulp_data;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u64 bytes_sent;
	__u32 write_seq;
	__u64 tcp_clock_cache;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 srtt_us;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_retrans;
	__u32 total_retrans;
	_Bool is_mptcp;
};

struct list_head {
	struct list_head *next;
};

struct mptcp_sock {
	struct inet_connection_sock sk;
	__u64 remote_key;
	__u64 write_seq;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 bytes_consumed;
	__u64 bytes_acked;
	__u64 snd_una;
	_Bool rcv_fastclose;
	struct list_head conn_list;
	struct sock *first;
};

struct mptcp_subflow_context {
	struct list_head node;
	struct sock *tcp_sock;
	struct sock *conn;
};

enum sock_flags {
	SOCK_DEAD = 0,
	SOCK_DONE = 1,
};

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
	TCP_NEW_SYN_RECV = 12,
};

struct socket {
	enum {
		SS_FREE = 0,
		SS_UNCONNECTED = 1,
		SS_CONNECTING = 2,
		SS_CONNECTED = 3,
		SS_DISCONNECTING = 4,
	} state;
	__s16 type;
	struct file *file;
	struct sock *sk;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	const struct file_operations *f_op;
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	union {
		const struct path f_path;
	};
};

struct inode {
	__u16 i_mode;
	unsigned long i_ino;
};

struct timespec64 {
	__s64 tv_sec;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct fs_struct {
	struct path root;
};

struct qstr {
	const __u8 *name;
};

struct dentry {
	struct dentry *d_parent;
	union {
		const struct qstr d_name;
	};
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	unsigned int flags;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	unsigned int sessionid;
	__u64 self_exec_id;
	struct css_set *cgroups;
};

struct mm_struct {
	struct {
		unsigned long arg_start;
		unsigned long arg_end;
		struct file *exe_file;
	};
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct kernfs_node {
	__u64 id;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[0];
};

struct cred {
	kuid_t uid;
	kuid_t euid;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	atomic_t live;
	struct rlimit rlim[16];
};

struct trace_entry {
	__u16 type;
};

struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
};

struct seq_file {
	unsigned long size;
	unsigned long count;
};

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
	};
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task_file {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
	__u32 fd;
	union {
		struct file *file;
	};
};

struct bpf_iter__tcp {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct sock_common *sk_common;
	};
	unsigned int uid;
};

struct bpf_iter__task {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
};
struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

#pragma clang attribute pop

#endif /* __VMLINUX_H__ */
