// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_replay.c - a capture through the same pipeline: the live output again, byte for byte.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "command.h"
#include "decode.h"
#include "log.h"
#include "output.h"
#include "pipeline.h"
#include "privileges.h"

struct replay {
	const char *path;
	struct capture_reader *reader;
	struct pipeline *pipeline;
	struct output output;
	uint64_t last[16384 / sizeof(uint64_t)]; /* START's chunk: the pipeline keeps its strings */
	struct capture_chunk kept;               /* read already, and not used */
	bool has_kept;
	bool damaged;
	uint64_t damaged_at;
};

static bool next(struct replay *r, struct capture_chunk *chunk)
{
	int ret;

	if (r->has_kept) {
		*chunk = r->kept;
		r->has_kept = false;
		return true;
	}
	ret = r->damaged ? 0 : capture__next(r->reader, chunk);
	if (ret < 0) {
		r->damaged = true;
		r->damaged_at = chunk->offset;
	}
	return ret > 0;
}

static bool is_answer(const struct capture_chunk *chunk, enum question q)
{
	struct capture_answer head;

	if (chunk->kind != CAPTURE_ANSWER || chunk->len < sizeof(head))
		return false;
	memcpy(&head, chunk->data, sizeof(head));
	return head.question == q;
}

/*
 * What the kernel answered then. Anything else in its place means that the file is not whole; but there are captures
 * that are older than the questions for names.
 */
static ssize_t answer(void *arg, enum question q, const void *question, size_t len, void *buf,
		      size_t max)
{
	struct replay *r = arg;
	struct capture_answer head;
	struct capture_chunk chunk;

	(void)question;
	(void)len;
	if (!next(r, &chunk))
		return -ENODATA;
	if (!is_answer(&chunk, q)) {
		if (q != ASK_CONTAINER && q != ASK_NETNS_NAME)
			goto bad;
		r->kept = chunk;
		r->has_kept = true;
		return -ENOENT;
	}
	memcpy(&head, chunk.data, sizeof(head));
	if (head.result > 0 &&
	    ((uint64_t)head.result != chunk.len - sizeof(head) || (uint64_t)head.result > max))
		goto bad;
	if (head.result > 0)
		memcpy(buf, chunk.data + sizeof(head), head.result);
	return head.result;
bad:
	r->damaged = true;
	r->damaged_at = chunk.offset;
	return -EBADMSG;
}

static int start(struct replay *r, const struct options *o, const struct capture_chunk *chunk)
{
	struct kernel kernel = { .ask = answer, .arg = r };
	struct pipeline_config config;
	struct sink_config sink = { .out = r->output.out,
				    .color = r->output.color,
				    .columns = r->output.columns };
	struct capture_tick begin;

	if (chunk->kind != CAPTURE_START || chunk->len < sizeof(begin) ||
	    chunk->len > sizeof(r->last))
		return -EBADMSG;
	memcpy(r->last, chunk->data, chunk->len);
	memcpy(&begin, r->last, sizeof(begin));
	if (pipeline_config__unpack(&config, (char *)r->last + sizeof(begin),
				    chunk->len - sizeof(begin)))
		return -EBADMSG;
	r->pipeline = pipeline__new(&config, &kernel, NULL);
	if (!r->pipeline)
		return -errno;
	sink.wall = pipeline__wall(r->pipeline);
	sink.verbose = config.verbose || o->verbose;
	if (pipeline__set_sink(r->pipeline, o->json ? sink_json__new(&sink, config.start.boot_id,
								     config.start.host) :
						      sink_text__new(&sink)))
		return -ENOMEM;
	pipeline__start(r->pipeline, begin.now_ns);
	return 0;
}

/* Copied out: an answer that the event asks for is read into the same buffer. */
static int payload(const struct capture_chunk *chunk, void *into, size_t size)
{
	if (chunk->len != size)
		return -EBADMSG;
	memcpy(into, chunk->data, size);
	return 0;
}

static int replay_event(struct replay *r, const struct capture_chunk *chunk)
{
	unsigned char copy[sizeof(union event)] __attribute__((aligned(8)));

	if (chunk->len > sizeof(copy))
		return -EBADMSG;
	memcpy(copy, chunk->data, chunk->len);
	pipeline__event(r->pipeline, copy, chunk->len);
	return 0;
}

