/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Journals of unfinished uploads. */
#include "sis/journal.h"

#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAX_BYTES (8u << 20)
#define KEEP_S (30 * 86400)

void journal_label(const struct source *source, const struct audience *audience, int64_t expires, bool may_share, uint8_t ret_label[DIGEST_BYTES])
{
	size_t capacity = 8192 + (size_t)audience->n_devices * 128 + (size_t)audience->n_people * 64;
	CLEANUP_FREE uint8_t *data = xcalloc(1, capacity);
	struct builder label = builder_from(data, capacity);
	builder_put_sized(&label, source->manifest.name, strlen(source->manifest.name));
	builder_put_sized(&label, source->manifest.caption, strlen(source->manifest.caption));
	/* The end stands in the grants that were sent already. "7d" is another second at each try: what ends on another day is begun anew. */
	builder_put_u64(&label, expires != 0 ? 1 + (uint64_t)expires / 86400 : 0);
	builder_put_u8(&label, may_share);
	for (unsigned i = 0; i < audience->n_people; i++) {
		const struct person *person = &audience->people[i];
		builder_put_sized(&label, person->user, strlen(person->user));
		for (unsigned j = 0; j < person->n_devices; j++) {
			builder_put_sized(&label, person->devices[j].name, strlen(person->devices[j].name));
			builder_put_sized(&label, person->devices[j].key, sizeof(person->devices[j].key));
		}
	}
	digest_sha256(label.data, label.size, ret_label);
}

void journal_close(struct journal *journal)
{
	composed_wipe(&journal->composed);
	free(journal->path);
	journal->path = NULL;
	journal->fd = fd_close(journal->fd);
	journal->dir_fd = fd_close(journal->dir_fd);
}

void journal_remove(struct journal *journal)
{
	if (journal->dir_fd >= 0)
		unlinkat(journal->dir_fd, journal->file_name, 0);
	journal_close(journal);
}

static int take_hex(const json_t *json, const char *name, void *ret_data, size_t size)
{
	const char *text = json_member_string(json, name);
	return text != NULL ? hex_decode(span_from_string(text), ret_data, size) : -SIS_ERR_BAD_FORMAT;
}

static int take_prefix(const json_t *json, struct composed *composed)
{
	const char *text = json_member_string(json, "prefix");
	uint64_t size;
	if (text == NULL || json_member_u64(json, "prefix_size", &size) < 0 || size == 0 || size > JOURNAL_MAX_BYTES || strlen(text) != BASE64_SIZE(size))
		return -SIS_ERR_BAD_FORMAT;
	composed->prefix = xcalloc(1, (size_t)size);
	composed->prefix_size = (size_t)size;
	return base64_decode(span_from_string(text), composed->prefix, (size_t)size);
}

static int read_first_line(const json_t *json, const uint8_t label[DIGEST_BYTES], const char *path, struct journal *journal)
{
	uint8_t found[DIGEST_BYTES];
	struct composed *composed = &journal->composed;
	const char *told = json_member_string(json, "path");
	uint64_t mtime_ns;
	if (told == NULL || strcmp(told, path) != 0 || take_hex(json, "label", found, sizeof(found)) < 0 || memcmp(found, label, sizeof(found)) != 0)
		return -SIS_ERR_NO_INPUT;
	int r = take_hex(json, "item", composed->id, sizeof(composed->id));
	if (r == 0)
		r = take_hex(json, "file_key", composed->file_key.bytes, sizeof(composed->file_key.bytes));
	if (r == 0)
		r = take_hex(json, "root", composed->object.root, sizeof(composed->object.root));
	if (r == 0)
		r = json_member_u64(json, "sealed_size", &composed->object.size);
	if (r == 0)
		r = json_member_u64(json, "size", &journal->size);
	if (r == 0)
		r = json_member_u64(json, "device", &journal->device);
	if (r == 0)
		r = json_member_u64(json, "inode", &journal->inode);
	if (r == 0)
		r = json_member_u64(json, "mtime_ns", &mtime_ns);
	if (r == 0)
		r = take_prefix(json, composed);
	if (r < 0)
		return r;
	journal->mtime_ns = (int64_t)mtime_ns;
	journal->path = xstrdup(told);
	seal_derive_keys(&composed->file_key, composed->id, &composed->keys);
	return 0;
}

