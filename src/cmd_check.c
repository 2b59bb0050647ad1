// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_check.c - what this kernel offers, which hooks will be used, what is lost without the missing.
 */
#include <stdio.h>
#include <string.h>
#include "command.h"
#include "host.h"
#include "inside.h"
#include "json.h"
#include "log.h"
#include "output.h"
#include "privileges.h"
#include "tracer.h"

struct check {
	const struct options *options;
	struct out *out;
	int missing_required;
	int missing_optional;
	bool first;
};

static void put(struct check *c, const char *text)
{
	out__put(c->out, text, strlen(text));
}

static void report_text(struct check *c, const struct hook_status *s)
{
	const char *verdict = !s->error ? "works" : s->required ? "MISSING" : "missing";
	char line[512];

	snprintf(line, sizeof(line), "%-32s %-10s %-8s%s%s%s%s\n", s->name, s->kind, verdict,
		 s->error ? log__errno(s->error) : "", s->error ? ": without it no telling " : "",
		 s->error ? s->without : "", !s->error && !s->wanted ? s->only : "");
	put(c, line);
}

/* No string here comes from outside: nothing to escape. */
static void report_json(struct check *c, const struct hook_status *s)
{
	char line[512], error[64] = "";

	if (s->error)
		snprintf(error, sizeof(error), ",\"error\":\"%s\"", log__errno(s->error));
	snprintf(line, sizeof(line),
		 "%s{\"hook\":\"%s\",\"kind\":\"%s\",\"works\":%s,\"required\":%s,\"used\":%s,"
		 "\"without\":\"%s\"%s}",
		 c->first ? "" : ",", s->name, s->kind, s->error ? "false" : "true",
		 s->required ? "true" : "false", s->wanted && !s->error ? "true" : "false",
		 s->without, error);
	c->first = false;
	put(c, line);
}

static void report(void *arg, const struct hook_status *s)
{
	struct check *c = arg;

	if (s->error && s->required)
		c->missing_required++;
	else if (s->error)
		c->missing_optional++;
	if (c->options->json)
		report_json(c, s);
	else
		report_text(c, s);
}

static void begin(struct check *c, const struct start *host)
{
	char line[512];

	if (c->options->json)
		snprintf(line, sizeof(line),
			 "{\"v\":1,\"version\":\"%s\",\"kernel\":\"%s\",\"hooks\":[", host->version,
			 host->kernel);
	else
		snprintf(line, sizeof(line), "socklife %s on Linux %s\n%-32s %-10s %s\n",
			 host->version, host->kernel, "HOOK", "KIND", "VERDICT");
	put(c, line);
}

static void report_privilege(void *arg, const struct privilege_status *s)
{
	struct check *c = arg;
	char line[512];

	c->missing_optional += !s->works;
	if (c->options->json)
		snprintf(line, sizeof(line),
			 "%s{\"capability\":\"%s\",\"works\":%s,\"without\":\"%s\"}",
			 c->first ? "" : ",", s->name, s->works ? "true" : "false", s->without);
	else
		snprintf(line, sizeof(line), "%-32s %-10s %-8s%s%s\n", s->name, "capability",
			 s->works ? "works" : "missing",
			 s->works ? "" : "EPERM: without it no telling ",
			 s->works ? "" : s->without);
	c->first = false;
	put(c, line);
}

static void report_privileges(struct check *c)
{
	if (c->options->json)
		put(c, "],\"capabilities\":[");
	c->first = true;
	privileges__optional(report_privilege, c);
}

static void report_host(void *arg, const struct inside *s)
{
	struct check *c = arg;
	char line[768];

	c->missing_optional += !s->seen;
	if (c->options->json)
		snprintf(line, sizeof(line),
			 "%s{\"name\":\"%s\",\"works\":%s,\"without\":\"%s\",\"cure\":\"%s\"}",
			 c->first ? "" : ",", s->name, s->seen ? "true" : "false", s->without,
			 s->cure);
	else
		snprintf(line, sizeof(line), "%-32s %-10s %-8s%s%s%s%s%s\n", s->name, "host",
			 s->seen ? "works" : "missing",
			 s->seen ? "" : "in a container: without it no telling ",
			 s->seen ? "" : s->without, s->seen ? "" : " (", s->seen ? "" : s->cure,
			 s->seen ? "" : ")");
	c->first = false;
	put(c, line);
}

/* What a container or a pod hides of the host. */
static void report_inside(struct check *c)
{
	if (c->options->json)
		put(c, "],\"host\":[");
	c->first = true;
	inside__each(report_host, c);
}

static void end(struct check *c)
{
	char line[256];

	if (c->options->json)
		snprintf(line, sizeof(line), "],\"ok\":%s}\n",
			 c->missing_required ? "false" : "true");
	else if (c->missing_required)
		snprintf(line, sizeof(line),
			 "socklife cannot trace here: %d required hook%s missing\n",
			 c->missing_required, c->missing_required > 1 ? "s are" : " is");
	else
		snprintf(line, sizeof(line), "socklife can trace here%s\n",
			 c->missing_optional ? ", with what is said above left out" :
					       "; nothing is left out");
	put(c, line);
}

int cmd_check(struct options *o)
{
	struct check c = { .options = o, .first = true };
	struct tracer_error why = { 0 };
	struct output output;
	struct start host;
	int code = output__open(&output, o);

	if (code)
		return code;
	c.out = output.out;
	host__describe(&host);
	begin(&c, &host);
	if (tracer__check(report, &c, &why)) {
		log__error("%s", why.text);
		code = EXIT_CANNOT_RUN;
	} else {
		report_privileges(&c);
		report_inside(&c);
		end(&c);
		code = output__flush(&output, o);
		if (c.missing_required)
			code = EXIT_CANNOT_RUN;
	}
	output__close(&output);
	return code;
}
