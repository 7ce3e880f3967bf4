/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading a .sis file. */
#include "sis/bundle_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void bundle_file_close(struct bundle_file *file)
{
	file->fd = fd_close(file->fd);
	free(file->statement);
	free(file->statement_text);
	json_decref(file->grants);
	blob_free(&file->manifest);
	*file = (struct bundle_file){ .fd = -1 };
}

static int read_head(struct bundle_file *file, struct why *why)
{
	uint8_t start[BUNDLE_HEAD_MAX_BYTES];
	struct stat status;
	const char *words = NULL;
	if (fstat(file->fd, &status) < 0 || !S_ISREG(status.st_mode))
		return why_set(why, -SIS_ERR_NO_INPUT, "is not a regular file");
	ssize_t n = pread(file->fd, start, sizeof(start), 0);
	if (n < 0)
		return why_set(why, -SIS_ERR_IO, "cannot be read: %s", strerror(errno));
	int r = bundle_head_parse((struct span){ start, (size_t)n }, &file->head, &words);
	if (r < 0)
		return why_set(why, r == -SIS_ERR_AGAIN ? -SIS_ERR_BAD_FORMAT : r, "is no sealed item: %s", words != NULL ? words : "its head is not whole");
	if (bundle_size(&file->head) != (uint64_t)status.st_size)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "is longer or shorter than the item in it");
	/* Small parts are read whole: the head's word on their size is the stranger's. */
	if (file->head.statement_size > STATEMENT_MAX_BYTES || file->head.grants_size > (uint64_t)GRANTS_MAX * GRANT_MAX_BYTES ||
	    file->head.part_size[SEAL_MANIFEST] > seal_sealed_size(MANIFEST_MAX_BYTES))
		return -SIS_ERR_TOO_LARGE;
	return 0;
}

static int read_stretch(const struct bundle_file *file, uint64_t offset, uint64_t size, struct blob *ret_data)
{
	CLEANUP_BLOB struct blob data = { xcalloc(1, (size_t)size + 1), (size_t)size };
	int r = fd_pread_all(file->fd, data.data, data.size, offset);
	if (r < 0)
		return r;
	*ret_data = data;
	data = (struct blob){ 0 };
	return 0;
}

static int add_grant(struct span text, void *arg)
{
	struct grant grant;
	int r = grant_parse(text, &grant, NULL);
	if (r < 0)
		return r;
	return json_array_append_new(arg, json_stringn((const char *)text.data, text.size)) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

static int read_texts(struct bundle_file *file, struct why *why)
{
	CLEANUP_BLOB struct blob statement = { 0 }, grants = { 0 };
	unsigned n_grants = 0;
	const char *words = NULL;
	int r = read_stretch(file, file->head.head_size, file->head.statement_size, &statement);
	if (r == 0)
		r = read_stretch(file, file->head.head_size + file->head.statement_size, file->head.grants_size, &grants);
	if (r == 0)
		r = read_stretch(file, bundle_part_offset(&file->head, SEAL_MANIFEST), file->head.part_size[SEAL_MANIFEST], &file->manifest);
	file->statement = xcalloc(1, sizeof(*file->statement));
	file->grants = json_array();
	if (r == 0)
		r = statement_parse((struct span){ statement.data, statement.size }, file->statement, &words);
	if (r == 0)
		r = bundle_head_matches(&file->head, file->statement);
	if (r == 0)
		r = grants_for_each((struct span){ grants.data, grants.size }, add_grant, file->grants, &n_grants);
	if (r == 0 && n_grants != file->head.n_grants)
		r = -SIS_ERR_BAD_FORMAT;
	if (r < 0)
		return why_set(why, r, "is no whole item: %s", words != NULL ? words : error_text(r));
	file->statement_text = (char *)statement.data;
	statement = (struct blob){ 0 };
	return 0;
}

int bundle_file_read(int fd, struct bundle_file *ret_file, struct why *why)
{
	struct bundle_file file = { .fd = fd };
	int r = read_head(&file, why);
	if (r == 0)
		r = read_texts(&file, why);
	if (r < 0)
		bundle_file_close(&file);
	else
		*ret_file = file;
	return r;
}

int bundle_file_open(const char *path, struct bundle_file *ret_file, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return why_set(why, error_from_errno(errno), "cannot be opened: %s", strerror(errno));
	return bundle_file_read(fd, ret_file, why);
}
