/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of `sis gallery` share. One thread, the loop's, talks to the browser and never waits; what asks the sharing server is a job that a thread
 * of work.c does with a connection of its own. So no slow server freezes the page. */
#pragma once

#include "base/json.h"
#include "base/loop.h"
#include "http/server.h"
#include "sis/gallery/gate.h"
#include "sis/item.h"

#define GALLERY_PAGE_ITEMS 100u
#define GALLERY_MEMORY_BYTES (64u << 20)        /* plaintext up to this size is kept in memory only (memfd), larger in an unnamed temporary file */

struct work;
struct trust;
struct live;
struct shelf;
struct pictures;

struct gallery {
	const struct sis *sis;
	struct profile *profile;
	struct loop *loop;
	struct http_server *server;
	struct gate gate;
	struct work *work;
	struct trust *trust;
	struct live *live;
	struct shelf *shelf;
	struct pictures *pictures;
	struct loop_source *idle_timer;
	void (*on_entered)(struct gallery *gallery);    /* the link was used */
	char *door;                             /* the file that the browser was given */
	unsigned idle_minutes;
	uint64_t last_request_ns;
};

/* Where a job waits for its turn: a slow one must not keep a quick one waiting. */
enum lane { LANE_QUICK, LANE_FETCH, LANE_SEND, LANES };

/* What a thread has for itself. */
struct hand {
	struct gallery *gallery;
	struct session *session;
	const struct acceptor *acceptor;        /* of now */
	struct pins *pins;
};

struct job {
	struct job *next;
	struct gallery *gallery;
	struct http_request *request;           /* the loop thread's alone; NULL: the page has gone */
	enum lane lane;
	int (*run)(struct job *job, struct hand *hand, struct why *why);        /* a thread's */
	void (*answer)(struct job *job);        /* the loop thread's, unless the page has gone or run failed; NULL: the JSON */
	atomic_bool cancelled;                  /* nobody waits any more */
	bool queued;
	/* asked */
	char id[ITEM_ID_TEXT + 1];
	uint64_t before;
	char *to, *name, *caption, *label, *convert;
	json_t *asked;
	int in_fd;
	uint64_t in_size;
	/* answered */
	int error;
	struct why why;
	json_t *json;
	struct blob body;
	int out_fd;
	uint64_t out_size;
	char type[64], file_name[256];
};

/* work.c */
int work_open(struct gallery *gallery, struct work **ret_work);
void work_close(struct work *work);                             /* cancels what runs, and waits for it; accepts NULL */
struct job *job_new(struct gallery *gallery, struct http_request *request, enum lane lane, int (*run)(struct job *, struct hand *, struct why *));
void job_start(struct job *job);                                /* done in its lane, answered by the loop */
void job_gone(struct job *job);                                 /* its request has: frees it, or has it end soon */
/* From any thread: something to tell every page that is open. Takes the JSON. */
void work_tell(struct gallery *gallery, json_t *json);
/* trust.c: pins, revocation list and clock, taken anew every minute, or when told that they are stale */
struct trust *trust_new(struct gallery *gallery);
void trust_free(struct trust *trust);                           /* accepts NULL */
int trust_take(struct hand *hand, struct why *why);             /* fills acceptor and pins */
void trust_give_back(struct hand *hand, struct why *why);       /* and keeps what was learned */
void trust_is_stale(struct gallery *gallery);
int trust_check_sequence(struct hand *hand, uint64_t sequence, struct why *why);                /* the server did not go back */
bool trust_is_verified(const struct hand *hand, const char *user);
int trust_people(const struct hand *hand, json_t **ret_people, struct why *why);                /* [{"name","verified"}] of who was met */
/* describe.c: an item as the page gets it */
json_t *describe_item(const struct item *item, const struct hand *hand);
json_t *describe_json(const json_t *json, const struct hand *hand);      /* accepts it first; "holds": false with the reason when it
                                                                               does not; NULL: not to be shown */
bool describe_is_viewable(const char *media_type);
/* items.c, view.c, change.c, upload.c, live.c: the requests */
struct captures { char id[ITEM_ID_TEXT + 1], word[64]; };       /* of the path: a whole item id; a user's name or a ticket */
typedef void route_fn(struct gallery *gallery, struct http_request *request, const struct captures *captures);
route_fn items_list, items_one, items_thumbnail, view_object, view_ticket, view_download, change_delete, change_share, change_unshare, change_readers;
route_fn items_text, change_people, upload_begin, live_begin;
struct shelf *shelf_new(void);                                  /* view.c: pictures that were opened, and tickets */
void shelf_free(struct shelf *shelf);
void shelf_drop(struct gallery *gallery, const char *id);       /* an item that is gone */
void upload_data(struct http_request *request, const uint8_t *data, size_t size);
void upload_end(struct http_request *request);
struct live *live_new(struct gallery *gallery);
int live_start(struct live *live, struct why *why);             /* the thread that hears the server's events */
void live_stop(struct live *live);                              /* ends the thread; accept NULL */
void live_free(struct live *live);
void live_tell(struct gallery *gallery, json_t *json);          /* the loop thread's; borrows */
void live_more(struct gallery *gallery, struct http_request *request);
void live_gone(struct gallery *gallery, struct http_request *request);          /* of any request that was answered */
bool live_has_pages(const struct gallery *gallery);
/* routes.c */
extern const struct http_handler routes_handler;
/* answer.c */
void answer_json(struct http_request *request, unsigned status, json_t *json);          /* takes it */
void answer_entered(struct http_request *request, const char *cookie, const char *key);
void answer_stream(struct http_request *request);
void answer_nothing(struct http_request *request);
void answer_problem(struct http_request *request, int error, const char *detail);
void answer_status(struct http_request *request, unsigned status, int error, const char *detail, const struct http_header *more);
/* Bytes with a type; more may be NULL. file: taken, -1: data. Range is honoured for files. */
struct answer_bytes { const char *type, *etag, *disposition; struct span data; int fd; uint64_t size; };
void answer_bytes(struct http_request *request, const struct answer_bytes *bytes);
