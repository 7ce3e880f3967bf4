/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The statement and the caller's grants as they are, and every certificate that they are signed with, so that a reader can check all of it. */
#include "worker/item_json.h"

#include "base/error.h"
#include "crypto/seal.h"
#include "format/item.h"

#include <stdlib.h>
#include <string.h>

#define SIGNERS_MAX 256                 /* the owner sees the grants of everybody who shared an item on */

struct item_build {
	struct worker *worker;
	json_t *grants, *certificates;
	uint8_t signer[SIGNERS_MAX][DIGEST_BYTES];
	unsigned n_signers;
	size_t bytes;
};

static json_t *json_text(struct span text)
{
	return json_stringn((const char *)text.data, text.size);
}

static void add_signer(struct item_build *build, const uint8_t fingerprint[DIGEST_BYTES])
{
	for (unsigned i = 0; i < build->n_signers; i++)
		if (memcmp(build->signer[i], fingerprint, DIGEST_BYTES) == 0)
			return;
	if (build->n_signers < SIGNERS_MAX)
		memcpy(build->signer[build->n_signers++], fingerprint, DIGEST_BYTES);
}

static int add_grant(struct span text, void *arg)
{
	struct item_build *build = arg;
	struct grant grant;
	int error = grant_parse(text, &grant, NULL);
	if (error < 0)
		return error;
	add_signer(build, grant.granter_device);
	build->bytes += text.size;
	return json_array_append_new(build->grants, json_text(text)) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

static int add_certificate(struct span der, int64_t revoked, unsigned reason, void *arg)
{
	struct item_build *build = arg;
	CLEANUP_BLOB struct blob pem = { 0 };
	char time[TIME_TEXT + 1] = "";
	int error = certificate_to_pem(der, &pem);
	if (error == 0 && revoked != 0)
		error = time_encode(revoked, time);
	if (error < 0)
		return error;
	json_t *json = json_object();
	json_object_set_new(json, "certificate", json_text((struct span){ pem.data, pem.size }));
	json_object_set_new(json, "revoked", revoked != 0 ? json_string(time) : json_null());
	json_object_set_new(json, "reason", json_integer(reason));
	build->bytes += pem.size;
	return json_array_append_new(build->certificates, json) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

static int add_certificates(struct item_build *build)
{
	for (unsigned i = 0; i < build->n_signers; i++) {
		int error = store_find_certificate(build->worker->store, build->signer[i], add_certificate, build);
		/* A grant whose signer we do not know cannot be checked by anybody: the reader will say so. */
		if (error < 0 && error != -SIS_ERR_NO_INPUT)
			return error;
	}
	return 0;
}

bool item_include_parse(const char *word, enum item_include *ret_include)
{
	static const char *const words[] = { "", "manifest", "content" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word != NULL ? word : "", words[i]) == 0) {
			*ret_include = (enum item_include)i;
			return true;
		}
	return false;
}

static int add_part(struct item_build *build, int fd, const struct store_part *part, const char *name, json_t *json)
{
	CLEANUP_FREE uint8_t *sealed = malloc(part->size > 0 ? part->size : 1);
	CLEANUP_FREE char *text = malloc(BASE64_SIZE(part->size) + 1);
	if (sealed == NULL || text == NULL)
		return -SIS_ERR_NO_MEMORY;
	int error = fd_pread_all(fd, sealed, part->size, part->offset);
	if (error < 0)
		return error;
	base64_encode(sealed, part->size, text);
	build->bytes += BASE64_SIZE(part->size);
	return json_object_set_new(json, name, json_string(text)) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

/* The words of a message come with it: a conversation would else need a request for each line. */
static int add_parts(struct item_build *build, const struct store_item *item, bool with_object, json_t *json)
{
	const struct store_part *manifest = &item->part[SEAL_MANIFEST], *object = &item->part[SEAL_OBJECT];
	CLEANUP_FD int fd = -1;
	uint64_t size;
	if (manifest->size > seal_sealed_size(MANIFEST_MAX_BYTES))
		return -SIS_ERR_TOO_LARGE;
	int error = store_open_object(build->worker->store, item->id, &fd, &size);
	if (error == 0)
		error = add_part(build, fd, manifest, "manifest", json);
	if (error == 0 && with_object && object->size <= seal_sealed_size(SEAL_CHUNK_BYTES))
		error = add_part(build, fd, object, "object", json);
	return error;
}

static int add_plain(const struct store_item *item, json_t *json)
{
	char id[ITEM_ID_TEXT + 1], received[TIME_TEXT + 1];
	item_id_encode(item->id, id);
	int error = time_encode(item->received, received);
	if (error < 0)
		return error;
	int failed = json_object_set_new(json, "item", json_string(id));
	failed |= json_object_set_new(json, "sequence", json_integer((json_int_t)item->sequence));
	failed |= json_object_set_new(json, "received", json_string(received));
	failed |= json_object_set_new(json, "owner", json_string(item->owner));
	failed |= json_object_set_new(json, "statement", json_text(item->statement));
	return failed != 0 ? -SIS_ERR_NO_MEMORY : 0;
}

static int fill(struct item_build *build, const struct store_caller *caller, const struct store_item *item, enum item_include include,
                json_t *json)
{
	static struct statement statement;      /* too large for the stack of a callback; the worker has one thread */
	int error = add_plain(item, json);
	if (error == 0)
		error = statement_parse(item->statement, &statement, NULL);
	if (error < 0)
		return error;
	build->bytes = item->statement.size;
	add_signer(build, statement.device);
	error = store_list_grants(build->worker->store, item->item_row, caller->user_id, false, add_grant, build);
	if (error == 0)
		error = add_certificates(build);
	if (error == 0 && include != INCLUDE_NOTHING)
		error = add_parts(build, item, include == INCLUDE_CONTENT && statement.kind == ITEM_MESSAGE, json);
	return error;
}

int item_grants_json(struct worker *worker, const struct store_caller *caller, const struct store_item *item, json_t **ret_json)
{
	CLEANUP_JSON json_t *json = json_object();
	struct item_build build = { .worker = worker, .grants = json_array(), .certificates = json_array() };
	int failed = json_object_set_new(json, "grants", build.grants);
	failed |= json_object_set_new(json, "certificates", build.certificates);
	int error = failed != 0 ? -SIS_ERR_NO_MEMORY
	                        : store_list_grants(worker->store, item->item_row, caller->user_id, item->is_owner, add_grant, &build);
	if (error == 0)
		error = add_certificates(&build);
	if (error < 0)
		return error;
	*ret_json = json;
	json = NULL;
	return 0;
}

int item_json(struct worker *worker, const struct store_caller *caller, const struct store_item *item, enum item_include include,
              json_t **ret_item, size_t *ret_bytes)
{
	CLEANUP_JSON json_t *json = json_object();
	struct item_build build = { .worker = worker, .grants = json_array(), .certificates = json_array() };
	/* The object owns both arrays from here on, whatever happens. */
	int failed = json_object_set_new(json, "grants", build.grants);
	failed |= json_object_set_new(json, "certificates", build.certificates);
	int error = failed != 0 ? -SIS_ERR_NO_MEMORY : fill(&build, caller, item, include, json);
	if (error < 0)
		return error;
	*ret_item = json;
	json = NULL;
	*ret_bytes = build.bytes;
	return 0;
}
