/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_hist.c - values sorted into buckets of 7 significant bits. */
#include "report_hist.h"

static unsigned int bucket_of(uint64_t v)
{
	unsigned int top, shift;

	if (v < 1u << HIST_BITS)
		return (unsigned int)v;
	top = 63 - (unsigned int)__builtin_clzll(v);
	shift = top - HIST_BITS;
	return ((shift + 1) << HIST_BITS) + (unsigned int)((v >> shift) & ((1u << HIST_BITS) - 1));
}

static uint64_t lowest_in(unsigned int bucket)
{
	unsigned int shift = bucket >> HIST_BITS;
	uint64_t low = bucket & ((1u << HIST_BITS) - 1);

	return shift ? (low | 1u << HIST_BITS) << (shift - 1) : low;
}

void report_hist__add(struct report_hist *h, uint64_t value)
{
	if (!h->count || value < h->least)
		h->least = value;
	if (value > h->most)
		h->most = value;
	h->count++;
	h->sum += value;
	h->buckets[bucket_of(value)]++;
}

uint64_t report_hist__at(const struct report_hist *h, unsigned int permille)
{
	uint64_t rank, seen = 0;

	if (!h->count)
		return 0;
	/* ceil(count * permille / 1000) without an overflow */
	rank = h->count / 1000 * permille + (h->count % 1000 * permille + 999) / 1000;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank && seen)
			return lowest_in(i);
	}
	return h->most;
}
