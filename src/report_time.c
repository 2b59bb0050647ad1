/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_time.c - differences by interval, doubled in length when the log is longer than they are. */
#include <string.h>
#include "report_time.h"

static void halve(struct report_timeline *t)
{
	unsigned int odd = t->first & 1, n = (t->n + odd + 1) / 2;

	if (odd) /* room for the interval's first half: its place is the one of row 0 */
		t->first--;
	for (unsigned int i = 0; i < n; i++) {
		int64_t sum[AT_COUNTS] = { 0 };

		for (unsigned int half = 0; half < 2; half++) {
			unsigned int at = 2 * i + half;

			if (at < odd || at - odd >= t->n)
				continue;
			for (unsigned int k = 0; k < AT_COUNTS; k++)
				sum[k] += t->rows[at - odd][k];
		}
		memcpy(t->rows[i], sum, sizeof(sum));
	}
	memset(t->rows[n], 0, (TIMELINE_MAX - n) * sizeof(t->rows[0]));
	t->first /= 2;
	t->n = n;
	t->width_ns *= 2;
}

void report_timeline__add(struct report_timeline *t, uint64_t ts_ns, unsigned int what, int64_t n)
{
	uint64_t at, last;

	if (!t->n) {
		t->width_ns = t->width_ns ? t->width_ns : TIMELINE_WIDTH;
		t->first = ts_ns / t->width_ns;
		t->n = 1;
	}
	for (;;) {
		at = ts_ns / t->width_ns;
		last = t->first + t->n - 1;
		if (at >= t->first && at - t->first < TIMELINE_MAX)
			break;
		if (at < t->first && last - at < TIMELINE_MAX)
			break;
		halve(t);
	}
	if (at < t->first) {
		unsigned int shift = (unsigned int)(t->first - at);

		memmove(t->rows[shift], t->rows[0], t->n * sizeof(t->rows[0]));
		memset(t->rows[0], 0, shift * sizeof(t->rows[0]));
		t->n += shift;
		t->first = at;
	} else if (at > last) {
		t->n = (unsigned int)(at - t->first) + 1;
	}
	t->rows[at - t->first][what] += n;
}
