/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files, directories and lists of them. Within a directory: regular files, in the order of their names, without hidden ones, and no symbolic link is
 * followed, so that nothing is shared that does not lie there. What is named by itself is taken as it is. */
#include "sis/upload_list.h"

#include "sis/output.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 100000u
#define NAME_BYTES_MAX 4096u

static int list_add(struct upload_list *list, const char *path, struct why *why)
{
	if (list->n == FILES_MAX)
		return why_set(why, -SIS_ERR_TOO_LARGE, "more than %u files; share them in several steps", FILES_MAX);
	if ((list->n & (list->n - 1)) == 0) {
		char **grown = realloc(list->path, (list->n == 0 ? 1 : 2 * (size_t)list->n) * sizeof(*grown));
		if (grown == NULL)
			return -SIS_ERR_NO_MEMORY;
		list->path = grown;
	}
	list->path[list->n++] = xstrdup(path);
	return 0;
}

static int compare_names(const FTSENT **one, const FTSENT **other)
{
	return strcmp((*one)->fts_name, (*other)->fts_name);
}

static bool is_hidden(const FTSENT *entry)
{
	return entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.';
}

static void tell_unreadable(const struct sis *sis, const FTSENT *entry, struct upload_list *list)
{
	struct why why = { "" };
	list->n_failed++;
	int error = why_set(&why, error_from_errno(entry->fts_errno), "cannot be read: %s", strerror(entry->fts_errno));
	output_error(sis, entry->fts_path, error, &why);
}

static int list_entry(const struct sis *sis, FTS *walk, FTSENT *entry, struct upload_list *list, struct why *why)
{
	if (is_hidden(entry)) {
		fts_set(walk, entry, FTS_SKIP);
		return 0;
	}
	switch (entry->fts_info) {
	case FTS_F:
		return list_add(list, entry->fts_path, why);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		tell_unreadable(sis, entry, list);
		return 0;
	default:
		return 0;
	}
}

static int list_directory(const struct sis *sis, const char *path, struct upload_list *list, struct why *why)
{
	CLEANUP_FREE char *root = xstrdup(path);
	char *roots[] = { root, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_names);
	FTSENT *entry;
	int r = walk == NULL ? error_from_errno(errno) : 0;
	list->n_directories++;
	while (r == 0 && (entry = fts_read(walk)) != NULL)
		r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : list_entry(sis, walk, entry, list, why);
	if (walk != NULL)
		fts_close(walk);
	return r;
}

static int list_named(const struct sis *sis, const char *path, struct upload_list *list, struct why *why)
{
	struct stat status;
	if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return list_directory(sis, path, list, why);
	return list_add(list, path, why);       /* also what is not there: the others are shared all the same */
}

static int list_read(const struct sis *sis, FILE *file, bool nul, struct upload_list *list, struct why *why)
{
	CLEANUP_FREE char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	int r = 0;
	while (r == 0 && (size = getdelim(&line, &capacity, nul ? '\0' : '\n', file)) > 0) {
		if (line[size - 1] == (nul ? '\0' : '\n'))
			line[--size] = '\0';
		if (size == 0)
			continue;
		if (size > (ssize_t)NAME_BYTES_MAX || strlen(line) != (size_t)size)
			return why_set(why, -SIS_ERR_BAD_FORMAT, "the list holds what is no name%s", nul ? "" : "; names that end with NUL need -0");
		r = strcmp(line, "-") == 0 ? list_add(list, "./-", why) : list_named(sis, line, list, why);
	}
	return r < 0 ? r : ferror(file) ? why_set(why, -SIS_ERR_IO, "the list cannot be read: %s", strerror(errno)) : 0;
}

static int list_from(const struct sis *sis, const char *path, bool nul, struct upload_list *list, struct why *why)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	if (file == NULL)
		return why_set(why, error_from_errno(errno), "the list %s cannot be read: %s", path, strerror(errno));
	int r = list_read(sis, file, nul, list, why);
	if (!is_stdin)
		fclose(file);
	return r;
}

int upload_list_make(const struct sis *sis, char **arguments, unsigned n_arguments, const char *list, bool nul, struct upload_list *ret_list,
                     struct why *why)
{
	struct upload_list all = { 0 };
	int r = 0;
	for (unsigned i = 0; i < n_arguments && r == 0; i++)
		r = list_named(sis, arguments[i], &all, why);
	if (r == 0 && list != NULL)
		r = list_from(sis, list, nul, &all, why);
	if (r == 0 && all.n == 0 && all.n_failed == 0)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no file to upload%s", all.n_directories > 0 ? "; hidden files must be named" : "");
	if (r < 0)
		upload_list_free(&all);
	else
		*ret_list = all;
	return r;
}

void upload_list_free(struct upload_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->path[i]);
	free(list->path);
	*list = (struct upload_list){ 0 };
}
