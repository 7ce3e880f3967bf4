/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis get: fetches items, and gives each a name only when every byte of it held. */
#include "sis/command.h"
#include "sis/describe.h"
#include "sis/fetch.h"
#include "sis/jobs.h"
#include "sis/naming.h"
#include "sis/output.h"
#include "sis/pictures.h"
#include "sis/progress.h"
#include "sis/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct get_options { const char *output; bool force, sealed; unsigned jobs; };

static const struct option_row rows[] = {
	{ "output", 'o', "DIR|FILE|-", "where to (default: the current directory); - is standard output", OPTION_TEXT, offsetof(struct get_options, output) },
	{ "force", 'f', NULL, "replace a file of the same name", OPTION_FLAG, offsetof(struct get_options, force) },
	{ "sis", 0, NULL, "keep the sealed bundle (NAME.sis) instead of the content", OPTION_FLAG, offsetof(struct get_options, sealed) },
	{ "jobs", 'j', "N", "how many items at a time (default 4)", OPTION_NUMBER, offsetof(struct get_options, jobs) },
};

/* Where -o points. */
struct place {
	bool to_stdout, exact;
	char *directory;
	const char *name;                       /* exact only; into the option */
};

/* What the jobs share. */
struct errand {
	const struct sis *sis;
	const struct get_options *options;
	const struct acceptor *acceptor;
	struct place place;
};

static int place_find(const struct sis *sis, const struct get_options *options, unsigned n_items, struct place *place)
{
	struct stat status;
	const char *output = options->output;
	place->to_stdout = output != NULL && strcmp(output, "-") == 0;
	if (place->to_stdout && n_items > 1)
		return output_usage(sis, "get", "one item only can go to standard output");
	if (output == NULL || place->to_stdout) {
		place->directory = xstrdup(".");
		return 0;
	}
	size_t size = strlen(output);
	bool is_named_directory = size > 0 && output[size - 1] == '/';
	/* One that is there already, or cannot be made, is told when the file is. */
	if (is_named_directory)
		(void)mkdir(output, 0700);
	if ((stat(output, &status) == 0 && S_ISDIR(status.st_mode)) || size == 0 || is_named_directory) {
		place->directory = xstrdup(size > 0 ? output : ".");
		return 0;
	}
	if (n_items > 1)
		return output_usage(sis, "get", "several items need a directory after -o, and \"%s\" is none", output);
	const char *slash = strrchr(output, '/');
	place->exact = true;
	place->name = slash != NULL ? slash + 1 : output;
	place->directory = slash == NULL ? xstrdup(".") : slash == output ? xstrdup("/") : xasprintf("%.*s", (int)(slash - output), output);
	return strlen(place->name) <= 255 ? 0 : output_usage(sis, "get", "the name after -o is too long");
}

static void choose_name(const struct errand *errand, const struct item *item, char ret_name[256])
{
	char safe[256];
	if (errand->place.exact) {
		snprintf(ret_name, 256, "%s", errand->place.name);
		return;
	}
	item_file_name(item, safe);
	size_t keep = strlen(safe), most = errand->options->sealed ? 251 : 255;
	if (keep > most)
		for (keep = most; keep > 0 && ((unsigned char)safe[keep] & 0xc0) == 0x80;)
			keep--;
	snprintf(ret_name, 256, "%.*s%s", (int)keep, safe, errand->options->sealed ? ".sis" : "");
}

/* The head of a bundle that holds what this device may see: the statement, its own grant, the manifest. The object follows. */
static int write_bundle_start(struct session *session, const struct item *item, int fd, struct why *why)
{
	const struct part_digest *thumbnail = &item->opened.statement.part[SEAL_THUMBNAIL];
	CLEANUP_BLOB struct blob preview = { 0 };
	struct bundle_head head = { .statement_size = item->statement_text.size, .grants_size = item->grant_text.size, .n_grants = 1 };
	char text[BUNDLE_HEAD_MAX_BYTES + 1];
	size_t size;
	head.part_size[SEAL_MANIFEST] = item->opened.statement.part[SEAL_MANIFEST].size;
	head.part_size[SEAL_THUMBNAIL] = thumbnail->size;
	head.part_size[SEAL_OBJECT] = item->opened.statement.part[SEAL_OBJECT].size;
	int r = thumbnail->size > 0 ? item_fetch_sealed_thumbnail(session, item, &preview, why) : 0;
	if (r == 0)
		r = bundle_head_write(&head, text, sizeof(text), &size);
	if (r == 0)
		r = fd_write_all(fd, text, size);
	if (r == 0)
		r = fd_write_all(fd, item->statement_text.data, item->statement_text.size);
	if (r == 0)
		r = fd_write_all(fd, item->grant_text.data, item->grant_text.size);
	if (r == 0)
		r = fd_write_all(fd, item->sealed_manifest.data, item->sealed_manifest.size);
	return r == 0 ? fd_write_all(fd, preview.data, preview.size) : r;
}

