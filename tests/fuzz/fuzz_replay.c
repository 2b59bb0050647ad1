// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_replay.c - a capture through the pipeline: table, detectors, both sinks. Asserted: it is replayed or refused with a
 * message; JSON is whole lines numbered from 1, text has no byte that drives a terminal, whatever was in the capture;
 * a second run gives the same bytes. Input: a capture file.
 */
#include <string.h>
#include "command.h"
#include "fuzz.h"

static char *replay(const struct fuzz_file *capture, bool json, size_t *len)
{
	struct fuzz_file output = fuzz__file(NULL, 0);
	char *operands[] = { (char *)capture->path, NULL };
	struct options o = {
		.json = json, .output = output.path, .operands = operands, .n_operands = 1
	};
	struct fuzz_said said;
	char *text;
	int code;

	fuzz__begin(&said);
	code = cmd_replay(&o);
	fuzz__end(&said);
	CHECK(code == EXIT_FINE || (code == EXIT_FAILED && said.err_len));
	CHECK(!said.out_len);
	fuzz__check_text(said.err, said.err_len);
	fuzz__free(&said);
	text = fuzz__read(&output, len);
	fuzz__close(&output);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_file capture = fuzz__file(data, size);
	size_t len, again_len;
	char *text, *again;

	text = replay(&capture, false, &len);
	fuzz__check_text(text, len);
	free(text);
	text = replay(&capture, true, &len);
	again = replay(&capture, true, &again_len);
	fuzz__check_records(text, len);
	CHECK(len == again_len && !memcmp(text, again, len));
	free(text);
	free(again);
	fuzz__close(&capture);
	return 0;
}
