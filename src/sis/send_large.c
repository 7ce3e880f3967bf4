/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Large files in two passes (sis/pass.h): the statement, which goes first, needs the root of what comes last. */
#include "sis/journal.h"
#include "sis/output.h"
#include "sis/pass.h"
#include "sis/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRIES 5u

struct stream {
	struct sender *sender;
	struct pass *pass;
	struct journal *journal;                /* its composed item is what is sent */
	struct ring *ring;
	uint64_t at, total;                     /* bytes of the bundle */
	uint64_t next_chunk;                    /* to be submitted */
	bool keep_journal, was_sent;            /* was_sent: perhaps more of it is there than we were told */
	struct doubt doubt;
};

/* The next bytes of the bundle from stream->at on. */
static int stream_next(const uint8_t **ret_data, size_t *ret_size, void *arg)
{
	struct stream *stream = arg;
	const struct composed *composed = &stream->journal->composed;
	struct ring_slot *slot;
	if (stream->sender->progress != NULL)
		stream->sender->progress(stream->at, stream->total, stream->sender->progress_arg);
	if (stream->at < composed->prefix_size) {
		*ret_data = composed->prefix + stream->at;
		*ret_size = composed->prefix_size - (size_t)stream->at;
		stream->at = composed->prefix_size;
		return 0;
	}
	ring_release(stream->ring);
	bool hungry = ring_is_hungry(stream->ring);
	while (hungry && stream->next_chunk < stream->pass->n_chunks && (slot = ring_free_slot(stream->ring)) != NULL) {
		pass_prepare_slot(stream->pass, slot, stream->next_chunk++);
		ring_submit(stream->ring, slot);
	}
	slot = ring_collect(stream->ring);
	if (slot->error < 0)
		return slot->error;
	size_t skip = (size_t)(stream->at - composed->prefix_size - slot->index * SEAL_SEALED_CHUNK_BYTES);
	*ret_data = slot->sealed + skip;
	*ret_size = slot->plain_size + SEAL_TAG_BYTES - skip;
	stream->at += *ret_size;
	return 0;
}

/* Where the server keeps the upload: written down before the next byte, so that a kill at any later point can be continued. */
static void on_interim(const struct http_reply *reply, void *arg)
{
	struct stream *stream = arg;
	if (reply->status == 104 && stream->keep_journal && stream->journal->upload[0] == '\0' && strncmp(reply->location, "/v1/uploads/", 12) == 0)
		journal_set_upload(stream->journal, reply->location);
}

static int stream_open(struct stream *stream, uint64_t offset)
{
	const struct composed *composed = &stream->journal->composed;
	ring_free(stream->ring);
	stream->ring = NULL;
	stream->at = offset;
	stream->next_chunk = offset > composed->prefix_size ? (offset - composed->prefix_size) / SEAL_SEALED_CHUNK_BYTES : 0;
	return ring_new(&composed->keys.part[SEAL_OBJECT], PASS_THREADS, PASS_SLOTS, pass_work_second, stream->pass, &stream->ring);
}

static int stream_call(struct stream *stream, bool from_start, struct why *why)
{
	char offset[32];
	struct http_client_header start[] = {
		{ "Content-Type", "application/vnd.sis.item" }, { "Upload-Draft-Interop-Version", "8" }, { "Upload-Complete", "?1" },
	};
	struct http_client_header on[] = {
		{ "Content-Type", "application/partial-upload" }, { "Upload-Draft-Interop-Version", "8" }, { "Upload-Complete", "?1" },
		{ "Upload-Offset", offset },
	};
	struct http_call call = {
		.method = from_start ? "POST" : "PATCH", .target = from_start ? "/v1/items" : stream->journal->upload, .headers = from_start ? start : on,
		.n_headers = from_start ? 3 : 4, .body_size = stream->total - stream->at, .interim_fn = on_interim, .arg = stream,
	};
	struct http_reply reply;
	CLEANUP_BLOB struct blob body = { 0 };
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)stream->at);
	if (call.body_size > 0)
		call.body_fn = stream_next;
	stream->was_sent = true;
	int r = session_call(stream->sender->session, &call, &reply, &body, why);
	doubt_note(&stream->doubt, stream->sender, r, why);
	return r == 0 ? send_check_answer(&reply, (struct span){ body.data, body.size }, stream->journal->composed.id, why) : r;
}

