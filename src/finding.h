/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finding.h - how a detector fills a finding.
 */
#ifndef SOCKLIFE_FINDING_H
#define SOCKLIFE_FINDING_H

#include "detect.h"

/* Begins one: all zero but id, severity, times and count 1. */
void finding__begin(struct finding *f, const struct detector *of, uint64_t now_ns);
/* Who met it, and where, from a record that has both. */
void finding__met_by(struct finding *f, const struct record *r);

/* One more key of the evidence, in the order of the calls; past EVIDENCE_MAX it is left out. */
void finding__number(struct finding *f, const char *key, uint64_t value);
void finding__flag(struct finding *f, const char *key, bool value);
void finding__address(struct finding *f, const char *key, const uint8_t *addr, uint16_t family);
__attribute__((format(printf, 3, 4))) void finding__text(struct finding *f, const char *key,
							 const char *format, ...);

/*
 * One more process, its counts in the order of f->count_keys; uid UINT32_MAX: not known. Past
 * FINDING_PROCESSES it is left out: give the most involved first.
 */
struct finding_process *finding__process(struct finding *f, const struct ev_owner *proc,
					 uint32_t uid);

/*
 * Hash of the id, the namespace and what the subject is: to be gone on with by detect__hash(). `netns`
 * NULL: none.
 */
uint64_t finding__key(const struct finding *f, const struct netns_ref *netns);
/*
 * The executable and cgroup of an actor, for the key: of the executable's path the pipeline has left a hash
 * in a->mark; where it is not known the process's name stands for it.
 */
uint64_t finding__key_program(uint64_t key, const struct ev_actor *a);

/* The namespace of a socket, and a process that is likely in it. */
struct netns_ref finding__netns(const struct ev_sock *s, const struct ev_actor *a);

#endif
