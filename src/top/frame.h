/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - the model at one moment: all that a screen is drawn from, so that keys are answered, and a
 * pause lasts, without the model. Zeroed, it is empty; taken again and again; freed once.
 */
#ifndef SOCKLIFE_TOP_FRAME_H
#define SOCKLIFE_TOP_FRAME_H

#include "top/model.h"
#include "top/port_space.h"

#define TOP_STATES 13 /* by TCP_* */

/* Who has a socket, in words; "" where it is not known. */
struct top_process {
	struct ev_owner proc;
	char exe[PROCESS_EXE_MAX];
	char args[PROCESS_ARGS_MAX + 1]; /* with spaces between */
	char user[PROCESS_USER_MAX];
	char cgroup[256];
	char parents[PROCESS_PARENTS * (COMM_LEN + 16)];
	uint32_t uid;
	bool uid_known;
};

/* The whole life of one socket. */
struct top_story {
	uint64_t cookie; /* 0: none is wanted */
	bool found;      /* else it is not known any more */
	bool has_process;
	struct top_sock sock;
	struct top_process process;
	struct top_event events[TOP_EVENTS_SOCK];
	size_t n, left_out;    /* so many are missing, behind: */
	size_t left_out_after; /* so many */
};

struct top_frame {
	uint64_t seq; /* rising: of each one taken */
	uint64_t now_ns, started_ns;
	uint64_t walked_ns; /* when the kernel's sockets were read last, 0: not yet */
	struct wall wall;   /* the taker's to set */
	char host[65];
	uint64_t events_rate, opened_rate, closed_rate; /* a second */
	uint64_t lost[LOST_REASONS];
	uint32_t open_findings[SEVERITY_ERROR + 1];
	/* of all sockets that are open, also without TOP_TAKE_SOCKS: */
	uint32_t open, udp, states[TOP_STATES]; /* states: TCP */
	uint32_t queued;                        /* of them: wait for accept() */
	struct top_sock *socks; /* those that are wanted, closed ones too, in no order */
	size_t n_socks, room_socks;
	struct top_finding **findings; /* newest first */
	size_t n_findings;
	struct top_ports *ports; /* NULL: not counted yet */
	struct top_story story;
	uint32_t what;    /* TOP_TAKE_*: what is in it */
	bool rates_taken; /* they are of the time since the frame before */
	bool incomplete;  /* no memory for some of it */
};

void top_frame__free(struct top_frame *f);
/* For the story that story.cookie asks for; a frame's other parts stay. */
void top_model__tell_story(struct top_model *m, struct top_story *s);

void top_finding__put(struct top_finding *f); /* accepts NULL */

/* Shown among the listeners: what takes connections, or datagrams from anybody, on a port of its own. */
bool top_sock__is_listener(const struct top_sock *s);

#endif
