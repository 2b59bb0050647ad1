// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_ports.c - who holds which port now, and what is left of the ephemeral ones. No tracing.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ask.h"
#include "ask_answers.h"
#include "command.h"
#include "host.h"
#include "log.h"
#include "output.h"
#include "parse.h"
#include "ports_collect.h"
#include "ports_print.h"

static int take_port(const struct options *o, uint16_t *port)
{
	uint64_t n = 0;

	if (o->n_operands && parse__unsigned(o->operands[0], 1, UINT16_MAX, &n)) {
		log__error(
			"ports: '%s' is not a port: give one number from 1 to 65535, or --port N-M "
			"for several",
			o->operands[0]);
		return EXIT_USAGE;
	}
	*port = n;
	return 0;
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

static int finish(const struct output *output, const struct options *o)
{
	int err = out__flush(output->out);

	if (!err || err == -EPIPE) /* the reader has seen enough */
		return EXIT_FINE;
	log__error("the output '%s' cannot be written: %s", o->output ? o->output : "stdout",
		   log__errno(err));
	return EXIT_OUTPUT;
}

static void print(const struct options *o, const struct ports *p, uint16_t port, uint64_t now_ns,
		  const struct output *output)
{
	const struct wall wall = host__wall(o->utc);
	struct services *services = services__new();
	struct ports_print c = { .ports = p,
				 .services = services,
				 .out = output->out,
				 .wall = &wall,
				 .now_ns = now_ns,
				 .port = port,
				 .filter = &o->sockets,
				 .uid = geteuid(),
				 .privileged = may_bind_privileged(),
				 .color = output->color,
				 .columns = output->columns };
	char user[32] = "";
	struct start host;

	if (!services) {
		out__fail(output->out, -ENOMEM);
		return;
	}
	host__describe(&host);
	c.boot_id = host.boot_id;
	c.host = host.host;
	ask__user_name(c.uid, user, sizeof(user) - 1);
	c.user = user;
	if (o->json)
		ports_json__print(&c);
	else
		ports_text__print(&c);
	services__free(services);
}

int cmd_ports(struct options *o)
{
	struct ports_config config = { .filter = &o->sockets };
	struct tracer_error why = { 0 };
	uint64_t now_ns = host__now();
	struct output output;
	struct ports *p;
	int code = take_port(o, &config.port);

	if (code)
		return code;
	code = output__open(&output, o);
	if (code)
		return code;
	signal(SIGPIPE, SIG_IGN);
	if (o->sockets.follow)
		host__descendants(o->sockets.pids, o->sockets.n_pids, follow, &o->sockets);
	p = ports__collect(&config, &why);
	if (!p) {
		log__error("%s", why.text);
		code = EXIT_CANNOT_RUN;
	} else {
		if (p->incomplete || p->diag_incomplete)
			log__warn("out of memory: not all sockets are shown");
		output__begin(&output);
		print(o, p, config.port, now_ns, &output);
		code = finish(&output, o);
	}
	ports__free(p);
	output__close(&output);
	return code;
}