/* The second line may be missing or torn: then the server is asked anew. */
static void read_second_line(struct span text, struct journal *journal)
{
	CLEANUP_JSON json_t *json = NULL;
	if (text.size == 0 || text.data[text.size - 1] != '\n' || json_parse(text, 4096, &json) < 0)
		return;
	const char *upload = json_member_string(json, "upload");
	if (upload != NULL && strncmp(upload, "/v1/uploads/", 12) == 0 && strlen(upload) < sizeof(journal->upload))
		strcpy(journal->upload, upload);
}

static int journal_read(const char *path, const uint8_t label[DIGEST_BYTES], struct journal *journal)
{
	CLEANUP_JSON json_t *json = NULL;
	char *text = NULL;
	size_t size = 0;
	int r = file_read(journal->dir_fd, journal->file_name, JOURNAL_MAX_BYTES, &text, &size);
	const char *end = r == 0 ? memchr(text, '\n', size) : NULL;
	if (end == NULL)
		r = r < 0 ? r : -SIS_ERR_BAD_FORMAT;
	if (r == 0)
		r = json_parse((struct span){ (uint8_t *)text, (size_t)(end - text) }, JOURNAL_MAX_BYTES, &json);
	if (r == 0)
		r = read_first_line(json, label, path, journal);
	if (r == 0)
		read_second_line((struct span){ (const uint8_t *)end + 1, size - (size_t)(end + 1 - text) }, journal);
	if (text != NULL)
		secret_wipe(text, size);
	free(text);
	return r;
}

