/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind, listen, accept and connect by io_uring, where the kernel has them (bind and listen: Linux 6.11); what it has
 * not is done by system call. Raw calls: liburing is not needed.
 */
#include <linux/io_uring.h>
#include <sys/mman.h>

#include "trigger.h"

#define OP_BIND   56 /* newer than Debian 12's header */
#define OP_LISTEN 57

struct ring {
	int fd;
	struct io_uring_params params;
	struct io_uring_sqe *sqes;
	char *sq, *cq;
};

static unsigned int *at(char *base, unsigned int offset)
{
	return (unsigned int *)(base + offset);
}

static void *ring_map(const struct ring *ring, size_t len, long offset)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			    offset);

	if (memory == MAP_FAILED)
		die("mmap io_uring");
	return memory;
}

static void ring_open(struct ring *ring)
{
	const struct io_uring_params *p = &ring->params;

	memset(ring, 0, sizeof(*ring));
	ring->fd = must(syscall(__NR_io_uring_setup, 4, &ring->params), "io_uring_setup");
	ring->sq = ring_map(ring, p->sq_off.array + p->sq_entries * sizeof(unsigned int),
			    IORING_OFF_SQ_RING);
	ring->cq = ring_map(ring, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			    IORING_OFF_CQ_RING);
	ring->sqes = ring_map(ring, p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

/* One operation to its end: its result, a negative errno where it failed. */
static int ring_do(struct ring *ring, int op, int fd, const void *addr, unsigned int len,
		   uint64_t off)
{
	const struct io_uring_params *p = &ring->params;
	unsigned int tail = *at(ring->sq, p->sq_off.tail), head = *at(ring->cq, p->cq_off.head);
	unsigned int index = tail & *at(ring->sq, p->sq_off.ring_mask);
	const struct io_uring_cqe *done = (const void *)(ring->cq + p->cq_off.cqes);

	ring->sqes[index] = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .addr = (uintptr_t)addr, .len = len, .off = off
	};
	at(ring->sq, p->sq_off.array)[index] = index;
	__atomic_store_n(at(ring->sq, p->sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	must(syscall(__NR_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0),
	     "io_uring_enter");
	if (__atomic_load_n(at(ring->cq, p->cq_off.tail), __ATOMIC_ACQUIRE) == head)
		die("io_uring: nothing completed");
	done += head & *at(ring->cq, p->cq_off.ring_mask);
	len = done->res;
	__atomic_store_n(at(ring->cq, p->cq_off.head), head + 1, __ATOMIC_RELEASE);
	return len;
}

static int result(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return must(-1, what);
}

static void client(int server)
{
	struct ring ring;
	union address a;
	socklen_t len;
	int fd;

	ring_open(&ring);
	fd = tcp(AF_INET);
	len = address_set(&a, "127.0.0.1", hear(server));
	result(ring_do(&ring, IORING_OP_CONNECT, fd, &a, 0, len), "connect by io_uring");
	fact_sock("client", fd);
	send_bytes(fd, 5);
	recv_bytes(fd, 7);
	close(fd);
}

int main(void)
{
	int peer, fd, child, ret;
	struct ring ring;
	union address a;
	socklen_t len = address_set(&a, "127.0.0.1", 0);

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	ring_open(&ring);
	fd = tcp(AF_INET);
	ret = ring_do(&ring, OP_BIND, fd, &a, 0, len);
	fact("bind_by_ring=%d", ret != -EINVAL);
	if (ret == -EINVAL)
		must(try_bind(fd, "127.0.0.1", 0), "bind");
	else
		result(ret, "bind by io_uring");
	ret = ring_do(&ring, OP_LISTEN, fd, NULL, 8, 0);
	if (ret == -EINVAL)
		must(listen(fd, 8), "listen");
	else
		result(ret, "listen by io_uring");
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = result(ring_do(&ring, IORING_OP_ACCEPT, fd, NULL, 0, 0), "accept by io_uring");
	fact_sock("child", child);
	recv_bytes(child, 5);
	send_bytes(child, 7);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
