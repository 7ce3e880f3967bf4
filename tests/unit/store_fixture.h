/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For the tests of the store: a store in a directory of its own, people in it, and real bundles. */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"
#include "format/item.h"
#include "store/writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OK(expression) assert_int_equal((expression), 0)

struct fixture {
	char directory[64];
	struct store_writer *writer;
	struct store_reader *view;
	struct signing_key key;
};

static inline void fixture_open(struct fixture *fixture)
{
	char why[256];
	if (store_writer_open(fixture->directory, &fixture->writer, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	OK(store_reader_open(fixture->directory, &fixture->view));
}

static inline void fixture_close(struct fixture *fixture)
{
	store_reader_close(fixture->view);
	store_writer_close(fixture->writer);
	fixture->view = NULL;
	fixture->writer = NULL;
}

static inline void fixture_path(const struct fixture *fixture, const char *below, char ret_path[256])
{
	snprintf(ret_path, 256, "%s/%s", fixture->directory, below);
}

static inline bool fixture_has(const struct fixture *fixture, const char *below)
{
	char path[256];
	fixture_path(fixture, below, path);
	return access(path, F_OK) == 0;
}

static inline int fixture_set_up(void **state)
{
	static const char *const directories[] = { "db", "objects", "incoming" };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	strcpy(fixture->directory, "/tmp/sis-store-XXXXXX");
	if (mkdtemp(fixture->directory) == NULL)
		return -1;
	chmod(fixture->directory, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		char path[256];
		fixture_path(fixture, directories[i], path);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	OK(signing_key_generate(KEY_ED25519, &fixture->key));
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	if (fixture->writer != NULL)
		fixture_close(fixture);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->directory);
	int r = system(command);
	free(fixture);
	return r;
}

struct person { int64_t user_id, device_id; char user[NAME_MAX_TEXT + 1]; uint8_t fingerprint[STORE_FINGERPRINT_BYTES]; };

/* A user with the device "laptop" and a certificate of 1000 seconds. */
static inline struct person fixture_add(struct fixture *fixture, const char *user)
{
	struct person person = { 0 };
	int64_t now = time_now();
	snprintf(person.user, sizeof(person.user), "%s", user);
	digest_sha256(user, strlen(user), person.fingerprint);
	OK(store_begin(fixture->writer));
	OK(store_add_user(fixture->writer, user, NULL, now, &person.user_id));
	OK(store_add_device(fixture->writer, person.user_id, "laptop", now, &person.device_id));
	struct store_certificate certificate = {
		.device_id = person.device_id, .serial = { person.fingerprint, 16 }, .der = span_from_string("certificate"),
		.not_before = now, .not_after = now + 1000,
	};
	memcpy(certificate.fingerprint, person.fingerprint, STORE_FINGERPRINT_BYTES);
	OK(store_add_certificate(fixture->writer, &certificate));
	OK(store_commit(fixture->writer));
	return person;
}

struct sample { struct store_new_item item; struct statement statement; char text[STATEMENT_MAX_BYTES + 1]; char *bytes; size_t size; };

/* An item from owner to owner and reader, and the whole bundle as a file would hold it; free with fixture_free_sample. */
static inline struct sample *fixture_make_sample(struct fixture *fixture, const struct person *owner, const char *reader)
{
	static const char object[] = "thirty-two bytes and a tag of sixteen of a part.";
	struct sample *sample = calloc(1, sizeof(*sample));
	struct statement *statement = &sample->statement;
	size_t text_size, head_size;
	OK(random_bytes(statement->item, ITEM_ID_BYTES));
	statement->kind = ITEM_FILE;
	snprintf(statement->owner, sizeof(statement->owner), "%s", owner->user);
	memcpy(statement->device, owner->fingerprint, DIGEST_BYTES);
	statement->time = time_now();
	for (int i = SEAL_OBJECT; i <= SEAL_MANIFEST; i++) {
		statement->part[i].size = sizeof(object) - 1;
		seal_root((const uint8_t *)object, sizeof(object) - 1, statement->part[i].root);
	}
	digest_sha256("", 0, statement->part[SEAL_THUMBNAIL].root);
	statement->sequence = 1;
	statement->n_audience = reader != NULL ? 2 : 1;
	bool first = reader == NULL || strcmp(owner->user, reader) < 0;
	snprintf(statement->audience[first ? 0 : 1], NAME_MAX_TEXT + 1, "%s", owner->user);
	if (reader != NULL)
		snprintf(statement->audience[first ? 1 : 0], NAME_MAX_TEXT + 1, "%s", reader);
	OK(statement_write(statement, &fixture->key, sample->text, &text_size));
	struct bundle_head head = { .statement_size = text_size, .part_size = { sizeof(object) - 1, sizeof(object) - 1, 0 } };
	char head_text[BUNDLE_HEAD_MAX_BYTES];
	OK(bundle_head_write(&head, head_text, sizeof(head_text), &head_size));
	sample->size = (size_t)bundle_size(&head);
	sample->bytes = calloc(1, sample->size + 1);
	snprintf(sample->bytes, sample->size + 1, "%.*s%s%s%s", (int)head_size, head_text, sample->text, object, object);
	struct store_new_item *item = &sample->item;
	memcpy(item->id, statement->item, ITEM_ID_BYTES);
	item->user_id = owner->user_id;
	item->device_id = owner->device_id;
	item->received = time_now();
	item->statement = (struct span){ (const uint8_t *)sample->text, text_size };
	digest_sha256(sample->text, text_size, item->statement_hash);
	item->bytes = sample->size;
	for (int i = SEAL_OBJECT; i <= SEAL_MANIFEST; i++) {
		item->part[i].offset = bundle_part_offset(&head, (enum seal_part)i);
		item->part[i].size = statement->part[i].size;
		memcpy(item->part[i].root, statement->part[i].root, DIGEST_BYTES);
	}
	item->n_audience = statement->n_audience;
	item->audience = statement->audience;
	return sample;
}

static inline void fixture_free_sample(struct sample *sample)
{
	free(sample->bytes);
	free(sample);
}

/* The bundle's bytes as incoming/id. */
static inline void fixture_write_incoming(struct fixture *fixture, const struct sample *sample, const char *id)
{
	CLEANUP_FD int fd = -1;
	OK(store_create_incoming(fixture->writer, id, &fd));
	OK(fd_write_all(fd, sample->bytes, sample->size));
}

static inline void fixture_link(struct fixture *fixture, const struct sample *sample, const char *id)
{
	CLEANUP_FD int fd = -1;
	OK(store_open_incoming(fixture->writer, id, false, &fd));
	OK(store_link_object(fixture->writer, id, sample->item.id, fd));
}

static inline int fixture_add_item(struct fixture *fixture, const struct sample *sample, uint64_t *ret_sequence, char who[STORE_WHO_TEXT])
{
	OK(store_begin(fixture->writer));
	int r = store_add_item(fixture->writer, &sample->item, ret_sequence, &(struct store_told){ 0 }, who);
	if (r == 0)
		OK(store_commit(fixture->writer));
	else
		store_rollback(fixture->writer);
	return r;
}

/* The whole of it: file, object, row. */
static inline void fixture_publish(struct fixture *fixture, const struct sample *sample, const char *id)
{
	uint64_t sequence;
	char who[STORE_WHO_TEXT];
	fixture_write_incoming(fixture, sample, id);
	fixture_link(fixture, sample, id);
	OK(fixture_add_item(fixture, sample, &sequence, who));
	OK(store_remove_incoming(fixture->writer, id));
}

static inline void fixture_object_path(const struct sample *sample, char ret_path[64])
{
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(sample->item.id, id);
	snprintf(ret_path, 64, "objects/%.2s/%s", id, id);
}

#define UPLOAD_A "aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UPLOAD_B "bbbbbbbbbbbbbbbbbbbbbbbbba"