static int replay_lost(struct replay *r, const struct capture_chunk *chunk)
{
	struct lost lost;

	if (payload(chunk, &lost, sizeof(lost)) || (unsigned int)lost.reason >= LOST_REASONS)
		return -EBADMSG;
	pipeline__lost(r->pipeline, &lost);
	return 0;
}

static int replay_tick(struct replay *r, const struct capture_chunk *chunk)
{
	struct capture_tick tick;

	if (payload(chunk, &tick, sizeof(tick)))
		return -EBADMSG;
	pipeline__tick(r->pipeline, tick.now_ns, tick.gmtoff_s);
	return 0;
}

static int replay_clock(struct replay *r, const struct capture_chunk *chunk)
{
	struct capture_clock clock;

	if (payload(chunk, &clock, sizeof(clock)))
		return -EBADMSG;
	pipeline__clock(r->pipeline, clock.now_ns, clock.offset_ns);
	return 0;
}

static int replay_missing(struct replay *r, const struct capture_chunk *chunk)
{
	struct capture_missing missing;

	if (payload(chunk, &missing, sizeof(missing)))
		return -EBADMSG;
	pipeline__missing(r->pipeline, missing.cookie, missing.now_ns);
	return 0;
}

static int replay_stop(struct replay *r, const struct capture_chunk *chunk)
{
	struct ending ending;

	if (payload(chunk, &ending, sizeof(ending)))
		return -EBADMSG;
	pipeline__end(r->pipeline, &ending);
	return 0;
}

static int (*const replayers[CAPTURE_KINDS])(struct replay *r,
					     const struct capture_chunk *chunk) = {
	[CAPTURE_EVENT] = replay_event, [CAPTURE_LOST] = replay_lost,
	[CAPTURE_TICK] = replay_tick,   [CAPTURE_MISSING] = replay_missing,
	[CAPTURE_STOP] = replay_stop,   [CAPTURE_CLOCK] = replay_clock,
};

static int run(struct replay *r, const struct options *o)
{
	struct capture_chunk chunk;
	bool stopped = false;
	int err = 0;

	if (next(r, &chunk))
		err = start(r, o, &chunk);
	while (!err && r->pipeline && !stopped && next(r, &chunk)) {
		stopped = chunk.kind == CAPTURE_STOP;
		err = replayers[chunk.kind] ? replayers[chunk.kind](r, &chunk) : -EBADMSG;
	}
	if (err == -EBADMSG && !r->damaged) {
		r->damaged = true;
		r->damaged_at = chunk.offset;
		err = 0;
	}
	if (!err && !r->damaged && !stopped)
		log__warn(
			"%s: ends without a stop: the trace was cut off; all that is there was replayed",
			r->path);
	return err;
}

static int report(const struct replay *r, int err)
{
	int flushed = out__flush(r->output.out);

	if (r->damaged) {
		log__error("%s: damaged at byte %llu: replayed as far as it is whole", r->path,
			   (unsigned long long)r->damaged_at);
		return EXIT_FAILED;
	}
	if (err) {
		log__error("%s: %s", r->path, log__errno(err));
		return EXIT_FAILED;
	}
	if (flushed && flushed != -EPIPE) {
		log__error("the output cannot be written: %s", log__errno(flushed));
		return EXIT_OUTPUT;
	}
	return EXIT_FINE;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int cmd_replay(struct options *o)
{
	static struct replay r;
	int code;

	r = (struct replay){ .path = o->operands[0] };
	if (same_file(r.path, o->output)) {
		log__error("--output: '%s' is the capture itself", o->output);
		return EXIT_USAGE;
	}
	r.reader = capture__open(r.path);
	if (!r.reader) {
		log__error(errno == EBADMSG ? "%s: not a capture of this version of socklife" :
					      "%s: cannot be read: %s",
			   r.path, log__errno(errno));
		return EXIT_FAILED;
	}
	code = output__open(&r.output, o);
	if (!code) {
		output__begin(&r.output);
		privileges__drop(PRIVILEGES_OFFLINE, 0);
		code = report(&r, run(&r, o));
		pipeline__free(r.pipeline);
		output__close(&r.output);
	}
	capture__free(r.reader);
	return code;
}