static int journal_try(int dir_fd, const char *name, const char *path, const uint8_t label[DIGEST_BYTES], struct journal *ret_journal)
{
	struct journal journal = { .dir_fd = -1, .fd = -1 };
	struct stat status;
	snprintf(journal.file_name, sizeof(journal.file_name), "%s", name);
	journal.fd = openat(dir_fd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (journal.fd < 0 || flock(journal.fd, LOCK_EX | LOCK_NB) < 0 || fstat(journal.fd, &status) < 0) {
		journal_close(&journal);
		return -SIS_ERR_BUSY;
	}
	journal.dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	int r = journal_read(path, label, &journal);
	if (r < 0 && status.st_mtime < time_now() - KEEP_S)
		journal_remove(&journal);
	else if (r < 0)
		journal_close(&journal);
	else
		*ret_journal = journal;
	return r;
}

static int uploads_open(const struct profile *profile)
{
	return openat(profile->dir_fd, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int uploads_make(const struct profile *profile)
{
	return mkdirat(profile->dir_fd, "uploads", 0700) < 0 && errno != EEXIST ? -1 : uploads_open(profile);
}

static bool is_journal(const struct dirent *entry)
{
	return strlen(entry->d_name) == ITEM_ID_TEXT && item_id_is_prefix(entry->d_name);
}

bool journal_is_any(const struct profile *profile)
{
	int fd = uploads_open(profile);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry = NULL;
	if (directory == NULL) {
		fd_close(fd);
		return false;
	}
	while ((entry = readdir(directory)) != NULL && !is_journal(entry))
		;
	closedir(directory);
	return entry != NULL;
}

int journal_find(const struct profile *profile, const char *path, const uint8_t label[DIGEST_BYTES], struct journal *ret_journal)
{
	int fd = uploads_open(profile), r = -SIS_ERR_NO_INPUT;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	if (directory == NULL) {
		fd_close(fd);
		return -SIS_ERR_NO_INPUT;
	}
	while (r < 0 && (entry = readdir(directory)) != NULL) {
		if (is_journal(entry))
			r = journal_try(fd, entry->d_name, path, label, ret_journal);
	}
	closedir(directory);
	return r < 0 ? -SIS_ERR_NO_INPUT : 0;
}

bool journal_fits(const struct journal *journal, const struct source *source)
{
	return journal->size == source->size && journal->mtime_ns == source->mtime_ns && journal->device == source->device && journal->inode == source->inode;
}

static char *first_line(const struct source *source, const uint8_t label[DIGEST_BYTES], const struct composed *composed)
{
	char item[2 * ITEM_ID_BYTES + 1], key[65], root[65], label_text[65];
	CLEANUP_FREE char *prefix = xcalloc(1, BASE64_SIZE(composed->prefix_size) + 1);
	hex_encode(composed->id, sizeof(composed->id), item);
	hex_encode(composed->file_key.bytes, 32, key);
	hex_encode(composed->object.root, 32, root);
	hex_encode(label, 32, label_text);
	base64_encode(composed->prefix, composed->prefix_size, prefix);
	CLEANUP_JSON json_t *json =
		json_pack("{s:i, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "journal", 1, "item", item, "file_key", key, "root", root,
	                  "sealed_size", (json_int_t)composed->object.size, "label", label_text, "path", source->path, "size", (json_int_t)source->size,
	                  "device", (json_int_t)source->device, "inode", (json_int_t)source->inode, "mtime_ns", (json_int_t)source->mtime_ns,
	                  "prefix_size", (json_int_t)composed->prefix_size, "prefix", prefix);
	secret_wipe(key, sizeof(key));
	return json != NULL ? json_print(json) : NULL;
}

/* Under its final name from the start, but locked before there is anything in it: a reader finds it busy or whole. */
static int journal_write(struct journal *journal, const char *line)
{
	journal->fd = openat(journal->dir_fd, journal->file_name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0 || flock(journal->fd, LOCK_EX | LOCK_NB) < 0)
		return error_from_errno(errno);
	int r = fd_write_all(journal->fd, line, strlen(line));
	if (r == 0)
		r = fd_write_all(journal->fd, "\n", 1);
	if (r == 0 && (fsync(journal->fd) < 0 || fsync(journal->dir_fd) < 0))
		r = error_from_errno(errno);
	if (r < 0)
		unlinkat(journal->dir_fd, journal->file_name, 0);
	return r;
}

int journal_create(const struct profile *profile, const struct source *source, const uint8_t label[DIGEST_BYTES], struct composed *composed,
                   struct journal *ret_journal, struct why *why)
{
	struct journal journal = { .dir_fd = uploads_make(profile), .fd = -1 };
	char *line = first_line(source, label, composed);
	item_id_encode(composed->id, journal.file_name);
	int r = journal.dir_fd < 0 || line == NULL ? -SIS_ERR_SYSTEM : journal_write(&journal, line);
	secret_free_text(line);
	if (r < 0) {
		journal_close(&journal);
		return why_set(why, r, "the journal of the upload cannot be written to the profile: %s", error_text(r));
	}
	journal.path = xstrdup(source->path);
	journal.composed = *composed;
	*composed = (struct composed){ 0 };
	*ret_journal = journal;
	return 0;
}

int journal_set_upload(struct journal *journal, const char *upload)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s}", "upload", upload);
	CLEANUP_FREE char *text = json != NULL ? json_print(json) : NULL;
	CLEANUP_FREE char *line = text != NULL ? xasprintf("%s\n", text) : NULL;
	if (line == NULL || strlen(upload) >= sizeof(journal->upload))
		return -SIS_ERR_PROTOCOL;
	strcpy(journal->upload, upload);
	int r = fd_write_all(journal->fd, line, strlen(line));
	return r == 0 && fdatasync(journal->fd) < 0 ? error_from_errno(errno) : r;
}
