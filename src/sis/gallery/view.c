/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole pictures and downloads. An object is opened into memory (or, when it is large, an unnamed file) and served only when every byte of it held; what is
 * shown as a picture must be one by its bytes, whatever its sender calls it. Everything else leaves as a download that no browser renders. */
#include "sis/gallery/gallery.h"

#include "base/secret.h"
#include "sis/fetch.h"
#include "sis/naming.h"
#include "sis/output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SHELF_MAX 8u                    /* pictures to and fro; each at most GALLERY_MEMORY_BYTES */
#define SHELF_MAX_BYTES (192u << 20)
#define HEAD_BYTES 65536u
#define TICKETS 64u
#define TICKET_SECONDS 300u
#define DISPOSITION_MAX 900u

struct opened {
	char id[ITEM_ID_TEXT + 1];
	char etag[2 * DIGEST_BYTES + 3], type[64];
	int fd;
	uint64_t size, used;
};
struct ticket {
	char secret[GATE_SECRET_TEXT + 1], id[ITEM_ID_TEXT + 1];
	uint64_t made_ns;
};
struct shelf {
	pthread_mutex_t mutex;
	struct opened opened[SHELF_MAX];
	uint64_t clock, bytes;
	struct ticket tickets[TICKETS];         /* the loop thread's alone */
	unsigned n_tickets;
};

struct shelf *shelf_new(void)
{
	struct shelf *shelf = xcalloc(1, sizeof(*shelf));
	pthread_mutex_init(&shelf->mutex, NULL);
	return shelf;
}

static void opened_drop(struct shelf *shelf, struct opened *opened)
{
	if (opened->id[0] == '\0')
		return;
	shelf->bytes -= opened->size;
	fd_close(opened->fd);
	*opened = (struct opened){ .fd = -1 };
}

void shelf_free(struct shelf *shelf)
{
	if (shelf == NULL)
		return;
	for (unsigned i = 0; i < SHELF_MAX; i++)
		opened_drop(shelf, &shelf->opened[i]);
	pthread_mutex_destroy(&shelf->mutex);
	free(shelf);
}

static struct opened *shelf_find(struct shelf *shelf, const char *id)
{
	for (unsigned i = 0; i < SHELF_MAX; i++) {
		if (strcmp(shelf->opened[i].id, id) == 0)
			return &shelf->opened[i];
	}
	return NULL;
}

void shelf_drop(struct gallery *gallery, const char *id)
{
	pthread_mutex_lock(&gallery->shelf->mutex);
	struct opened *opened = shelf_find(gallery->shelf, id);
	if (opened != NULL)
		opened_drop(gallery->shelf, opened);
	pthread_mutex_unlock(&gallery->shelf->mutex);
}

/* A second descriptor of what is there: pread alone is used on it, so they do not mind each other. */
static int shelf_take(struct shelf *shelf, const char *id, struct opened *ret_opened)
{
	pthread_mutex_lock(&shelf->mutex);
	struct opened *opened = shelf_find(shelf, id);
	if (opened != NULL) {
		opened->used = ++shelf->clock;
		*ret_opened = *opened;
		ret_opened->fd = fcntl(opened->fd, F_DUPFD_CLOEXEC, 3);
	}
	pthread_mutex_unlock(&shelf->mutex);
	return opened != NULL && ret_opened->fd >= 0 ? 0 : -SIS_ERR_NO_INPUT;
}

/* The one that nobody wanted for longest; an empty place before any. */
static struct opened *shelf_oldest(struct shelf *shelf, bool full)
{
	struct opened *oldest = NULL;
	for (unsigned i = 0; i < SHELF_MAX; i++) {
		struct opened *opened = &shelf->opened[i];
		if ((!full || opened->id[0] != '\0') && (oldest == NULL || opened->used < oldest->used))
			oldest = opened;
	}
	return oldest;
}

static void shelf_keep(struct shelf *shelf, const struct opened *opened)
{
	int fd = opened->size <= GALLERY_MEMORY_BYTES ? fcntl(opened->fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd < 0)
		return;
	pthread_mutex_lock(&shelf->mutex);
	struct opened *place = shelf_find(shelf, opened->id);
	if (place == NULL)
		place = shelf_oldest(shelf, false);
	opened_drop(shelf, place);
	while (shelf->bytes + opened->size > SHELF_MAX_BYTES)
		opened_drop(shelf, shelf_oldest(shelf, true));
	*place = *opened;
	place->fd = fd;
	place->used = ++shelf->clock;
	shelf->bytes += opened->size;
	pthread_mutex_unlock(&shelf->mutex);
}

/* ------------------------------------------------ opening ------------------------------------------------ */

static int open_place(uint64_t size, int *ret_fd, struct why *why)
{
	struct outfile spool;
	if (size <= GALLERY_MEMORY_BYTES) {
		*ret_fd = memfd_create("picture", MFD_CLOEXEC);
		return *ret_fd >= 0 ? 0 : why_set(why, error_from_errno(errno), "no memory for it: %s", strerror(errno));
	}
	int r = outfile_open_spool(&spool, why);
	if (r == 0) {
		*ret_fd = fd_take(&spool.fd);
		outfile_close(&spool);
	}
	return r;
}

