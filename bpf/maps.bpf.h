/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.bpf.h - every map, and the settings. Weak, so that the linker makes one of each out of the
 * several objects.
 */
#ifndef SOCKLIFE_MAPS_BPF_H
#define SOCKLIFE_MAPS_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "facts.h"
#include "ring.h"
#include "settings.h"

#define AF_INET       2
#define AF_INET6      10
#define IPPROTO_TCP   6
#define IPPROTO_UDP   17
#define IPPROTO_MPTCP 262

extern const volatile struct settings settings;

/* To zero a field with, or to make facts of: BPF has no memset() of any length. */
extern const volatile char zeroes[PROCESS_EXE_MAX];
/* Bumped by userspace each time it has read the loss counters. */
extern volatile __u64 loss_epoch;
/* socklife itself, as the init pid namespace numbers it: whoami() finds out. */
extern volatile __u32 self_tgid;
/* CLOCK_BOOTTIME - CLOCK_MONOTONIC: changes at a suspend. */
extern volatile __s64 boottime_offset;
/* Set with the first entry of the map early_accepts. */
extern volatile __u8 accepts_early;
/* Set where nothing may follow soon that finds such an entry: userspace then looks at all sockets. */
extern volatile __u8 accepts_unknown;
/* UDP connect() calls in flight: while there are none, sys_exit_connect need not look for one. */
extern volatile __s64 udp_connects;
/* Of the ring. */
extern volatile struct ring_positions ring_positions;
/* While set, what socklife forks is followed: trace -- CMD. */
extern volatile __u8 adopt_children;
/* Processes in filter_pids while a tree is followed. */
extern volatile __s64 tree_size;

struct ring_chunk {
	__u8 bytes[RING_CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RING_SIZE_DEFAULT / RING_CHUNK);
	__type(key, __u32);
	__type(value, struct ring_chunk);
} ring __weak SEC(".maps");

/* Wakes the reader: an array cannot. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* a page: userspace says how large one is */
} bell __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_KERNEL_REASONS);
	__type(key, __u32);
	__type(value, struct loss_count);
} losses __weak SEC(".maps");

/* Facts by cookie: one array access for nearly every socket ... */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FACTS_SLOTS);
	__type(key, __u32);
	__type(value, struct facts);
} slots __weak SEC(".maps");

/* ... and a hash for those whose slot a live socket holds already. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FACTS_SPILL_MAX);
	__type(key, __u64);
	__type(value, struct facts);
} spill __weak SEC(".maps");

/* MPTCP sockets that a listener made, by address: which facts are theirs (mptcp.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MPTCP_CHILDREN_MAX);
	__type(key, __u64);   /* address */
	__type(value, __u64); /* cookie of the first subflow, which is the id */
} mptcp_children __weak SEC(".maps");

/* A call in flight, by thread. */
enum { CALL_BIND = 1, CALL_UDP_CONNECT, CALL_LISTENER_CLOSE };

struct call {
	__u64 cookie;
	__u8 addr[ADDR_LEN];
	__u16 port;
	__u8 kind;
	__u8 pad[5];
};

/* Least recently used: a call that never returns through its exit (io_uring) leaves its entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SCRATCH_MAX);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct call);
} calls __weak SEC(".maps");

/*
 * accept() returned a connection that had no cookie: its handshake is not over (TCP Fast Open), was over before the
 * start, or ended in an interrupt of the program that would have seen it.
 */
struct early_accept {
	struct ev_actor actor;
	__u64 now;
	__u64 established_ns;
	__u64 listener;
	__u64 inode;
	__s32 fd;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SCRATCH_MAX);
	__type(key, __u64); /* the socket's address */
	__type(value, struct early_accept);
} early_accepts __weak SEC(".maps");

/* Destinations of an unconnected UDP socket, as 64-bit hashes. */
struct peers {
	__u64 last;
	__u64 hash[PEERS_PER_SOCK];
	__u32 count;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PEER_SOCKS_MAX);
	__type(key, __u64); /* cookie */
	__type(value, struct peers);
} udp_peers __weak SEC(".maps");

/* A zero value for udp_peers: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct peers);
} no_peers __weak SEC(".maps");

/*
 * Which processes userspace has been told of. Looked at by every program that records who acted, so
 * the ones that act now are in an array, by the low bits of their number; the hash has the others.
 */
struct told {
	__u64 start_ns;
	__u32 exec;
	__u32 tgid; /* in the hash: 0 for one that was told as an ancestor only */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TOLD_SLOTS);
	__type(key, __u32);
	__type(value, struct told);
} told_now __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TOLD_MAX);
	__type(key, __u32); /* thread group */
	__type(value, struct told);
} told __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TREE_MAX);
	__type(key, __u32);   /* thread group */
	__type(value, __u32); /* FOLLOWED, FOLLOWED_DEAD */
} filter_pids __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_SET_MAX);
	__type(key, __u32);
	__type(value, __u8);
} filter_uids __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_SET_MAX);
	__type(key, __u32); /* inode of the network namespace */
	__type(value, __u8);
} filter_netns __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_SET_MAX);
	__type(key, __u64); /* cgroup id */
	__type(value, __u8);
} filter_cgroups __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIDES *PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} filter_ports __weak SEC(".maps");

#endif
