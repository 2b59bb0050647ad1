// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_record.c - the audit log, for a service.
 */
#include <inttypes.h>
#include <time.h>
#include "audit_log.h"
#include "command.h"
#include "host.h"
#include "live.h"
#include "log.h"

/* What the recorder before left, where it is more than nothing. */
static void report_past(const struct audit_log *log, const struct options *o)
{
	const struct audit_past *past = audit_log__past(log);
	time_t seconds = (time_t)(past->last_ns / 1000000000);
	char when[32] = "";
	struct tm tm;

	if (audit_log__key_ahead(log))
		log__warn("--key: the key is for a later seal than the last one in '%s': seals are "
			  "missing there, or it is another log's key; going on, verify will say so",
			  o->log.dir);
	if (past->clean)
		return;
	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	if (past->torn)
		log__warn("'%s': %" PRIu64 " bytes after the last whole record were kept in %s",
			  o->log.dir, past->torn, past->torn_name);
	if (past->last_ns)
		log__warn(
			"'%s': the recorder before ended without a stop, last heard of at %s: the "
			"log goes on with a lost record",
			o->log.dir, when);
}

int cmd_record(struct options *o)
{
	struct live_config live_config = { .options = o };
	struct audit_config config = { .options = &o->log, .key = o->key };
	struct audit_error why = { 0 };
	struct audit_log *log;
	struct start start;
	struct live *live;
	int code;

	host__describe(&start);
	config.boot_id = start.boot_id;
	config.host = start.host;
	log = audit_log__open(&config, &why);
	if (!log) {
		log__error("%s", why.text);
		return EXIT_OUTPUT;
	}
	report_past(log, o);
	live_config.log = log;
	live = live__open(&live_config, &code);
	if (live)
		code = live__run(live);
	live__free(live);
	audit_log__free(log);
	return code;
}
