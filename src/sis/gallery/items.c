/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lists, single items, thumbnails, words. Each is asked for and checked anew: what is revoked, or does not hold any more, is not shown from memory. */
#include "sis/gallery/gallery.h"

#include "sis/fetch.h"
#include "sis/output.h"
#include "sis/pictures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS_MAX_BYTES 65536u

static void copy_id(struct job *job, const struct captures *captures)
{
	memcpy(job->id, captures->id, sizeof(job->id));
}

/* ------------------------------------------------ lists ------------------------------------------------ */

static int run_list(struct job *job, struct hand *hand, struct why *why)
{
	CLEANUP_JSON json_t *page = NULL;
	char target[128], from[48] = "";
	uint64_t next = 0;
	if (job->before != 0)
		snprintf(from, sizeof(from), "after=%llu&", (unsigned long long)job->before);
	snprintf(target, sizeof(target), "/v1/items?%slimit=%u&order=newest&include=content", from, GALLERY_PAGE_ITEMS);
	int r = session_get_json(hand->session, target, SESSION_PAGE_MAX_BYTES, &page, why);
	if (r < 0)
		return r;
	const json_t *items = json_object_get(page, "items");
	uint64_t sequence;
	if (!json_is_array(items) || json_array_size(items) > 200 || json_member_u64(page, "sequence", &sequence) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list is malformed");
	r = trust_check_sequence(hand, sequence, why);
	if (r < 0)
		return r;
	json_t *described = json_array();
	for (size_t i = 0; i < json_array_size(items) && !atomic_load(&job->cancelled); i++) {
		json_t *one = describe_json(json_array_get(items, i), hand);
		if (one != NULL)
			json_array_append_new(described, one);
	}
	bool more = json_member_u64(page, "next", &next) == 0;
	job->json = json_pack("{s:o, s:o}", "items", described, "next", more ? json_integer((json_int_t)next) : json_null());
	if (more && (next == 0 || (job->before != 0 && next >= job->before)))
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list has no end");
	return 0;
}

void items_list(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	const char *before = http_request_query(request, "before");
	uint64_t number = 0;
	(void)captures;
	if (before != NULL && !span_to_u64(span_from_string(before), INT64_MAX, &number)) {
		answer_problem(request, SIS_ERR_BAD_FORMAT, "\"before\" is a sequence number.");
		return;
	}
	struct job *job = job_new(gallery, request, LANE_QUICK, run_list);
	job->before = number;
	job_start(job);
}

static int run_one(struct job *job, struct hand *hand, struct why *why)
{
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0)
		return r;
	job->json = describe_item(&item, hand);
	item_wipe(&item);
	return 0;
}

void items_one(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct job *job = job_new(gallery, request, LANE_QUICK, run_one);
	copy_id(job, captures);
	job_start(job);
}

/* ------------------------------------------------ thumbnails ------------------------------------------------ */

static int run_thumbnail(struct job *job, struct hand *hand, struct why *why)
{
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0)
		return r;
	r = item_fetch_thumbnail(hand->session, &item, &job->body, why);
	item_wipe(&item);
	static const uint8_t jpeg[] = { 0xff, 0xd8, 0xff };
	if (r == 0 && (job->body.size < sizeof(jpeg) || memcmp(job->body.data, jpeg, sizeof(jpeg)) != 0))
		r = why_set(why, -SIS_ERR_BAD_FORMAT, "its preview is no JPEG");
	return r;
}

static void answer_thumbnail(struct job *job)
{
	answer_bytes(job->request, &(struct answer_bytes){ .type = "image/jpeg", .data = { job->body.data, job->body.size }, .fd = -1 });
}

void items_thumbnail(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct job *job = job_new(gallery, request, LANE_QUICK, run_thumbnail);
	copy_id(job, captures);
	job->answer = answer_thumbnail;
	job_start(job);
}

/* ------------------------------------------------ words ------------------------------------------------ */

static int read_words(int fd, uint64_t size, json_t **ret_json, struct why *why)
{
	CLEANUP_FREE char *words = xcalloc(1, (size_t)size + 1);
	int r = fd_pread_all(fd, words, (size_t)size, 0);
	if (r < 0)
		return r;
	json_t *text = json_stringn(words, (size_t)size);
	secret_wipe(words, (size_t)size);
	if (text == NULL)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "its words are not UTF-8");
	*ret_json = json_pack("{s:o}", "text", text);
	return 0;
}

static int run_text(struct job *job, struct hand *hand, struct why *why)
{
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0)
		return r;
	CLEANUP_FD int fd = memfd_create("words", MFD_CLOEXEC);
	struct fetch fetch = { .session = hand->session, .item = &item, .plain_fd = fd, .sealed_fd = -1 };
	if (fd < 0)
		r = why_set(why, error_from_errno(errno), "no memory for it: %s", strerror(errno));
	else if (item.opened.statement.kind != ITEM_MESSAGE || item.manifest.size > WORDS_MAX_BYTES)
		r = why_set(why, -SIS_ERR_BAD_FORMAT, "is no message");
	if (r == 0)
		r = fetch_object(&fetch, why);
	if (r == 0)
		r = read_words(fd, item.manifest.size, &job->json, why);
	item_wipe(&item);
	return r;
}

void items_text(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct job *job = job_new(gallery, request, LANE_QUICK, run_text);
	copy_id(job, captures);
	job_start(job);
}
