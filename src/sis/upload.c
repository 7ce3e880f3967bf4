/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis upload: several files side by side, each job over its own kept connection. */
#include "sis/upload.h"

#include "sis/access.h"
#include "sis/chain.h"
#include "sis/command.h"
#include "sis/jobs.h"
#include "sis/output.h"
#include "sis/pictures.h"
#include "sis/progress.h"
#include "sis/upload_list.h"

#include "base/moment.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct option_row rows[] = {
	{ "to", 0, "USER,…", "who shall see it, besides your own devices", OPTION_TEXT, offsetof(struct upload_options, to) },
	{ "caption", 0, "TEXT", "words that go with it, sealed like the picture", OPTION_TEXT, offsetof(struct upload_options, caption) },
	{ "name", 0, "NAME", "the name to share it under (one file only)", OPTION_TEXT, offsetof(struct upload_options, name) },
	{ "keep-metadata", 0, NULL, "leave in pictures what tells where, when and with what they were taken", OPTION_FLAG,
	  offsetof(struct upload_options, keep_metadata) },
	{ "convert", 0, "jpeg", "make new JPEGs of pictures (what cannot be cleaned otherwise)", OPTION_TEXT, offsetof(struct upload_options, convert) },
	{ "no-thumbnail", 0, NULL, "make no thumbnails", OPTION_FLAG, offsetof(struct upload_options, no_thumbnail) },
	{ "expire", 0, "WHEN", "when it ends: 7d, 12h, 2026-12-24, a time (default: never)", OPTION_TEXT, offsetof(struct upload_options, expire) },
	{ "allow-share", 0, NULL, "those who see it may share it on", OPTION_FLAG, offsetof(struct upload_options, allow_share) },
	{ "files-from", 0, "FILE", "share also what is named in FILE (or \"-\"), one name a line", OPTION_TEXT, offsetof(struct upload_options, files_from) },
	{ "null", '0', NULL, "names in that list end with NUL", OPTION_FLAG, offsetof(struct upload_options, nul) },
	{ "dry-run", 0, NULL, "say what would be shared with whom, after all checks, and send nothing", OPTION_FLAG, offsetof(struct upload_options, dry_run) },
	{ "jobs", 'j', "N", "how many files at a time (default 4)", OPTION_NUMBER, offsetof(struct upload_options, jobs) },
};

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	progress_move(arg, done, total);
}

static int send_source(struct upload_batch *batch, struct sender *sender, const struct source *source, struct small *sealed, struct why *why)
{
	uint8_t item[ITEM_ID_BYTES];
	bool resumed = false;
	if (batch->options->dry_run) {
		upload_report_plan(batch, source);
		return 0;
	}
	struct progress *bar = progress_begin(source->manifest.name, source->size);
	sender->progress = on_progress;
	sender->progress_arg = bar;
	sender->flushes_chain = batch->is_single && source->size <= SEND_SMALL_BYTES;
	int r = send_file(sender, source, sealed, item, &resumed, why);
	progress_end(bar);
	if (r == 0 && sender->flushes_chain)
		batch->is_flushed = true;
	if (r == 0)
		upload_report(batch, source, item, resumed);
	return r;
}

static int upload_one(struct session *session, const char *path, void *own, void *arg, struct why *why)
{
	struct upload_batch *batch = arg;
	struct sender *sender = own;
	struct upload_early *early = &batch->early;
	struct source source;
	sender->sis = batch->sis;
	sender->profile = batch->profile;
	sender->audience = &batch->audience;
	sender->expires = batch->expires;
	sender->may_share = batch->options->allow_share;
	sender->session = session;
	sender->retries = true;
	if (early->started) {
		upload_early_join(early);
		*why = early->why;
		return early->error < 0 ? early->error : send_source(batch, sender, &early->source, early->is_sealed ? &early->small : NULL, why);
	}
	int r = source_open(path, batch->options->name, batch->options->caption, &source, why);
	if (r < 0)
		return r;
	r = (batch->options->dry_run ? source_clean : source_prepare_picture)(batch->sis, &source, batch->options->keep_metadata, batch->options->convert, batch->pictures, why);
	if (r == 0)
		r = send_source(batch, sender, &source, NULL, why);
	source_close(&source);
	return r;
}

static void upload_end(void *own)
{
	sender_wipe(own);
}

