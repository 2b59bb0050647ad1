// SPDX-License-Identifier: GPL-2.0-or-later
/* view_help.c - the keys, on a page of their own. */
#include <string.h>

#include "top/view.h"

static const struct {
	const char *key, *what;
} help[] = {
	{ "1 2 3 4, Tab", "Connections, Listeners, Ports, Findings" },
	{ "up down, PgUp PgDn, Home End", "move; the row stays yours while others come and go" },
	{ "Enter", "Connections, Listeners: the whole life of the socket, as a timeline" },
	{ "", "groups: the sockets of this one. Findings: message, evidence, holders, advice" },
	{ "", "Ports: the connections to this destination" },
	{ "Esc, Backspace", "back" },
	{ "<  >", "sort by the column to the left, to the right" },
	{ "r", "reverse the order" },
	{ "left right", "columns make room for those behind; Ports: another namespace" },
	{ "/", "filter by any text, as you type; Enter keeps it, Esc takes it off" },
	{ "g", "Connections: by process, destination, local port, container, each on its own" },
	{ "p, Space", "pause the screen; tracing goes on" },
	{ "?, F1", "this page" },
	{ "q, F10", "quit" },
	{ "Ctrl-L", "paint the screen anew" },
};

static const char *const words[] = {
	"STATE is the kernel's, as ss shows it. QUEUED: established, and accept() has not taken it. A "
	"closed socket is shown dimmed for 5 s with how it ended (at most 16 384 of them).",
	"TX is payload that the peer acknowledged, RX payload that the kernel received. The counters, "
	"RTT, RETRANS and the queues are read from the kernel once a refresh, less often where that would "
	"take more than a fifth of the time. What opens, closes and fails comes from events at once.",
	"QUEUED: how long a connection waited for accept(), or does so far. ACCEPT QUEUE: how many wait, of "
	"how many that may. DROPS: connections, for UDP datagrams, that the kernel threw away; red: some in "
	"this trace.",
	"Opened and closed a second count connections established and ended at an end on this host: one "
	"over loopback counts twice.",
	"LEFT (Ports): until no ephemeral port is left for this destination, if it goes on like this.",
};

void top_help__write(struct top_sheet_text *t)
{
	size_t i;

	top_sheet__print(t, STYLE_STRONG, "Keys");
	for (i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		top_sheet__print(t, STYLE_PLAIN, "  %-30s %s", help[i].key, help[i].what);
	top_sheet__print(t, STYLE_PLAIN, " ");
	top_sheet__print(t, STYLE_STRONG, "What is shown");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		top_sheet__wrap(t, STYLE_PLAIN, 2, words[i], strlen(words[i]));
}
