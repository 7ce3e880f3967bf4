/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis upload: several files side by side, each job over its own kept connection. */
#include "sis/chain.h"
#include "sis/command.h"
#include "sis/jobs.h"
#include "sis/output.h"
#include "sis/progress.h"
#include "sis/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct upload_options { const char *to, *caption, *name; unsigned jobs; };

static const struct option_row rows[] = {
	{ "to", 0, "USER,…", "who shall see it, besides your own devices", OPTION_TEXT, offsetof(struct upload_options, to) },
	{ "caption", 0, "TEXT", "words that go with it, sealed like the picture", OPTION_TEXT, offsetof(struct upload_options, caption) },
	{ "name", 0, "NAME", "the name to share it under (one file only)", OPTION_TEXT, offsetof(struct upload_options, name) },
	{ "jobs", 'j', "N", "how many files at a time (default 4)", OPTION_NUMBER, offsetof(struct upload_options, jobs) },
};

/* What the jobs share. */
struct batch {
	const struct sis *sis;
	const struct upload_options *options;
	const struct profile *profile;
	struct audience audience;
	char *to;                               /* as it is shown */
	bool is_single, is_flushed;             /* is_flushed: the chain is on the disk already */
};

static void report(const struct batch *batch, const struct source *source, const uint8_t item[ITEM_ID_BYTES], bool resumed)
{
	char id[ITEM_ID_TEXT + 1], name[300], size[32];
	item_id_encode(item, id);
	if (batch->sis->json) {
		output_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:b}", "item", id, "name", source->manifest.name, "size", (json_int_t)source->size, "kind",
		                      item_kind_name(source->kind), "to", batch->to, "resumed", (int)resumed));
		return;
	}
	text_for_terminal(span_from_string(source->manifest.name), name, sizeof(name));
	size_format(source->size, size, sizeof(size));
	if (!batch->sis->quiet)
		output_line("%s  %s  %s  to %s", id, *name != '\0' ? name : "-", size, batch->to);
}

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	progress_move(arg, done, total);
}

static int upload_one(struct session *session, const char *path, void *own, void *arg, struct why *why)
{
	struct batch *batch = arg;
	struct sender *sender = own;
	struct source source;
	uint8_t item[ITEM_ID_BYTES];
	bool resumed = false;
	int r = source_open(path, batch->options->name, batch->options->caption, &source, why);
	if (r < 0)
		return r;
	struct progress *bar = progress_begin(source.manifest.name, source.size);
	*sender = (struct sender){ .sis = batch->sis, .profile = batch->profile, .audience = &batch->audience, .session = session,
		.buffers = sender->buffers, .flushes_chain = batch->is_single && source.size <= SEND_SMALL_BYTES, .progress = on_progress, .progress_arg = bar };
	r = source.size <= SEND_SMALL_BYTES ? send_small(sender, &source, item, why) : send_large(sender, &source, item, &resumed, why);
	progress_end(bar);
	if (r == 0 && sender->flushes_chain)
		batch->is_flushed = true;
	if (r == 0)
		report(batch, &source, item, resumed);
	source_close(&source);
	return r;
}

static void upload_end(void *own)
{
	sender_wipe(own);
}

static int check_options(const struct sis *sis, const struct upload_options *options, char **paths, unsigned n)
{
	unsigned n_stdin = 0;
	for (unsigned i = 0; i < n; i++)
		n_stdin += strcmp(paths[i], "-") == 0;
	if (options->name != NULL && n > 1)
		return output_usage(sis, "upload", "--name goes with one file only");
	if (n_stdin > 1)
		return output_usage(sis, "upload", "standard input can be given once only");
	return 0;
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	struct batch batch = { .sis = sis, .options = options_, .is_single = n == 1 };
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_PINS struct pins *pins = NULL;
	struct session *session = NULL;
	struct why why = { "" };
	if (check_options(sis, batch.options, arguments, n) != 0)
		return EX_USAGE;
	int r = profile_open(sis, &profile, &why);
	batch.profile = profile;
	if (r == 0)
		r = pins_open(profile, &pins, &why);
	if (r == 0)
		r = session_open(profile, &session);
	if (r == 0)
		r = audience_fetch(sis, session, pins, batch.options->to != NULL ? batch.options->to : profile->user, &batch.audience, &why);
	/* Kept also when a pin was refused: what was seen is what can be accepted. */
	int saved = pins != NULL ? pins_save(pins, &why) : 0;
	if (r == 0)
		r = saved;
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		session_free(session);
		return output_status(1, 1, r);
	}
	batch.to = audience_text(&batch.audience, profile->user);
	progress_open(sis);
	struct jobs jobs = { .sis = sis, .profile = profile, .subjects = arguments, .n_subjects = n, .wanted = batch.options->jobs,
		.own_size = sizeof(struct sender), .work = upload_one, .end = upload_end, .arg = &batch };
	int status = jobs_run(&jobs, session);
	progress_close();
	if (!batch.is_flushed)
		chain_flush(profile);
	free(batch.to);
	audience_free(&batch.audience);
	return status;
}

const struct command command_upload = {
	"upload", "FILE…", "share pictures and other files",
	"Seals each FILE on this device for the people named and uploads it. \"-\" is standard input. An upload of a large file that was cut off goes on\n"
	"where it stood when the same file is uploaded to the same people again.",
	rows, ARRAY_SIZE(rows), 1, 100000, sizeof(struct upload_options), run,
};
