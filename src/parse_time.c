/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse_time.c - a moment as people write it. strptime() is not used: it takes spaces, short and overlong
 * numbers, and the 31st of February.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "parse.h"

#define NS_PER_S  1000000000ull
#define YEAR_LAST 2200

/* Exactly n digits; NULL where there are others. */
static const char *digits(const char *s, int n, int low, int high, int *value)
{
	int v = 0;

	for (int i = 0; i < n; i++, s++) {
		if (*s < '0' || *s > '9')
			return NULL;
		v = 10 * v + (*s - '0');
	}
	if (v < low || v > high)
		return NULL;
	*value = v;
	return s;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (!(year % 4) && year % 100) || !(year % 400);

	return days[month - 1] + (month == 2 && leap);
}

/* 2026-05-03 */
static const char *take_date(const char *s, struct tm *tm)
{
	int year, month, day;

	s = digits(s, 4, 1970, YEAR_LAST, &year);
	if (!s || *s != '-')
		return NULL;
	s = digits(s + 1, 2, 1, 12, &month);
	if (!s || *s != '-')
		return NULL;
	s = digits(s + 1, 2, 1, days_in(year, month), &day);
	if (!s)
		return NULL;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return s;
}

/* .123456789, at most nanoseconds */
static const char *take_fraction(const char *s, uint32_t *ns)
{
	uint32_t unit = NS_PER_S / 10;

	*ns = 0;
	if (*s != '.')
		return s;
	s++;
	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
		*ns += (uint32_t)(*s - '0') * unit;
	return s;
}

/* 03:12, 03:12:59, 03:12:59.5 */
static const char *take_clock(const char *s, struct tm *tm, uint32_t *ns)
{
	*ns = 0;
	s = digits(s, 2, 0, 23, &tm->tm_hour);
	if (!s || *s != ':')
		return NULL;
	s = digits(s + 1, 2, 0, 59, &tm->tm_min);
	if (!s || *s != ':')
		return s;
	s = digits(s + 1, 2, 0, 59, &tm->tm_sec);
	return s ? take_fraction(s, ns) : NULL;
}

/* Z, +02:00, or nothing: *zone is false then. */
static const char *take_zone(const char *s, bool *zone, int *east_s)
{
	int hours, minutes, sign = *s == '-' ? -1 : 1;

	*zone = *s != '\0';
	*east_s = 0;
	if (!*s)
		return s;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return NULL;
	s = digits(s + 1, 2, 0, 23, &hours);
	if (!s || *s != ':')
		return NULL;
	s = digits(s + 1, 2, 0, 59, &minutes);
	*east_s = sign * (3600 * hours + 60 * minutes);
	return s;
}

static int finish(time_t seconds, uint32_t fraction_ns, uint64_t *ns)
{
	if (seconds < 0)
		return -EINVAL;
	*ns = (uint64_t)seconds * NS_PER_S + fraction_ns;
	return 0;
}

/*
 * mktime() with tm_isdst -1 chooses one of two moments as it likes, and makes one up where there is none: it
 * is asked for both, and what it changed was no time of that day.
 */
static int local_time(const struct tm *tm, uint32_t fraction_ns, uint64_t *ns)
{
	time_t best = -1;

	for (int dst = 0; dst <= 1; dst++) {
		struct tm asked = *tm, is;
		time_t seconds;

		asked.tm_isdst = dst;
		seconds = mktime(&asked);
		if (seconds < 0 || !localtime_r(&seconds, &is) || is.tm_hour != tm->tm_hour ||
		    is.tm_min != tm->tm_min || is.tm_mday != tm->tm_mday)
			continue;
		if (best < 0 || seconds < best)
			best = seconds;
	}
	return finish(best, fraction_ns, ns);
}

static int on_day_of(uint64_t now_ns, int days, const char *clock, uint64_t *ns)
{
	time_t seconds = (time_t)(now_ns / NS_PER_S);
	struct tm tm, noon;
	uint32_t fraction = 0;

	if (!localtime_r(&seconds, &noon))
		return -EINVAL;
	noon.tm_mday += days;
	noon.tm_hour = 12; /* no change of the clock makes it another day */
	noon.tm_isdst = -1;
	if (mktime(&noon) < 0)
		return -EINVAL;
	tm = (struct tm){ .tm_year = noon.tm_year, .tm_mon = noon.tm_mon, .tm_mday = noon.tm_mday };
	if (clock && (!(clock = take_clock(clock, &tm, &fraction)) || *clock))
		return -EINVAL;
	return local_time(&tm, fraction, ns);
}

static int before(const char *duration, uint64_t now_ns, uint64_t *ns)
{
	uint64_t ago;

	if (parse__duration(duration, &ago) || ago > now_ns)
		return -EINVAL;
	*ns = now_ns - ago;
	return 0;
}

int parse__time(const char *s, uint64_t now_ns, uint64_t *ns)
{
	struct tm tm = { 0 };
	uint32_t fraction = 0;
	const char *rest;
	int east_s = 0;
	bool zone = false;

	if (*s == '-')
		return before(s + 1, now_ns, ns);
	if (!strcmp(s, "now")) {
		*ns = now_ns;
		return 0;
	}
	if (!strcmp(s, "today"))
		return on_day_of(now_ns, 0, NULL, ns);
	if (!strcmp(s, "yesterday"))
		return on_day_of(now_ns, -1, NULL, ns);
	if (strlen(s) > 2 && s[2] == ':')
		return on_day_of(now_ns, 0, s, ns);
	rest = take_date(s, &tm);
	if (rest && *rest) {
		if (*rest != ' ' && *rest != 'T' && *rest != 't')
			return -EINVAL;
		rest = take_clock(rest + 1, &tm, &fraction);
		rest = rest ? take_zone(rest, &zone, &east_s) : NULL;
	}
	if (!rest || *rest)
		return -EINVAL;
	return zone ? finish(timegm(&tm) - east_s, fraction, ns) : local_time(&tm, fraction, ns);
}
