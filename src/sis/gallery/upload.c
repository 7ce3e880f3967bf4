/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Uploads from the page: the file's bytes are taken into memory (large ones: an unnamed file), then they go the way of `sis upload`: cleaned, with a
 * thumbnail, sealed here. A page that goes away, or cancels, ends its upload. */
#include "sis/gallery/gallery.h"

#include "sis/chain.h"
#include "sis/naming.h"
#include "sis/output.h"
#include "sis/pictures.h"
#include "sis/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ABOUT_HEADER "Sis-Upload"       /* base64 of {"name","caption","to","label","convert":"jpeg"|""}: as a field, for a caption may be longer than a request line */
#define ABOUT_MAX_BYTES 12288u
#define TELL_MS 100u

/* ------------------------------------------------ taking it ------------------------------------------------ */

static bool take_text(const json_t *about, const char *name, char **ret_text)
{
	const char *text = json_member_string(about, name);
	if (text != NULL)
		*ret_text = xstrdup(text);
	return text != NULL;
}

static bool read_about(struct http_request *request, struct job *job)
{
	uint8_t text[ABOUT_MAX_BYTES];
	CLEANUP_JSON json_t *about = NULL;
	const char *field = http_request_header(request, ABOUT_HEADER);
	size_t size;
	return field != NULL && base64_decode_lenient(span_from_string(field), text, sizeof(text), &size) == 0 &&
	       json_parse((struct span){ text, size }, sizeof(text), &about) == 0 && json_is_object(about) && take_text(about, "name", &job->name) &&
	       take_text(about, "caption", &job->caption) && take_text(about, "to", &job->to) && take_text(about, "label", &job->label) &&
	       take_text(about, "convert", &job->convert) && (*job->convert == '\0' || strcmp(job->convert, "jpeg") == 0);
}

static int open_place(uint64_t size)
{
	struct outfile spool;
	if (size <= GALLERY_MEMORY_BYTES)
		return memfd_create("upload", MFD_CLOEXEC);
	if (outfile_open_spool(&spool, NULL) < 0)
		return -1;
	int fd = fd_take(&spool.fd);
	outfile_close(&spool);
	return fd;
}

/* The job is over before it began. */
static void refuse(struct http_request *request, struct job *job, int error, const char *detail)
{
	http_request_set_data(request, NULL);
	job_gone(job);
	answer_problem(request, error, detail);
}

static int run_upload(struct job *job, struct hand *hand, struct why *why);

void upload_begin(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	uint64_t size = http_request_body_size(request);
	(void)captures;
	struct job *job = job_new(gallery, request, LANE_SEND, run_upload);
	if (!read_about(request, job)) {
		refuse(request, job, SIS_ERR_BAD_FORMAT, "What is to be uploaded is not described.");
	} else if (size > OBJECT_MAX_BYTES / 2) {
		refuse(request, job, SIS_ERR_TOO_LARGE, "The file is too large, or its size is not told.");
	} else if ((job->in_fd = open_place(size)) < 0) {
		refuse(request, job, SIS_ERR_NO_SPACE, "There is no room for the file on this device.");
	} else {
		http_request_stream(request);
	}
}

void upload_data(struct http_request *request, const uint8_t *data, size_t size)
{
	struct job *job = http_request_data(request);
	if (fd_pwrite_all(job->in_fd, data, size, job->in_size) < 0)
		refuse(request, job, SIS_ERR_NO_SPACE, "There is no room for the file on this device.");
	else
		job->in_size += size;
}

void upload_end(struct http_request *request)
{
	job_start(http_request_data(request));
}

/* ------------------------------------------------ sending it ------------------------------------------------ */

struct course { struct job *job; uint64_t told_ns; };

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	struct course *course = arg;
	uint64_t now = time_monotonic_ns();
	if (now - course->told_ns < TELL_MS * 1000000ull)
		return;
	course->told_ns = now;
	work_tell(course->job->gallery, json_pack("{s:s, s:s, s:I, s:I}", "what", "upload", "label", course->job->label, "done", (json_int_t)done, "total",
	                                          (json_int_t)total));
}

static int send_source(struct job *job, struct hand *hand, const struct source *source, const struct audience *audience, struct why *why)
{
	struct course course = { .job = job };
	struct sender sender = { .sis = job->gallery->sis, .profile = job->gallery->profile, .audience = audience, .session = hand->session,
		.progress = on_progress, .progress_arg = &course, .retries = true, .flushes_chain = source->size <= SEND_SMALL_BYTES };
	uint8_t id[ITEM_ID_BYTES];
	bool resumed;
	int r = send_file(&sender, source, NULL, id, &resumed, why);
	sender_wipe(&sender);
	if (!sender.flushes_chain)
		chain_flush(job->gallery->profile);
	if (r == 0)
		item_id_encode(id, job->id);
	return r;
}

static int run_upload(struct job *job, struct hand *hand, struct why *why)
{
	struct audience audience = { 0 };
	struct source source;
	int r = source_from_fd(fd_take(&job->in_fd), job->name, job->caption, &source, why);
	if (r < 0)
		return r;
	r = source_prepare_picture(job->gallery->sis, &source, false, *job->convert != '\0' ? job->convert : NULL, job->gallery->pictures, why);
	if (r == 0)
		r = audience_fetch(job->gallery->sis, hand->session, hand->pins, *job->to != '\0' ? job->to : job->gallery->profile->user, &audience, why);
	if (r == 0 && atomic_load(&job->cancelled))
		r = -SIS_ERR_INTERRUPTED;
	if (r == 0)
		r = send_source(job, hand, &source, &audience, why);
	source_close(&source);
	audience_free(&audience);
	if (r == 0)
		job->json = json_pack("{s:s}", "item", job->id);
	return r;
}
