/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Small files: sealed in memory, opened again, sent in one request that may be repeated as it is. */
#include "sis/send.h"

#include "sis/chain.h"
#include "sis/journal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What precedes the object, for up to so many devices; for more the bundle is put together elsewhere. */
#define USUAL_DEVICES 64u
#define PREFIX_ROOM (BUNDLE_HEAD_MAX_BYTES + STATEMENT_MAX_BYTES + USUAL_DEVICES * GRANT_MAX_BYTES + MANIFEST_MAX_BYTES + THUMBNAIL_MAX_BYTES + 4096u)

void sender_wipe(struct sender *sender)
{
	if (sender->buffers.data != NULL)
		secret_wipe(sender->buffers.data, sender->buffers.capacity);
	free(sender->buffers.data);
	sender->buffers = (struct send_buffers){ 0 };
}

struct draft sender_draft(const struct sender *sender, const struct source *source)
{
	return (struct draft){
		.audience = sender->audience, .kind = source->kind, .manifest = &source->manifest, .thumbnail = { source->thumbnail.data, source->thumbnail.size },
		.expires = sender->expires, .may_share = sender->may_share,
	};
}

static int buffers_need(struct send_buffers *buffers, size_t size)
{
	if (size <= buffers->capacity)
		return 0;
	uint8_t *data = malloc(size);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	if (buffers->data != NULL)
		secret_wipe(buffers->data, buffers->capacity);
	free(buffers->data);
	*buffers = (struct send_buffers){ data, size };
	return 0;
}

int send_check_answer(const struct http_reply *reply, struct span body, const uint8_t item[ITEM_ID_BYTES], struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(item, id);
	const char *answered = reply->status == 201 && json_parse(body, 65536, &json) == 0 ? json_member_string(json, "item") : NULL;
	if (answered == NULL || strcmp(answered, id) != 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server did not confirm the item; see \"sis list --all\" whether it arrived");
	return 0;
}

/* Seals the padded plaintext and opens every chunk again before the next. */
static int seal_object(const struct seal_keys *keys, const uint8_t *plain, size_t size, uint8_t *ret_sealed, struct part_digest *ret_digest)
{
	struct seal_cipher *cipher __attribute__((cleanup(seal_cipher_freep))) = NULL;
	CLEANUP_FREE uint8_t *opened = malloc(SEAL_CHUNK_BYTES);
	struct merkle merkle;
	uint64_t n_chunks = seal_n_chunks(size);
	int r = opened != NULL ? seal_cipher_new(&keys->part[SEAL_OBJECT], &cipher) : -SIS_ERR_NO_MEMORY;
	merkle_init(&merkle);
	for (uint64_t i = 0; r == 0 && i < n_chunks; i++) {
		size_t at = (size_t)i * SEAL_CHUNK_BYTES, chunk = size - at < SEAL_CHUNK_BYTES ? size - at : SEAL_CHUNK_BYTES;
		uint8_t leaf[DIGEST_BYTES], *sealed = ret_sealed + (size_t)i * SEAL_SEALED_CHUNK_BYTES;
		bool last = i + 1 == n_chunks;
		r = seal_chunk(cipher, i, last, plain + at, chunk, sealed);
		if (r == 0)
			r = seal_open_chunk(cipher, i, last, sealed, chunk + SEAL_TAG_BYTES, opened);
		if (r == 0 && memcmp(opened, plain + at, chunk) != 0)
			r = -SIS_ERR_BAD_SEAL;
		merkle_hash_leaf(sealed, chunk + SEAL_TAG_BYTES, leaf);
		merkle_add_leaf(&merkle, leaf);
	}
	if (opened != NULL)
		secret_wipe(opened, SEAL_CHUNK_BYTES);
	if (r == 0) {
		ret_digest->size = seal_sealed_size(size);
		merkle_root(&merkle, ret_digest->root);
	}
	return r;
}

static int post(struct sender *sender, const struct composed *composed, const uint8_t *bundle, size_t size, struct why *why)
{
	static const struct http_client_header headers[] = { { "Content-Type", "application/vnd.sis.item" } };
	struct http_call call = { .method = "POST", .target = "/v1/items", .headers = headers, .n_headers = 1, .body = bundle, .body_size = size };
	struct http_reply reply;
	CLEANUP_BLOB struct blob body = { 0 };
	int r = session_call(sender->session, &call, &reply, &body, why);
	return r == 0 ? send_check_answer(&reply, (struct span){ body.data, body.size }, composed->id, why) : r;
}

static void *flush(void *profile)
{
	chain_flush(profile);
	return NULL;
}

/* The disk and the server at the same time. */
static int post_and_flush(struct sender *sender, const struct composed *composed, const uint8_t *bundle, size_t size, struct why *why)
{
	pthread_t flusher;
	bool flushing = sender->flushes_chain && pthread_create(&flusher, NULL, flush, (void *)(uintptr_t)sender->profile) == 0;
	int r = post(sender, composed, bundle, size, why);
	if (flushing)
		pthread_join(flusher, NULL);
	else if (sender->flushes_chain)
		chain_flush(sender->profile);
	return r;
}

