/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_gzip.h - packs one segment, a slice at a time, so that its caller can do other things in between.
 * The packed file takes its name only when it is whole and on the disk; then the plain one is removed.
 */
#ifndef SOCKLIFE_AUDIT_GZIP_H
#define SOCKLIFE_AUDIT_GZIP_H

#include <stdbool.h>
#include <stdint.h>

struct audit_gzip;

/* In the directory `dir`, which stays the caller's. NULL with errno set. */
struct audit_gzip *audit_gzip__begin(int dir, uint64_t number, bool sync);
uint64_t audit_gzip__number(const struct audit_gzip *g);
/* 1: there is more to do, 0: done, *size is that of the packed file, -errno: it stays plain. */
int audit_gzip__step(struct audit_gzip *g, uint64_t *size);
/* Ends it, whole or not. NULL is fine. */
void audit_gzip__free(struct audit_gzip *g);

#endif
