/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_text.h - inside of the text of `socklife ports`: what ports_text.c and ports_story.c share.
 */
#ifndef SOCKLIFE_PORTS_TEXT_H
#define SOCKLIFE_PORTS_TEXT_H

#include <stdarg.h>
#include "ports_group.h"
#include "ports_print.h"
#include "table.h"

/* A line of its own words; nothing that comes from outside. */
__attribute__((format(printf, 2, 3))) void ports_text__line(const struct ports_print *c,
							    const char *format, ...);
void ports_text__addr(struct buf *b, const struct ev_sock *s);
void ports_text__end(struct buf *b, const uint8_t *addr, int family, uint16_t port);
const char *ports_text__state(const struct ports_sock *s);
void ports_text__process(struct buf *b, const struct ports_process *process);
void ports_text__processes(struct buf *b, const struct ports *p, const struct ports_sock *s,
			   unsigned int max);
void ports_text__time(struct buf *b, const struct ports_print *c, uint64_t boot_ns);
void ports_text__states(struct buf *b, const uint32_t *states, uint8_t proto);
void ports_text__netns(struct buf *b, const struct ports_netns *n);
/* What a namespace is, unless it is the caller's own; a blank line before it unless it is the first. */
void ports_text__heading(const struct ports_print *c, const struct ports_netns *n, bool first);

/* `one_port`: of the port asked about, whose number and name the heading has. */
struct table ports_text__port_table(bool one_port);
void ports_text__port_row(const struct ports_print *c, struct table *t, const struct ports_sock *s,
			  unsigned int processes);
void ports_text__budget(const struct ports_print *c);

/* ports_story.c: all about the port that was asked about */
void ports_story__print(const struct ports_print *c);

#endif