/* The job's buffer: plaintext, room for the prefix, sealed object. */
int send_small_seal(struct send_buffers *buffers, const struct source *source, struct small *ret_small, struct why *why)
{
	struct small small = { 0 };
	size_t size = (size_t)source->size, padded = (size_t)seal_padded_size(source->size);
	int r = buffers_need(buffers, padded + PREFIX_ROOM + (size_t)seal_sealed_size(padded));
	if (r < 0)
		return r;
	uint8_t *plain = buffers->data;
	if (fd_pread_all(source->fd, plain, size, 0) < 0)
		return why_set(why, -SIS_ERR_CHANGED, "changed or could not be read to its end; upload it again when nobody writes to it");
	memset(plain + size, 0, padded - size);
	small.sealed = plain + padded + PREFIX_ROOM;
	r = compose_begin(&small.composed);
	if (r == 0)
		r = seal_object(&small.composed.keys, plain, padded, small.sealed, &small.object);
	if (r == -SIS_ERR_BAD_SEAL)
		r = why_set(why, -SIS_ERR_INTERNAL, "what was sealed did not open to the same bytes: this machine's memory is broken; nothing was shared");
	if (r == 0)
		*ret_small = small;
	else
		small_wipe(&small);
	return r;
}

void small_wipe(struct small *small)
{
	composed_wipe(&small->composed);
}

static int post_bundle(struct sender *sender, const struct small *small, struct why *why)
{
	const struct composed *composed = &small->composed;
	size_t size = composed->prefix_size + (size_t)small->object.size;
	CLEANUP_FREE uint8_t *elsewhere = NULL;
	uint8_t *bundle = small->sealed - composed->prefix_size;
	if (composed->prefix_size > PREFIX_ROOM) {
		bundle = elsewhere = malloc(size);
		if (elsewhere == NULL)
			return -SIS_ERR_NO_MEMORY;
		memcpy(bundle + composed->prefix_size, small->sealed, (size_t)small->object.size);
	}
	memcpy(bundle, composed->prefix, composed->prefix_size);
	return post_and_flush(sender, composed, bundle, size, why);
}

int send_small_compose(struct sender *sender, const struct source *source, struct small *small, struct why *why)
{
	const struct draft draft = sender_draft(sender, source);
	return compose_finish(sender->profile, &draft, &small->object, &small->composed, why);
}

static int deliver_once(struct sender *sender, struct small *small, struct why *why)
{
	int r = post_bundle(sender, small, why);
	doubt_note(&small->doubt, sender, r, why);
	return r == -SIS_ERR_EXISTS || r == -SIS_ERR_CONFLICT ? send_confirm(sender, &small->composed, r, why) : r;
}

/* The question is cheaper than the bytes. */
static int deliver_again(struct sender *sender, struct small *small, struct why *why)
{
	*why = (struct why){ "" };
	int r = send_look(sender, &small->composed, why);
	if (r != -SIS_ERR_NO_ITEM)
		return r;
	*why = (struct why){ "" };
	small->doubt.is_open = false;
	return deliver_once(sender, small, why);
}

static int deliver(struct sender *sender, struct small *small, struct why *why)
{
	int r = deliver_once(sender, small, why);
	while (r < 0 && small->doubt.is_open && sender->retries && doubt_wait(&small->doubt, sender))
		r = deliver_again(sender, small, why);
	return r;
}

int send_small_deliver(struct sender *sender, struct small *small, struct why *why)
{
	int r = deliver(sender, small, why);
	return r < 0 && small->doubt.is_open && sender->retries ? doubt_say(&small->doubt, r, false, why) : r;
}

/* For send_file, when the same file is sent again. */
static bool leave_journal(struct sender *sender, const struct source *source, struct small *small)
{
	struct journal journal;
	struct why ignored = { "" };
	uint8_t label[DIGEST_BYTES];
	journal_label(source, sender->audience, sender->expires, sender->may_share, label);
	if (source->path == NULL || journal_create(sender->profile, source, label, &small->composed, &journal, &ignored) < 0)
		return false;
	journal_close(&journal);
	return true;
}

int send_small_post(struct sender *sender, const struct source *source, struct small *small, uint8_t ret_item[ITEM_ID_BYTES], struct why *why)
{
	int r = send_small_compose(sender, source, small, why);
	if (r == 0)
		r = deliver(sender, small, why);
	if (r == 0)
		memcpy(ret_item, small->composed.id, ITEM_ID_BYTES);
	return r < 0 && small->doubt.is_open ? doubt_say(&small->doubt, r, leave_journal(sender, source, small), why) : r;
}

int send_small(struct sender *sender, const struct source *source, uint8_t ret_item[ITEM_ID_BYTES], struct why *why)
{
	struct small small;
	int r = send_small_seal(&sender->buffers, source, &small, why);
	if (r < 0)
		return r;
	r = send_small_post(sender, source, &small, ret_item, why);
	small_wipe(&small);
	return r;
}

/* Whether it was sent before, and the answer lost. */
static bool has_journal(const struct sender *sender, const struct source *source)
{
	struct journal journal;
	uint8_t label[DIGEST_BYTES];
	if (source->path == NULL || !journal_is_any(sender->profile))
		return false;
	journal_label(source, sender->audience, sender->expires, sender->may_share, label);
	if (journal_find(sender->profile, source->path, label, &journal) < 0)
		return false;
	journal_close(&journal);
	return true;
}

int send_file(struct sender *sender, const struct source *source, struct small *sealed, uint8_t ret_item[ITEM_ID_BYTES], bool *ret_resumed, struct why *why)
{
	*ret_resumed = false;
	if (source->size > SEND_SMALL_BYTES || has_journal(sender, source))
		return send_large(sender, source, ret_item, ret_resumed, why);
	return sealed != NULL ? send_small_post(sender, source, sealed, ret_item, why) : send_small(sender, source, ret_item, why);
}
