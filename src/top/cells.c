// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cells.c - the words of cells that more than one table or page has.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "top/columns.h"

#define SECOND 1000000000ull

void top_put__name(struct buf *b, const char *name, size_t max)
{
	size_t n = strnlen(name, max);

	if (n)
		buf__safe(b, name, n, false);
	else
		buf__char(b, '-');
}

/* Three digits at most before the unit, with one behind the point where the first is alone. */
static void put_scaled(struct buf *b, uint64_t n, unsigned int base, const char *units)
{
	uint64_t whole = n, rest = 0;
	char text[32];
	int len;

	if (n < base) {
		buf__u64(b, n);
		return;
	}
	for (; whole >= base && *units; units++) {
		rest = whole % base;
		whole /= base;
	}
	if (whole < 10)
		len = snprintf(text, sizeof(text), "%llu.%llu%c", (unsigned long long)whole,
			       (unsigned long long)(rest * 10 / base), units[-1]);
	else
		len = snprintf(text, sizeof(text), "%llu%c", (unsigned long long)whole, units[-1]);
	buf__put(b, text, len);
}

void top_put__count(struct buf *b, uint64_t n)
{
	put_scaled(b, n, 1000, "kMGTPE");
}

void top_put__bytes(struct buf *b, uint64_t n)
{
	put_scaled(b, n, 1024, "KMGTPE");
}

void top_put__age(struct buf *b, uint64_t ns)
{
	uint64_t s = ns / SECOND;

	if (s < 10) {
		buf__u64(b, s);
		buf__char(b, '.');
		buf__u64(b, ns / (SECOND / 10) % 10);
		buf__char(b, 's');
		return;
	}
	buf__u64(b, s < 100 ? s : s < 6000 ? s / 60 : s < 360000 ? s / 3600 : s / 86400);
	buf__char(b, s < 100 ? 's' : s < 6000 ? 'm' : s < 360000 ? 'h' : 'd');
}

void top_put__micros(struct buf *b, uint64_t us)
{
	char text[32];
	int n;

	if (us < 1000)
		n = snprintf(text, sizeof(text), "%lluus", (unsigned long long)us);
	else if (us < 10000)
		n = snprintf(text, sizeof(text), "%llu.%llums", (unsigned long long)us / 1000,
			     (unsigned long long)us / 100 % 10);
	else if (us < 1000000)
		n = snprintf(text, sizeof(text), "%llums", (unsigned long long)us / 1000);
	else {
		top_put__age(b, us * 1000);
		return;
	}
	buf__put(b, text, n);
}

void top_put__end(struct buf *b, const uint8_t *addr, int family, uint16_t port)
{
	bool brackets = !addr__is_ipv4(addr, family);
	char text[ADDR_TEXT];
	size_t n = addr__text(text, addr, family);

	if (brackets)
		buf__char(b, '[');
	buf__put(b, text, n);
	if (brackets)
		buf__char(b, ']');
	buf__char(b, ':');
	buf__u64(b, port);
}

void top_put__local(struct buf *b, const struct ev_sock *s)
{
	if (sink__has_local(s))
		top_put__end(b, s->laddr, s->family, s->lport);
	else
		buf__char(b, '-');
}

void top_put__remote(struct buf *b, const struct ev_sock *s)
{
	if (s->rport)
		top_put__end(b, s->raddr, s->family, s->rport);
	else
		buf__char(b, '-');
}

/* Open, but its connect(), bind() or listen() has failed. */
static bool has_failed(const struct top_sock *s)
{
	return !s->closed_ns && s->error && s->state == TCP_CLOSE && sock__is_tcp(&s->sock);
}

static bool ended_badly(enum reason reason)
{
	static const bool badly[REASONS] = {
		[REASON_LOCAL_RESET] = true,   [REASON_REMOTE_RESET] = true,
		[REASON_TIMEOUT] = true,       [REASON_REFUSED] = true,
		[REASON_UNREACHABLE] = true,   [REASON_ABANDONED] = true,
		[REASON_ABORTED] = true,       [REASON_BIND_FAILED] = true,
		[REASON_LISTEN_FAILED] = true, [REASON_CONNECT_FAILED] = true,
	};

	return badly[reason];
}

const char *top_sock__state(const struct top_sock *s)
{
	const char *error = has_failed(s) ? strerrorname_np(-s->error) : NULL;

	if (s->closed_ns)
		return reason_names[s->reason];
	if (error)
		return error;
	if (s->queued)
		return "QUEUED";
	return sink__state_name(s->state);
}

enum top_style top_sock__state_style(const struct top_sock *s)
{
	if (s->closed_ns)
		return ended_badly(s->reason) ? STYLE_FAILED : STYLE_DIM;
	if (has_failed(s))
		return STYLE_BAD;
	if (s->queued)
		return STYLE_WARN;
	if (s->sock.proto == IPPROTO_UDP)
		return STYLE_UDP;
	switch (s->state) {
	case TCP_ESTABLISHED:
	case TCP_LISTEN:
		return STYLE_GOOD;
	case TCP_CLOSE_WAIT:
		return STYLE_WARN;
	case TCP_CLOSE:
		return STYLE_PLAIN;
	}
	return STYLE_BUSY;
}

void top_put__glyphs(struct top_put *p, enum top_glyph glyph, unsigned int n)
{
	wchar_t c = top_glyph(p->grid, glyph);
	char text[3] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
			 (char)(0x80 | (c & 0x3f)) };

	for (; n; n--) {
		if (c < 0x80)
			buf__char(&p->text, (char)c);
		else if (c < 0x800)
			buf__put(&p->text, (char[]){ (char)(0xc0 | c >> 6), text[2] }, 2);
		else
			buf__put(&p->text, text, sizeof(text));
	}
}

void top_put__options(struct buf *b, const struct top_sock *s)
{
	size_t before = b->len;
	int i;

	for (i = 0; i < SINK_OPTIONS; i++) {
		if (!(s->sock.options >> i & 1))
			continue;
		if (b->len > before)
			buf__char(b, ' ');
		buf__str(b, sink_option_names[i]);
	}
	if (s->sock.ifindex)
		buf__str(b, b->len > before ? " device" : "device");
	if (b->len == before && !s->options_known)
		buf__char(b, '?');
}

void top_put__clock(struct buf *b, const struct wall *wall, uint64_t boot_ns, int digits)
{
	uint64_t ns = boot_ns + wall->offset_ns, s = ns / SECOND + wall->gmtoff_s;
	struct stamp stamp = { 0 };
	char fraction[16] = ".";

	buf__put(b, stamp__seconds(&stamp, s) + 11, 8);
	if (!digits)
		return;
	stamp__fraction(fraction + 1, ns % SECOND, digits);
	buf__put(b, fraction, digits + 1);
}