static int copy_to_stdout(int fd, struct why *why)
{
	CLEANUP_FREE uint8_t *buffer = xcalloc(1, 65536);
	ssize_t n;
	uint64_t at = 0;
	while ((n = pread(fd, buffer, 65536, (off_t)at)) > 0) {
		if (fd_write_all(STDOUT_FILENO, buffer, (size_t)n) < 0)
			return why_set(why, -SIS_ERR_IO, "standard output cannot be written");
		at += (uint64_t)n;
	}
	return n < 0 ? -SIS_ERR_IO : 0;
}

static void report(const struct errand *errand, const struct item *item, const char *name)
{
	char size[32], safe[300], path[700];
	snprintf(path, sizeof(path), "%s%s%s", strcmp(errand->place.directory, ".") == 0 ? "" : errand->place.directory,
	         strcmp(errand->place.directory, ".") == 0 || errand->place.directory[strlen(errand->place.directory) - 1] == '/' ? "" : "/", name);
	if (errand->place.to_stdout)
		return;
	if (errand->sis->json) {
		output_json(json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "item", item->id, "path", path, "name", item->manifest.name, "size",
		                      (json_int_t)item->manifest.size, "owner", item->opened.statement.owner, "device", item->owner_device));
		return;
	}
	size_format(item->manifest.size, size, sizeof(size));
	text_for_terminal(span_from_string(path), safe, sizeof(safe));
	if (!errand->sis->quiet)
		output_line("%s  %s  %s  from %s", item->id, safe, size, item->opened.statement.owner);
}

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	progress_move(arg, done, total);
}

static int fetch_into(const struct errand *errand, struct session *session, const struct item *item, struct outfile *file, struct why *why)
{
	struct progress *bar = progress_begin(item->manifest.name, item->opened.statement.part[SEAL_OBJECT].size);
	struct fetch fetch = {
		.session = session, .item = item, .plain_fd = errand->options->sealed ? -1 : file->fd,
		.sealed_fd = errand->options->sealed ? file->fd : -1, .progress = on_progress, .progress_arg = bar,
	};
	int r = errand->options->sealed ? write_bundle_start(session, item, file->fd, why) : 0;
	r = r < 0 ? fetch_explain(r, why) : fetch_object(&fetch, why);
	progress_end(bar);
	return r;
}

static int deliver(const struct errand *errand, struct session *session, const struct item *item, struct why *why)
{
	struct outfile file;
	char name[256] = "", taken[256] = "";
	int r = errand->place.to_stdout ? outfile_open_spool(&file, why) : outfile_open(errand->place.directory, &file, why);
	if (r < 0)
		return r;
	choose_name(errand, item, name);
	r = fetch_into(errand, session, item, &file, why);
	if (r == 0)
		r = errand->place.to_stdout ? copy_to_stdout(file.fd, why)
		                            : outfile_publish(&file, name, errand->place.exact, errand->options->force, taken, why);
	outfile_close(&file);
	if (r == 0)
		report(errand, item, taken);
	return r;
}

static int get_one(struct session *session, const char *prefix, void *own, void *arg, struct why *why)
{
	const struct errand *errand = arg;
	char id[ITEM_ID_TEXT + 1];
	struct item item;
	(void)own;
	int r = item_resolve(session, prefix, id, why);
	if (r == 0)
		r = item_fetch(errand->acceptor, session, id, &item, why);
	if (r < 0)
		return r;
	r = deliver(errand, session, &item, why);
	item_wipe(&item);
	return r;
}

static int get_all(struct errand *errand, struct session *session, char **arguments, unsigned n)
{
	struct jobs jobs = { .sis = errand->sis, .profile = session_profile(session), .subjects = arguments, .n_subjects = n,
		.wanted = errand->options->jobs, .work = get_one, .arg = errand };
	progress_open(errand->sis);
	int status = jobs_run(&jobs, session);
	progress_close();
	return status;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct errand errand = { .sis = sis, .options = options, .acceptor = &visit.acceptor };
	struct why why = { "" };
	if (place_find(sis, options, n, &errand.place) != 0) {
		free(errand.place.directory);
		return EX_USAGE;
	}
	int r = visit_begin(sis, &visit, &why);
	int status = 0;
	if (r == 0) {
		status = get_all(&errand, visit.session, arguments, n);
		visit.session = NULL;
	}
	free(errand.place.directory);
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : status;
}

const struct command command_get = {
	"get", "ID…", "fetch items, check them and open them",
	"Writes each item under its own name, made harmless, and never over a file that is there (\"name (2).jpg\") unless told so. A file appears only when\n"
	"everything about the item held: who made it, for whom, and every byte.",
	rows, ARRAY_SIZE(rows), 1, 100000, sizeof(struct get_options), run,
};
