/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis upload: several files side by side, each job over its own kept connection. */
#include "picture/clean.h"
#include "sis/access.h"
#include "sis/chain.h"
#include "sis/command.h"
#include "sis/jobs.h"
#include "sis/output.h"
#include "sis/pictures.h"
#include "sis/progress.h"
#include "sis/send.h"
#include "sis/upload_list.h"

#include "base/moment.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct upload_options {
	const char *to, *caption, *name, *convert, *expire, *files_from;
	bool keep_metadata, no_thumbnail, allow_share, nul, dry_run;
	unsigned jobs;
};

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

/* A single file is read and sealed while we ask the server for whom. */
struct early {
	pthread_t thread;
	const struct sis *sis;
	struct pictures *pictures;
	bool started, is_open, is_sealed;
	const struct upload_options *options;
	const char *path;
	struct source source;
	struct send_buffers buffers;
	struct small small;
	int error;
	struct why why;
};

/* What the jobs share. */
struct batch {
	const struct sis *sis;
	const struct upload_options *options;
	const struct profile *profile;
	struct pictures *pictures;              /* NULL: no thumbnails */
	int64_t expires;                        /* 0: never */
	struct audience audience;
	char *to;                               /* as it is shown */
	bool is_single, is_flushed;             /* is_flushed: the chain is on the disk already */
	struct early early;
};

static json_t *removed_json(unsigned removed)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < CLEAN_N_KINDS; i++) {
		if (removed & 1u << i)
			json_array_append_new(array, json_string(clean_word(i)));
	}
	return array;
}

static void report_removed(const struct batch *batch, const struct source *source)
{
	char words[300];
	clean_words(source->removed, words, sizeof(words));
	if (source->removed != 0 && !batch->sis->quiet)
		output_note(batch->sis, "removed from %s: %s", source->manifest.name, words);
}

static void report(const struct batch *batch, const struct source *source, const uint8_t item[ITEM_ID_BYTES], bool resumed)
{
	char id[ITEM_ID_TEXT + 1], name[300], size[32];
	item_id_encode(item, id);
	if (batch->sis->json) {
		output_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:b, s:o, s:b}", "item", id, "name", source->manifest.name, "size", (json_int_t)source->size, "kind",
		                      item_kind_name(source->kind), "to", batch->to, "resumed", (int)resumed, "removed",
		                      removed_json(source->removed), "thumbnail", source->thumbnail.size > 0));
		return;
	}
	report_removed(batch, source);
	text_for_terminal(span_from_string(source->manifest.name), name, sizeof(name));
	size_format(source->size, size, sizeof(size));
	if (!batch->sis->quiet)
		output_line("%s%s%s  %s  %s  to %s%s", STYLED(STYLE_ID, id), *name != '\0' ? name : "-", size, batch->to, resumed ? " (continued)" : "");
}

/* Everything is checked by now but what only sending shows. */
static void report_plan(const struct batch *batch, const struct source *source)
{
	char name[300], size[32], removed[300];
	unsigned n_devices = batch->audience.n_devices;
	if (batch->sis->json) {
		output_json(json_pack("{s:b, s:s, s:I, s:s, s:s, s:I, s:o}", "dry_run", 1, "name", source->manifest.name, "size", (json_int_t)source->size, "kind",
		                      item_kind_name(source->kind), "to", batch->to, "devices", (json_int_t)n_devices, "removed", removed_json(source->removed)));
		return;
	}
	text_for_terminal(span_from_string(source->manifest.name), name, sizeof(name));
	size_format(source->size, size, sizeof(size));
	clean_words(source->removed, removed, sizeof(removed));
	output_line("would share  %s  %s  to %s, %u device%s%s%s", *name != '\0' ? name : "-", size, batch->to, n_devices, n_devices == 1 ? "" : "s",
	            source->removed != 0 ? "; would remove: " : "", source->removed != 0 ? removed : "");
}

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	progress_move(arg, done, total);
}

/* Loading the pictures' libraries takes longer than all the rest: it goes on while we clean and seal. The thumbnail is no part of the object. */
static int early_prepare(struct early *early)
{
	const struct upload_options *options = early->options;
	struct source *source = &early->source;
	if (source->kind == ITEM_IMAGE && early->pictures != NULL)
		pictures_wake(early->pictures);
	int r = source_clean(early->sis, source, options->keep_metadata, options->convert, early->pictures, &early->why);
	if (r == 0 && source->size <= SEND_SMALL_BYTES) {
		r = send_small_seal(&early->buffers, source, &early->small, &early->why);
		early->is_sealed = r == 0;
	}
	return r == 0 ? source_look(early->sis, source, options->keep_metadata, early->pictures, &early->why) : r;
}

static void *early_run(void *arg)
{
	struct early *early = arg;
	early->error = source_open(early->path, early->options->name, early->options->caption, &early->source, &early->why);
	if (early->error < 0)
		return NULL;
	early->is_open = true;
	early->error = early_prepare(early);
	return NULL;
}

static void early_begin(struct early *early)
{
	early->started = pthread_create(&early->thread, NULL, early_run, early) == 0;
}

static void early_join(struct early *early)
{
	if (early->started)
		pthread_join(early->thread, NULL);
	early->started = false;
}

static void early_end(struct early *early)
{
	struct sender sender = { .buffers = early->buffers };
	early_join(early);
	sender_wipe(&sender);
	if (early->is_open)
		source_close(&early->source);
	if (early->is_sealed)
		small_wipe(&early->small);
}

static int send_source(struct batch *batch, struct sender *sender, const struct source *source, struct small *sealed, struct why *why)
{
	uint8_t item[ITEM_ID_BYTES];
	bool resumed = false;
	if (batch->options->dry_run) {
		report_plan(batch, source);
		return 0;
	}
	struct progress *bar = progress_begin(source->manifest.name, source->size);
	int r;
	sender->progress = on_progress;
	sender->progress_arg = bar;
	sender->flushes_chain = batch->is_single && source->size <= SEND_SMALL_BYTES;
	if (sealed != NULL)
		r = send_small_post(sender, source, sealed, item, why);
	else
		r = source->size <= SEND_SMALL_BYTES ? send_small(sender, source, item, why) : send_large(sender, source, item, &resumed, why);
	progress_end(bar);
	if (r == 0 && sender->flushes_chain)
		batch->is_flushed = true;
	if (r == 0)
		report(batch, source, item, resumed);
	return r;
}

static int upload_one(struct session *session, const char *path, void *own, void *arg, struct why *why)
{
	struct batch *batch = arg;
	struct sender *sender = own;
	struct early *early = &batch->early;
	struct source source;
	sender->sis = batch->sis;
	sender->profile = batch->profile;
	sender->audience = &batch->audience;
	sender->expires = batch->expires;
	sender->may_share = batch->options->allow_share;
	sender->session = session;
	if (early->started) {
		early_join(early);
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
static void say_how_many(const struct batch *batch, const struct upload_list *list)
{
	if (batch->sis->quiet || (list->n_directories == 0 && batch->options->files_from == NULL))
		return;
	output_note(batch->sis, "%u file%s to %s%s", list->n, list->n == 1 ? "" : "s", batch->to, batch->options->dry_run ? ", nothing is sent" : "");
}

static int share(struct batch *batch, struct session *session, const struct upload_list *list)
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

static int find_people(struct batch *batch, struct session *session, struct pins *pins, struct why *why)
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
	struct batch batch = { .sis = sis, .options = options, .early = { .sis = sis, .options = options } };
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
		early_begin(&batch.early);
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
	early_end(&batch.early);
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
