/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_hist.h - percentiles of any number of values in fixed memory: values are kept to 7 significant
 * bits, rounded down, so a percentile is at most 1.6 % too low. Count, sum, least and most are exact.
 */
#ifndef SOCKLIFE_REPORT_HIST_H
#define SOCKLIFE_REPORT_HIST_H

#include <stdint.h>

#define HIST_BITS    6 /* below the highest one */
#define HIST_BUCKETS ((64 - HIST_BITS + 1) << HIST_BITS)

struct report_hist {
	uint64_t count, sum, least, most;
	uint64_t buckets[HIST_BUCKETS];
};

void report_hist__add(struct report_hist *h, uint64_t value);
/* The smallest value that `permille` of the values do not pass (nearest rank), rounded down; 0 where there are none. */
uint64_t report_hist__at(const struct report_hist *h, unsigned int permille);

#endif