/* What its first bytes are: empty when it is nothing that a browser may show. */
static void recognise(struct opened *opened)
{
	CLEANUP_FREE uint8_t *head = xcalloc(1, HEAD_BYTES);
	size_t size = opened->size < HEAD_BYTES ? (size_t)opened->size : HEAD_BYTES;
	const char *type;
	uint32_t width, height;
	if (fd_pread_all(opened->fd, head, size, 0) == 0 && media_recognise(head, size, &type, &width, &height) && describe_is_viewable(type))
		snprintf(opened->type, sizeof(opened->type), "%s", type);
	secret_wipe(head, HEAD_BYTES);
}

static int open_object(struct job *job, struct hand *hand, const struct item *item, struct opened *opened, struct why *why)
{
	int r = open_place(item->manifest.size, &opened->fd, why);
	if (r < 0)
		return r;
	struct fetch fetch = { .session = hand->session, .item = item, .plain_fd = opened->fd, .sealed_fd = -1 };
	r = fetch_object(&fetch, why);
	if (r < 0) {
		opened->fd = fd_close(opened->fd);
		return r;
	}
	strcpy(opened->id, job->id);
	opened->size = item->manifest.size;
	opened->etag[0] = '"';
	hex_encode(item->opened.statement.part[SEAL_OBJECT].root, DIGEST_BYTES, opened->etag + 1);
	strcat(opened->etag, "\"");
	recognise(opened);
	shelf_keep(job->gallery->shelf, opened);
	return 0;
}

/* The item is judged anew each time, also when its bytes are there: a device may have been revoked, a grant taken back. */
static int run_object(struct job *job, struct hand *hand, struct why *why)
{
	struct opened opened = { .fd = -1 };
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0) {
		shelf_drop(job->gallery, job->id);
		return r;
	}
	if (shelf_take(job->gallery->shelf, job->id, &opened) < 0)
		r = open_object(job, hand, &item, &opened, why);
	if (r == 0) {
		job->out_fd = opened.fd;
		job->out_size = opened.size;
		memcpy(job->type, opened.type, sizeof(job->type));
		job->label = xstrdup(opened.etag);
		file_name_make_safe(span_from_string(item.manifest.name), job->file_name);
	}
	item_wipe(&item);
	return r;
}

/* ------------------------------------------------ to be looked at ------------------------------------------------ */

static void answer_object(struct job *job)
{
	if (job->type[0] == '\0') {
		answer_status(job->request, 415, SIS_ERR_BAD_FORMAT, "Its bytes are no picture that a browser may show; it can be downloaded.", NULL);
		return;
	}
	answer_bytes(job->request, &(struct answer_bytes){ .type = job->type, .etag = job->label, .fd = fd_take(&job->out_fd), .size = job->out_size });
}

static void begin(struct gallery *gallery, struct http_request *request, const char *id, void (*answer)(struct job *))
{
	struct job *job = job_new(gallery, request, LANE_FETCH, run_object);
	strcpy(job->id, id);
	job->answer = answer;
	job_start(job);
}

void view_object(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	begin(gallery, request, captures->id, answer_object);
}

/* ------------------------------------------------ to be kept ------------------------------------------------ */

/* The browser itself fetches a download, without the page's key: a ticket stands for it, for this item and a few minutes. */
void view_ticket(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct shelf *shelf = gallery->shelf;
	struct ticket *ticket = &shelf->tickets[shelf->n_tickets++ % TICKETS];
	uint8_t bytes[GATE_SECRET_BYTES];
	char path[64];
	if (random_bytes(bytes, sizeof(bytes)) < 0) {
		answer_problem(request, SIS_ERR_SYSTEM, NULL);
		return;
	}
	hex_encode(bytes, sizeof(bytes), ticket->secret);
	strcpy(ticket->id, captures->id);
	ticket->made_ns = time_monotonic_ns();
	snprintf(path, sizeof(path), "/download/%s", ticket->secret);
	answer_json(request, 201, json_pack("{s:s}", "path", path));
}

/* RFC 8187; nothing of the name but letters, digits and few signs stands as it is. */
static void disposition(const char *name, char ret_text[DISPOSITION_MAX])
{
	size_t at = (size_t)snprintf(ret_text, DISPOSITION_MAX, "attachment; filename*=UTF-8''");
	for (; *name != '\0' && at + 4 < DISPOSITION_MAX; name++) {
		unsigned char c = (unsigned char)*name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c) != NULL;
		at += (size_t)snprintf(ret_text + at, DISPOSITION_MAX - at, plain ? "%c" : "%%%02X", c);
	}
}

static void answer_download(struct job *job)
{
	char text[DISPOSITION_MAX];
	disposition(job->file_name, text);
	answer_bytes(job->request, &(struct answer_bytes){ .type = "application/octet-stream", .disposition = text, .etag = job->label,
	                                                   .fd = fd_take(&job->out_fd), .size = job->out_size });
}

void view_download(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct shelf *shelf = gallery->shelf;
	for (unsigned i = 0; i < TICKETS; i++) {
		const struct ticket *ticket = &shelf->tickets[i];
		bool fits = ticket->id[0] != '\0' && strlen(captures->word) == GATE_SECRET_TEXT &&
		            constant_time_compare(ticket->secret, captures->word, GATE_SECRET_TEXT) == 0;
		if (fits && time_monotonic_ns() - ticket->made_ns < TICKET_SECONDS * 1000000000ull) {
			begin(gallery, request, ticket->id, answer_download);
			return;
		}
	}
	answer_problem(request, SIS_ERR_NO_INPUT, "This download is over; ask for it again in the gallery.");
}
