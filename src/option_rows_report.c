/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * option_rows_report.c - the options of `report`, and of `ports` for a log: which part of it, in which form.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "command.h"
#include "options.h"
#include "parse.h"

static int set_time(struct options *o, const struct option_row *row, const char *value)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	if (parse__time(value, (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec, &ns))
		return -EINVAL;
	*(uint64_t *)((char *)o + row->field) = ns ? ns : 1; /* 0: not given */
	return 0;
}

/* Decimal, as in JSON; or as text prints it: sk:15d2b, 0x15d2b. */
static int set_socket(struct options *o, const struct option_row *row, const char *value)
{
	const char *digits = value;
	uint64_t id = 0;

	(void)row;
	if (!strncmp(value, "sk:", 3))
		digits = value + 3;
	else if (!strncmp(value, "0x", 2))
		digits = value + 2;
	else
		return parse__unsigned(value, 1, UINT64_MAX, &o->report.sock);
	if (!*digits || strlen(digits) > 16)
		return -EINVAL;
	for (; *digits; digits++) {
		const char *hex = "0123456789abcdefABCDEF", *at = strchr(hex, *digits);

		if (!at)
			return -EINVAL;
		id = id << 4 | (uint64_t)(at - hex < 16 ? at - hex : at - hex - 6);
	}
	if (!id)
		return -EINVAL;
	o->report.sock = id;
	return 0;
}

#define WRONG_MOMENT                                                                                 \
	"is not a time: give 2026-05-03T03:12:00Z, \"2026-05-03 03:12\", 2026-05-03, 03:12, today, " \
	"yesterday, now, or -2h; local time unless a zone is given"

const struct option_row option_rows_report[] = {
	{ .name = "since",
	  .arg = "TIME",
	  .fallback = "the first record",
	  .help = "from this time on: RFC 3339, 2026-05-03 03:12, 03:12, yesterday or -2h",
	  .wrong = WRONG_MOMENT,
	  .section = SECTION_REPORT,
	  .groups = OPTS_REPORT,
	  .field = offsetof(struct options, report.since_ns),
	  .parse = set_time },
	{ .name = "until",
	  .arg = "TIME",
	  .fallback = "the last record",
	  .help = "and up to this one",
	  .wrong = WRONG_MOMENT,
	  .section = SECTION_REPORT,
	  .groups = OPTS_REPORT,
	  .field = offsetof(struct options, report.until_ns),
	  .parse = set_time },
	{ .name = "at",
	  .arg = "TIME",
	  .fallback = "now",
	  .help = "how it was at this time, from LOG: RFC 3339, 2026-05-03 03:12, 03:12, yesterday or -2h",
	  .wrong = WRONG_MOMENT,
	  .section = SECTION_REPORT,
	  .groups = OPTS_AT,
	  .field = offsetof(struct options, report.at_ns),
	  .parse = set_time },
	{ .name = "socket",
	  .arg = "ID",
	  .fallback = "none",
	  .help = "the life of this socket, record by record",
	  .wrong = "is not a socket's id: give it in decimal, or in hex as text prints it, such as "
		   "sk:15d2b",
	  .section = SECTION_REPORT,
	  .groups = OPTS_REPORT,
	  .parse = set_socket },
	{ .name = "findings",
	  .help = "only the findings, with what to do about them",
	  .section = SECTION_REPORT,
	  .groups = OPTS_REPORT,
	  .field = offsetof(struct options, report.findings),
	  .parse = option__set_flag },
	{ .name = "html",
	  .arg = "FILE",
	  .fallback = "none",
	  .help = "write a page with charts to FILE, complete in itself",
	  .wrong = WRONG_FILE,
	  .section = SECTION_REPORT,
	  .groups = OPTS_REPORT,
	  .field = offsetof(struct options, report.html),
	  .parse = option__set_string },
	{ .name = NULL },
};
