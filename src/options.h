/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the command line, as data. One row an option: it parses, checks, names itself in errors
 * and prints its own help (options.c). Filters are the same words in every command.
 */
#ifndef SOCKLIFE_OPTIONS_H
#define SOCKLIFE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "settings.h"

#define OPTION_SET_MAX 64 /* values in one --container, --unit, --cgroup, --errno */

/* What selects sockets. Everything here is asked in the kernel (settings.h). */
struct socket_filter {
	uint32_t on;               /* FILTER_* */
	bool follow;               /* --follow: descendants of --pid too */
	bool tcp, udp, ipv4, ipv6; /* all true when not limited */
	uint32_t pids[FILTER_SET_MAX];
	size_t n_pids;
	uint32_t uids[FILTER_SET_MAX];
	size_t n_uids;
	char comms[FILTER_COMMS][COMM_LEN]; /* zero padded */
	size_t n_comms;
	uint64_t ports[SIDES][PORT_WORDS];
	struct filter_cidr cidrs[SIDES][FILTER_CIDRS];
	size_t n_cidrs[SIDES];
	uint32_t netns[FILTER_SET_MAX]; /* inode numbers */
	size_t n_netns;
	const char *cgroups[OPTION_SET_MAX]; /* paths below the cgroup2 root, or full paths */
	size_t n_cgroups;
	const char *containers[OPTION_SET_MAX]; /* ids, or their first 12 or more characters */
	size_t n_containers;
	const char *units[OPTION_SET_MAX];
	size_t n_units;
};

/* What chooses records among those of the admitted sockets. */
struct record_filter {
	uint32_t events; /* 1u << enum record_type (record.h); 0: all */
	bool failed;
	int errnos[OPTION_SET_MAX]; /* positive */
	size_t n_errnos;
	uint64_t slower_ns; /* 0: off */
};

/* record: the audit log. */
struct log_options {
	const char *dir;
	uint64_t rotate_size; /* bytes */
	uint64_t rotate_ns;
	uint64_t keep_size; /* bytes of all segments, 0: no limit */
	uint64_t keep_ns;   /* since a segment's last record, 0: no limit */
	uint64_t seal_ns;
	uint64_t queue_size; /* bytes */
	bool no_sync;        /* else everything is synced at each seal */
	bool drop_oldest;    /* when the disk is full; else stop */
	bool no_args;
	bool journal; /* findings and losses to the systemd journal too */
};

/* report, and ports --at: what of a log. */
struct report_options {
	uint64_t since_ns, until_ns; /* since 1970, 0: not given */
	uint64_t at_ns;              /* the same */
	uint64_t sock;               /* --socket, 0: not given */
	const char *html;
	bool findings;
};

/* --metrics: where to listen. IPv4 addresses are v4-mapped, as everywhere. */
struct metrics_address {
	uint8_t addr[ADDR_LEN];
	uint16_t family; /* 0: not given */
	uint16_t port;
	const char *text; /* as it was given */
};

struct options {
	int verbose;
	bool json;
	bool utc;
	bool states;
	bool no_snapshot;
	const char *output; /* -o FILE; NULL or "-": stdout */
	const char *capture;
	uint64_t timeout_ns; /* 0: none */
	uint64_t count;      /* records of events; 0: no limit */
	size_t ring_size;    /* bytes, a power of two, at least 4096 */
	size_t table_size;   /* sockets */
	const char *user;    /* --user NAME: run CMD as */
	const char *key;     /* --key FILE */
	const char *head;    /* --head: 64 hex digits, NULL: not given */
	char **command;      /* after --, NULL: none; argv style */
	char **operands;     /* what is left, NULL-terminated; never NULL */
	int n_operands;
	struct socket_filter sockets;
	struct record_filter records;
	uint64_t close_wait_ns; /* CLOSE_WAIT for so long is a leak */
	uint64_t interval_ns;   /* top: from one refresh to the next */
	struct log_options log;
	struct report_options report;
	struct metrics_address metrics;
};

struct command;

#define TABLE_SIZE_DEFAULT 1000000

/* What the help prints as defaults in words; a test compares. */
#define LOG_DIR_DEFAULT     "/var/log/socklife"
#define ROTATE_SIZE_DEFAULT ((uint64_t)64 << 20)
#define ROTATE_NS_DEFAULT   (24 * 3600 * 1000000000ull)
#define INTERVAL_NS_DEFAULT 1000000000ull
#define SEAL_NS_DEFAULT     1000000000ull
#define QUEUE_SIZE_DEFAULT  ((uint64_t)256 << 20) /* 7 s of 80 000 records a second */

/* Where a row stands in the help. */
enum option_section {
	SECTION_SOCKETS,
	SECTION_RECORDS,
	SECTION_LOG,
	SECTION_REPORT,
	SECTION_OUTPUT,
	SECTION_TRACE,
	SECTION_GENERAL,
	SECTIONS
};

enum { OPTION_HELP = 1, OPTION_VERSION };

/* One option: all that is known about it. */
struct option_row {
	const char *name; /* long */
	const char *arg;  /* its name in the help, NULL: takes none */
	const char *help;
	const char *fallback; /* the default, NULL: an option without argument, off */
	const char *wrong;    /* after "NAME: 'VALUE' ": "is not ...: give ..." */
	/* 0, -EINVAL: wrong, -E2BIG: too many, OPTION_*: something to print instead of running */
	int (*parse)(struct options *o, const struct option_row *row, const char *value);
	size_t field;    /* offset in struct options, for the parse functions that are shared */
	uint32_t groups; /* OPTS_* of the commands that take it; 0: all */
	uint32_t filter; /* FILTER_* that it turns on */
	uint32_t side;   /* SIDE_* of ports and addresses */
	char letter;     /* short, 0: none */
	bool list;       /* values may be separated by commas: parse() gets one at a time */
	uint8_t section; /* enum option_section */
};

/* Tables of rows; each ends with a NULL name. */
extern const struct option_row option_rows[], option_rows_log[], option_rows_report[],
	option_rows_metrics[];
#define OPTION_ROWS_MAX 128 /* of all tables together */
/* The i-th row of all tables, NULL after the last. */
const struct option_row *options__row(size_t i);

/* For a row's `parse`, where its value goes to `field` as it is: a flag, a string, a duration above 0. */
int option__set_flag(struct options *o, const struct option_row *row, const char *value);
int option__set_string(struct options *o, const struct option_row *row, const char *value);
int option__set_duration(struct options *o, const struct option_row *row, const char *value);

#define WRONG_FILE "is not a file name: give the name of a file to write"
#define WRONG_TIME                                                                                 \
	"is not a duration: give a number above 0 with its unit, us ms s m h or d, such as 500ms"

/*
 * Reads argv[1..] of a command, NULL-terminated; may reorder it. Returns 0, or EXIT_USAGE (2) after one
 * line on stderr that names the option, the value and what is accepted, or -1 when help or the version
 * was asked for and printed. Strings point into argv. *o needs no initialisation: defaults are set here.
 */
int options__parse(struct options *o, const struct command *cmd, int argc, char **argv);

/* The options of one command as `socklife help COMMAND` prints them on stdout, with every default. */
void options__help(const struct command *cmd);

#endif
