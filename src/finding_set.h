/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finding_set.h - the findings of one detector that are open, by key: open once, at most one update in
 * ten seconds, closed when over. Detectors say what they see; this says when it is told.
 */
#ifndef SOCKLIFE_FINDING_SET_H
#define SOCKLIFE_FINDING_SET_H

#include "detect.h"

#define FINDING_UPDATE_NS (10 * 1000000000ull)
#define FINDING_QUIET_NS  (60 * 1000000000ull)

struct open_finding {
	struct finding f;
	uint64_t subject;  /* the detector's own, 0: none */
	uint64_t asked_ns; /* the same: when the kernel was asked last */
	uint64_t emitted_ns;
	uint64_t emitted_count;
};

/* All zero is an empty set. */
struct finding_set {
	struct open_finding **list;
	size_t n, room;
};

/* What was met last of this key, or subject; NULL: none is open. Valid until the next call that closes. */
struct open_finding *finding_set__of_key(const struct finding_set *s, uint64_t key);
struct open_finding *finding_set__of_subject(const struct finding_set *s, uint64_t subject);

/*
 * Met, at f->last_ns. With a key that is not open: opens it and tells, and the one longest not met is
 * closed where there are 1024. Else its message, evidence and holders replace those from before, `first_ns`
 * stays, `count` grows by f->count (gauge: becomes it). NULL: no memory.
 */
struct open_finding *finding_set__met(struct finding_set *s, struct detect *d,
				      const struct finding *f);
/* How much of something is in use, and at which percentage of it that is told, and is over. */
struct fill {
	uint64_t used, max; /* max 0: there is none */
	unsigned int open_percent, close_percent;
};

/*
 * `f` was just begun and is about this namespace: it gets its key and what is in use as its count. False: there is nothing
 * to be told, and what was open is closed; true: the rest is to be filled in, for finding_set__met().
 */
bool finding_set__fills(struct finding_set *s, struct detect *d, struct finding *f,
			const struct netns_ref *net, const struct fill *fill);
/* Tells now what finding_set__met() kept for later: for what has become worse. Not if it has just told it. */
void finding_set__hurry(struct open_finding *o, struct detect *d, uint64_t now_ns);
/* Met again, with nothing new to say. */
void finding_set__again(struct open_finding *o, struct detect *d, uint64_t now_ns);
/* It is over. */
void finding_set__close(struct finding_set *s, struct detect *d, struct open_finding *o,
			uint64_t now_ns);
/* Tells updates that are due, and closes what was not met for quiet_ns (0: closes nothing). */
void finding_set__tick(struct finding_set *s, struct detect *d, uint64_t now_ns, uint64_t quiet_ns);
/* Closes all and frees. */
void finding_set__end(struct finding_set *s, struct detect *d, uint64_t now_ns);

#endif
