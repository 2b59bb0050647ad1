/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_pack.h - packs the complete segments of a directory one after the other, the oldest first.
 */
#ifndef SOCKLIFE_AUDIT_PACK_H
#define SOCKLIFE_AUDIT_PACK_H

#include "audit_dir.h"

struct audit_gzip;

struct audit_pack {
	struct audit_gzip *gzip; /* of one of them, NULL: none */
	uint64_t not_before_ns;
	int error; /* -errno: why the last one stays plain that could not be packed */
};

/* A slice of the work. False: there is none. */
bool audit_pack__step(struct audit_pack *p, struct audit_dir *d, bool sync);
/* This segment is about to go. */
void audit_pack__forget(struct audit_pack *p, uint64_t number);
void audit_pack__free(struct audit_pack *p);

#endif