/* How much of it the server has. NO_UPLOAD when it knows nothing (any more). */
static int ask_offset(struct stream *stream, uint64_t *ret_offset, struct why *why)
{
	static const struct http_client_header headers[] = { { "Upload-Draft-Interop-Version", "8" } };
	struct http_call call = { .method = "HEAD", .target = stream->journal->upload, .headers = headers, .n_headers = 1 };
	struct http_reply reply;
	int r = session_call(stream->sender->session, &call, &reply, NULL, why);
	if (r == -SIS_ERR_NO_ITEM || r == -SIS_ERR_NO_UPLOAD)
		return -SIS_ERR_NO_UPLOAD;
	if (r < 0)
		return r;
	if (!span_to_u64(span_from_string(reply.upload_offset), stream->total, ret_offset))
		return why_set(why, -SIS_ERR_PROTOCOL, "the server does not say how much of the upload it has");
	return 0;
}

/* What the server has forgotten is an item already, or is sent again from the start: the same bytes under the same keys. */
static int send_from_start(struct stream *stream, struct why *why)
{
	int r = -SIS_ERR_NO_ITEM;
	stream->journal->upload[0] = '\0';
	why->text[0] = '\0';
	if (stream->was_sent)
		r = send_look(stream->sender, &stream->journal->composed, why);
	if (r != -SIS_ERR_NO_ITEM)
		return r;
	stream->doubt.is_open = false;
	why->text[0] = '\0';
	r = stream_open(stream, 0);
	return r == 0 ? stream_call(stream, true, why) : r;
}

static int send_rest(struct stream *stream, struct why *why)
{
	uint64_t offset = 0;
	int r = stream->journal->upload[0] != '\0' ? ask_offset(stream, &offset, why) : -SIS_ERR_NO_UPLOAD;
	if (r == -SIS_ERR_NO_UPLOAD)
		return send_from_start(stream, why);
	if (r < 0)
		return r;
	if (offset < stream->total)
		stream->doubt.is_open = false;
	r = stream_open(stream, offset);
	return r == 0 ? stream_call(stream, false, why) : r;
}

static bool may_go_on(int error)
{
	return error == -SIS_ERR_CLOSED || error == -SIS_ERR_TLS || error == -SIS_ERR_TIMEOUT || error == -SIS_ERR_UNAVAILABLE || error == -SIS_ERR_BUSY;
}

static int send_all(struct stream *stream, struct why *why)
{
	struct patience patience = { 0 };
	unsigned failures = 0;
	for (;;) {
		uint64_t before = stream->at;
		why->text[0] = '\0';
		int r = send_rest(stream, why);
		if (r == -SIS_ERR_EXISTS || r == -SIS_ERR_CONFLICT)
			r = send_confirm(stream->sender, &stream->journal->composed, r, why);
		if (stream->at > before)
			patience = (struct patience){ 0 };
		if ((r == -SIS_ERR_BUSY || r == -SIS_ERR_TOO_MANY) && session_wait(stream->sender->session, &patience))
			continue;
		if (r == 0 || !may_go_on(r) || atomic_load(&sis_cancelled))
			return r;
		failures = stream->at > before ? 0 : failures + 1;
		if (failures >= RETRIES)
			return r;
		nanosleep(&(struct timespec){ .tv_sec = failures > 1, .tv_nsec = 200000000L }, NULL);
	}
}

/* The server need not keep what nobody will continue. */
static void abandon(struct sender *sender, struct journal *journal)
{
	struct http_call call = { .method = "DELETE", .target = journal->upload };
	struct http_reply reply;
	struct why why = { "" };
	if (journal->upload[0] != '\0')
		session_call(sender->session, &call, &reply, NULL, &why);
	journal_remove(journal);
}