static int check_options(const struct sis *sis, const struct upload_options *options, char **paths, unsigned n, int64_t *ret_expires)
{
	unsigned n_stdin = options->files_from != NULL && strcmp(options->files_from, "-") == 0;
	if (n == 0 && options->files_from == NULL)
		return output_usage(sis, "upload", "FILE is missing");
	if (options->nul && options->files_from == NULL)
		return output_usage(sis, "upload", "-0 goes with --files-from only");
	for (unsigned i = 0; i < n; i++)
		n_stdin += strcmp(paths[i], "-") == 0;
	if (n_stdin > 1)
		return output_usage(sis, "upload", "standard input can be given once only");
	if (options->convert != NULL && strcmp(options->convert, "jpeg") != 0)
		return output_usage(sis, "upload", "pictures can be converted to jpeg only");
	if (options->convert != NULL && options->keep_metadata)
		return output_usage(sis, "upload", "--convert makes pictures without metadata: it does not go with --keep-metadata");
	if (options->expire != NULL && moment_parse(options->expire, time_now(), ret_expires) < 0)
		return output_usage(sis, "upload", "--expire takes a time to come (7d, 12h, 2026-12-24, 2026-12-24T18:00:00Z), not \"%s\"", options->expire);
	return 0;
}

/* Who named directories or a list does not see how many files it is going to be. */
static void say_how_many(const struct upload_batch *batch, const struct upload_list *list)
{
	if (batch->sis->quiet || (list->n_directories == 0 && batch->options->files_from == NULL))
		return;
	output_note(batch->sis, "%u file%s to %s%s", list->n, list->n == 1 ? "" : "s", batch->to, batch->options->dry_run ? ", nothing is sent" : "");
}

static int share(struct upload_batch *batch, struct session *session, const struct upload_list *list)
{
	struct jobs jobs = { .sis = batch->sis, .profile = batch->profile, .subjects = list->path, .n_subjects = list->n,
		.wanted = batch->options->dry_run ? 1 : batch->options->jobs,
		.own_size = sizeof(struct sender), .work = upload_one, .end = upload_end, .arg = batch };
	batch->to = audience_text(&batch->audience, batch->profile->user);
	say_how_many(batch, list);
	progress_open(batch->sis);
	int status = jobs_run(&jobs, session);
	progress_close();
	if (batch->expires != 0)
		access_say_what_stays(batch->sis);
	if (!batch->is_flushed)
		chain_flush(batch->profile);
	free(batch->to);
	audience_free(&batch->audience);
	return status;
}

static int find_people(struct upload_batch *batch, struct session *session, struct pins *pins, struct why *why)
{
	int r = audience_fetch(batch->sis, session, pins, batch->options->to != NULL ? batch->options->to : batch->profile->user, &batch->audience, why);
	/* Kept also when a pin was refused: what was seen is what can be accepted. */
	int saved = pins_save(pins, why);
	if (r == 0 && saved < 0)
		audience_free(&batch->audience);
	return r < 0 ? r : saved;
}

/* 0, or the exit status after the sentence. */
static int find_files(const struct sis *sis, const struct upload_options *options, char **arguments, unsigned n, struct upload_list *ret_list)
{
	struct why why = { "" };
	int r = upload_list_make(sis, arguments, n, options->files_from, options->nul, ret_list, &why);
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		return output_status(1, 1, r);
	}
	return options->name != NULL && ret_list->n > 1 ? output_usage(sis, "upload", "--name goes with one file only") : 0;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	struct upload_batch batch = { .sis = sis, .options = options, .early = { .sis = sis, .options = options } };
	CLEANUP_UPLOAD_LIST struct upload_list list = { 0 };
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_PINS struct pins *pins = NULL;
	struct session *session = NULL;
	struct why why = { "" };
	if (check_options(sis, batch.options, arguments, n, &batch.expires) != 0)
		return EX_USAGE;
	int r = find_files(sis, batch.options, arguments, n, &list);
	if (r != 0)
		return r;
	batch.is_single = list.n == 1;
	batch.is_flushed = batch.options->dry_run;
	if (!batch.options->no_thumbnail)
		pictures_start(sis, &batch.pictures);
	batch.early.pictures = batch.pictures;
	if (list.n == 1 && strcmp(list.path[0], "-") != 0 && !batch.options->dry_run) {
		batch.early.path = list.path[0];
		upload_early_begin(&batch.early);
	}
	r = profile_open(sis, &profile, &why);
	batch.profile = profile;
	if (r == 0)
		r = pins_open(profile, &pins, &why);
	if (r == 0)
		r = session_open(profile, &session);
	if (r == 0)
		r = find_people(&batch, session, pins, &why);
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		session_free(session);
	}
	int status = r < 0 ? output_status(1, 1, r) : share(&batch, session, &list);
	upload_early_end(&batch.early);
	pictures_stop(batch.pictures);
	return status == 0 && list.n_failed > 0 ? 1 : status;
}

const struct command command_upload = {
	"upload", "FILE|DIR…", "share pictures and other files",
	"Seals each FILE on this device for the people named and uploads it. \"-\" is standard input. Of a DIR every file in it and below is shared, but no\n"
	"hidden ones, and symbolic links are not followed. An upload of a large file that was cut off goes on where it stood when the same file is uploaded\n"
	"to the same people again.",
	rows, ARRAY_SIZE(rows), 0, 100000, sizeof(struct upload_options), run,
};
