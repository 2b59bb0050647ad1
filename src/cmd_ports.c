// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_ports.c - who holds which port now, or held it then by a log, and what is left of the ephemeral ones.
 * No tracing.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "ask_answers.h"
#include "command.h"
#include "host.h"
#include "inside.h"
#include "log.h"
#include "output.h"
#include "parse.h"
#include "ports_collect.h"
#include "ports_past.h"
#include "ports_print.h"
#include "privileges.h"

static int check_no_logs(const struct options *o)
{
	if (!o->n_operands)
		return 0;
	log__error("ports: unexpected '%s': give one PORT; a log is read with --at TIME",
		   o->operands[0]);
	return EXIT_USAGE;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Two logs would be two answers. */
static int check_logs(const struct options *o)
{
	if (!o->n_operands) {
		log__error("ports: --at: no log: give a directory of record, files of one, or -");
		return EXIT_USAGE;
	}
	for (int i = 0; i < o->n_operands && o->n_operands > 1; i++)
		if (is_directory(o->operands[i]) || !strcmp(o->operands[i], "-")) {
			log__error("ports: --at: '%s' is a log, and there are others: give one",
				   o->operands[i]);
			return EXIT_USAGE;
		}
	return 0;
}

static bool is_number(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

/* PORT; with --at only where it is a number, and then the logs. */
static int take_operands(struct options *o, uint16_t *port)
{
	bool past = o->report.at_ns;
	uint64_t n = 0;

	if (o->n_operands && (!past || is_number(o->operands[0]))) {
		if (parse__unsigned(o->operands[0], 1, UINT16_MAX, &n)) {
			log__error("ports: '%s' is not a port: give one number from 1 to 65535, "
				   "or --port N-M for several%s",
				   o->operands[0], past ? "; a log of that name as ./NAME" : "");
			return EXIT_USAGE;
		}
		o->operands++;
		o->n_operands--;
	}
	*port = (uint16_t)n;
	return past ? check_logs(o) : check_no_logs(o);
}

static void follow(void *arg, uint32_t pid)
{
	struct socket_filter *f = arg;

	if (f->n_pids < FILTER_SET_MAX)
		f->pids[f->n_pids++] = pid;
}

static bool may_bind_privileged(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return !syscall(SYS_capget, &head, data) &&
	       (data[0].effective & 1u << CAP_NET_BIND_SERVICE);
}

/* `c` has what the source of the model tells; the rest is the same for both. */
static void print_model(const struct options *o, const struct ports *p, uint16_t port,
			struct ports_print c, const struct output *output)
{
	struct services *services = services__new();

	if (!services) {
		out__fail(output->out, -ENOMEM);
		return;
	}
	c.ports = p;
	c.services = services;
	c.out = output->out;
	c.port = port;
	c.filter = &o->sockets;
	c.color = output->color;
	c.columns = output->columns;
	if (o->json)
		ports_json__print(&c);
	else
		ports_text__print(&c);
	services__free(services);
}

static void print_now(const struct options *o, const struct ports *p, uint16_t port,
		      uint64_t now_ns, bool privileged, const struct output *output)
{
	const struct wall wall = host__wall(o->utc);
	char user[32] = "";
	struct start host;
	struct ports_print c = {
		.wall = &wall, .now_ns = now_ns, .uid = geteuid(), .privileged = privileged
	};

	host__describe(&host);
	c.boot_id = host.boot_id;
	c.host = host.host;
	ask__user_name(c.uid, user, sizeof(user) - 1);
	c.user = user;
	print_model(o, p, port, c, output);
}

/* How far the wall was from UTC then, by the rules of this machine. */
static int32_t gmtoff_at(uint64_t ns, bool utc)
{
	const time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	return utc || !localtime_r(&seconds, &tm) ? 0 : (int32_t)tm.tm_gmtoff;
}

static void print_past(const struct options *o, const struct ports *p, uint16_t port,
		       const struct past_read *at, const struct output *output)
{
	const struct wall wall = { .offset_ns = at->covered ? past__offset_ns(at->past) :
							      (int64_t)at->at_ns,
				   .gmtoff_s = gmtoff_at(at->at_ns, o->utc) };
	const struct ports_print c = { .now_ns = at->at_ns - (uint64_t)wall.offset_ns,
				       .wall = &wall,
				       .at = at,
				       .boot_id = at->boot,
				       .host = at->host };

	print_model(o, p, port, c, output);
}

static int answer_past(const struct options *o, uint16_t port, struct past_read *r,
		       struct output *output)
{
	struct ports *p = ports_past__read(r, port);
	int code;

	if (!p) {
		log__error("out of memory");
		return EXIT_FAILED;
	}
	if (!r->records) {
		log__error("ports: no records of socklife in what was given");
		ports__free(p);
		return EXIT_FAILED;
	}
	output__begin(output);
	print_past(o, p, port, r, output);
	code = output__flush(output, o);
	ports__free(p);
	return code || (r->covered && !r->tell.bad_lines && !r->tell.bad_files) ? code :
										  EXIT_FAILED;
}

static int ports_then(struct options *o, uint16_t port)
{
	struct past_read r = { .at_ns = o->report.at_ns,
			       .filter = &o->sockets,
			       .logs = o->operands,
			       .n_logs = (size_t)o->n_operands };
	struct output output;
	int code = output__open(&output, o);

	if (code)
		return code;
	signal(SIGPIPE, SIG_IGN);
	privileges__drop(PRIVILEGES_OFFLINE, privileges__to_read(r.logs, r.n_logs));
	code = answer_past(o, port, &r, &output);
	past_read__free(&r);
	output__close(&output);
	return code;
}

static int ports_now(struct options *o, uint16_t port)
{
	struct ports_config config = { .filter = &o->sockets, .port = port };
	struct tracer_error why = { 0 };
	const bool privileged = may_bind_privileged(); /* while it still has what it came with */
	uint64_t now_ns = host__now();
	struct output output;
	struct ports *p;
	int code = output__open(&output, o);

	if (code)
		return code;
	signal(SIGPIPE, SIG_IGN);
	if (o->sockets.follow)
		host__descendants(o->sockets.pids, o->sockets.n_pids, follow, &o->sockets);
	inside__warn();
	p = ports__collect(&config, &why);
	if (!p) {
		log__error("%s", why.text);
		code = why.usage ? EXIT_USAGE : EXIT_CANNOT_RUN;
	} else {
		if (p->incomplete || p->diag_incomplete)
			log__warn("out of memory: not all sockets are shown");
		output__begin(&output);
		print_now(o, p, config.port, now_ns, privileged, &output);
		code = output__flush(&output, o);
	}
	ports__free(p);
	output__close(&output);
	return code;
}

int cmd_ports(struct options *o)
{
	uint16_t port;
	int code = take_operands(o, &port);

	if (code)
		return code;
	return o->report.at_ns ? ports_then(o, port) : ports_now(o, port);
}