/* A journal for this file whose bytes are still those of the file, or a new item. The first pass is done either way. */
static int begin_item(struct sender *sender, struct pass *pass, const uint8_t label[DIGEST_BYTES], struct journal *journal, bool *ret_resumed, struct why *why)
{
	const struct source *source = pass->source;
	struct composed composed = { 0 };
	struct part_digest object;
	*ret_resumed = false;
	int r = source->path != NULL ? journal_find(sender->profile, source->path, label, journal) : -SIS_ERR_NO_INPUT;
	if (r == 0) {
		bool same = journal_fits(journal, source) && pass_first(pass, &journal->composed.keys, &object) == 0 &&
		            memcmp(&object, &journal->composed.object, sizeof(object)) == 0;
		if (atomic_load(&sis_cancelled)) {
			journal_close(journal);
			return -SIS_ERR_INTERRUPTED;
		}
		if (same) {
			*ret_resumed = true;
			return 0;
		}
		output_warning(sender->sis, "%s changed since its upload was cut off: it is uploaded anew", source->manifest.name);
		abandon(sender, journal);
	}
	const struct draft draft = sender_draft(sender, source);
	r = compose_begin(&composed);
	if (r == 0)
		r = pass_first(pass, &composed.keys, &object);
	if (r == 0)
		r = source_check_unchanged(source, why);
	if (r == 0)
		r = compose_finish(sender->profile, &draft, &object, &composed, why);
	if (r == 0 && source->path != NULL)
		r = journal_create(sender->profile, source, label, &composed, journal, why);
	else if (r == 0)
		*journal = (struct journal){ .dir_fd = -1, .fd = -1, .composed = composed };
	if (r < 0)
		composed_wipe(&composed);
	return r;
}

/* Which failures leave something to go on with. */
static bool keeps_journal(int error)
{
	return may_go_on(error) || error == -SIS_ERR_INTERRUPTED || error == -SIS_ERR_NO_SPACE || error == -SIS_ERR_READ_ONLY || error == -SIS_ERR_TOO_MANY;
}

static int send_attempt(struct sender *sender, const struct source *source, uint8_t ret_item[ITEM_ID_BYTES], bool *ret_resumed, struct why *why)
{
	struct pass pass = { 0 };
	struct journal journal = { .dir_fd = -1, .fd = -1 };
	uint8_t label[DIGEST_BYTES];
	journal_label(source, sender->audience, sender->expires, sender->may_share, label);
	int r = pass_begin(source, &pass);
	if (r == 0)
		r = begin_item(sender, &pass, label, &journal, ret_resumed, why);
	if (r < 0) {
		free(pass.tags);
		return r;
	}
	struct stream stream = { .sender = sender, .pass = &pass, .journal = &journal, .keep_journal = source->path != NULL, .was_sent = *ret_resumed };
	stream.total = journal.composed.prefix_size + journal.composed.object.size;
	r = send_all(&stream, why);
	ring_free(stream.ring);
	free(pass.tags);
	if (r == 0)
		memcpy(ret_item, journal.composed.id, ITEM_ID_BYTES);
	if (r == 0)
		journal_remove(&journal);
	else if (keeps_journal(r))
		journal_close(&journal);
	else
		abandon(sender, &journal);
	if (r < 0 && stream.doubt.is_open && keeps_journal(r))
		return doubt_say(&stream.doubt, r, stream.keep_journal, why);
	return r == -SIS_ERR_INTERRUPTED && stream.keep_journal ? why_set(why, r, "interrupted; the same command goes on where it stopped") : r;
}

int send_large(struct sender *sender, const struct source *source, uint8_t ret_item[ITEM_ID_BYTES], bool *ret_resumed, struct why *why)
{
	int r = send_attempt(sender, source, ret_item, ret_resumed, why);
	if (r == -SIS_ERR_CHANGED)
		return why_set(why, r, "changed while it was read; upload it again when nobody writes to it");
	if (r == -SIS_ERR_INTERNAL && why->text[0] == '\0')
		return why_set(why, r, "what was sealed did not open to the same bytes: this machine's memory is broken; nothing was shared");
	return r;
}
