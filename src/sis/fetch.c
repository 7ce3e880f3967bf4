/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fetching an object. */
#include "sis/fetch.h"

#include "sis/pour.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRIES 5u
#define READ_BYTES 262144u

struct download {
	const struct fetch *fetch;
	struct pour *pour;
	uint64_t at, total;                     /* sealed bytes */
	bool head_checked;
	struct why *why;
};

/* Is this the rest of what we asked for? A server that sends another stretch, or all of it again, is not followed. */
static int check_head(const struct download *download, const struct http_reply *reply)
{
	char expected[64];
	uint64_t left = download->total - download->at;
	if (reply->has_length && reply->length != left)
		return why_set(download->why, -SIS_ERR_BAD_ROOT, "the server has %llu bytes where the signed statement says %llu",
		               (unsigned long long)reply->length, (unsigned long long)left);
	if (download->at == 0)
		return reply->status == 200 ? 0 : -SIS_ERR_PROTOCOL;
	snprintf(expected, sizeof(expected), "bytes %llu-%llu/%llu", (unsigned long long)download->at, (unsigned long long)download->total - 1,
	         (unsigned long long)download->total);
	if (reply->status != 206 || strcmp(reply->content_range, expected) != 0)
		return why_set(download->why, -SIS_ERR_PROTOCOL, "the server did not go on where the connection had broken");
	return 0;
}

static int on_data(const struct http_reply *reply, const uint8_t *data, size_t size, void *arg)
{
	struct download *download = arg;
	const struct fetch *fetch = download->fetch;
	int r = download->head_checked ? 0 : check_head(download, reply);
	download->head_checked = true;
	if (r == 0)
		r = pour_feed(download->pour, data, size);
	if (r == 0 && fetch->sealed_fd >= 0)
		r = fd_write_all(fetch->sealed_fd, data, size);
	if (r < 0)
		return r;
	download->at += size;
	if (fetch->progress != NULL)
		fetch->progress(download->at, download->total, fetch->progress_arg);
	return 0;
}

static int download_once(struct download *download)
{
	char target[64], range[48];
	struct http_client_header headers[] = { { "Range", range } };
	struct http_call call = { .method = "GET", .target = target, .headers = headers, .data_fn = on_data, .arg = download };
	struct http_reply reply;
	snprintf(target, sizeof(target), "/v1/items/%s/object", download->fetch->item->id);
	snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)download->at);
	call.n_headers = download->at > 0 ? 1 : 0;
	download->head_checked = false;
	return session_call(download->fetch->session, &call, &reply, NULL, download->why);
}

static bool may_go_on(int error)
{
	return error == -SIS_ERR_CLOSED || error == -SIS_ERR_TLS || error == -SIS_ERR_TIMEOUT || error == -SIS_ERR_UNAVAILABLE;
}

int fetch_explain(int error, struct why *why)
{
	if (error == -SIS_ERR_NO_SPACE || error == -SIS_ERR_IO)
		return why_set(why, error, "it cannot be written: %s", error_text(error));
	if (error < 0 && error != -SIS_ERR_INTERRUPTED && why->text[0] == '\0')
		why_set(why, error, "%s; nothing was kept: do not trust this copy", error_text(error));
	return error;
}

/* Five failures without a byte between them end it; progress in between starts the count anew. */
static int download_all(struct download *download)
{
	unsigned failures = 0;
	int r = 0;
	while (download->at < download->total) {
		uint64_t before = download->at;
		download->why->text[0] = '\0';
		r = download_once(download);
		if (r == 0 && download->at < download->total)
			r = why_set(download->why, -SIS_ERR_BAD_ROOT, "the server has less of it than the signed statement says");
		if (r == 0 || !may_go_on(r))
			break;
		failures = download->at > before ? 0 : failures + 1;
		if (failures == RETRIES)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 100000000L * (1 + failures) }, NULL);
	}
	return r;
}

int fetch_object(const struct fetch *fetch, struct why *why)
{
	struct download download = { .fetch = fetch, .total = fetch->item->opened.statement.part[SEAL_OBJECT].size, .why = why };
	int r = pour_new(&fetch->item->opened.keys.part[SEAL_OBJECT], &fetch->item->opened.statement.part[SEAL_OBJECT], fetch->item->manifest.size,
	                 fetch->plain_fd, &download.pour);
	if (r == 0)
		r = download_all(&download);
	if (r == 0)
		r = pour_finish(download.pour);
	pour_free(download.pour);
	return r < 0 ? fetch_explain(r, why) : 0;
}

int fetch_object_from_file(const struct item *item, int fd, uint64_t offset, int plain_fd, struct why *why)
{
	const struct part_digest *digest = &item->opened.statement.part[SEAL_OBJECT];
	CLEANUP_FREE uint8_t *buffer = xcalloc(1, READ_BYTES);
	struct pour *pour = NULL;
	int r = pour_new(&item->opened.keys.part[SEAL_OBJECT], digest, item->manifest.size, plain_fd, &pour);
	for (uint64_t at = 0; r == 0 && at < digest->size;) {
		size_t size = digest->size - at < READ_BYTES ? (size_t)(digest->size - at) : READ_BYTES;
		r = fd_pread_all(fd, buffer, size, offset + at);
		if (r < 0)
			r = why_set(why, -SIS_ERR_BAD_ROOT, "the file ends before the item does");
		if (r == 0)
			r = pour_feed(pour, buffer, size);
		at += size;
		if (r == 0 && atomic_load(&sis_cancelled))
			r = -SIS_ERR_INTERRUPTED;
	}
	if (r == 0)
		r = pour_finish(pour);
	pour_free(pour);
	return r < 0 ? fetch_explain(r, why) : 0;
}
