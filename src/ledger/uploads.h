/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the uploads share. */
#pragma once

#include "ledger/ledger.h"

#define UPLOADS_BUCKETS 1024
#define UPLOADS_KEEP_DONE_S 3600        /* a finished one can be asked about for so long */

enum waiting_kind { WAITING_RESUME, WAITING_QUERY };
struct waiting { enum waiting_kind kind; bool checked; struct request request; int64_t deadline; struct waiting *next; };

struct upload {
	struct store_upload row;
	bool resumable, committing, doomed;     /* doomed: revoked or cancelled while committing */
	bool checked;                           /* what is written now, from checked_from on, does not count yet */
	uint64_t checked_from;
	int64_t finished;                       /* when it became an item; 0 before */
	uint64_t finished_as;                   /* counts those of this daemon, since times have whole seconds */
	uint64_t writer;                        /* the peer that writes; 0: nobody */
	uint64_t written;                       /* bytes, as last seen */
	struct request commit_request;
	struct waiting *waiting;
	struct upload *next;
};

extern struct upload *uploads_buckets[UPLOADS_BUCKETS];

#define UPLOADS_EACH(upload) \
	for (unsigned bucket_ = 0; bucket_ < UPLOADS_BUCKETS; bucket_++) \
		for (struct upload *upload = uploads_buckets[bucket_], *next_; upload != NULL && ((next_ = upload->next), true); upload = next_)

/* uploads.c */
void uploads_insert(struct upload *upload);
struct upload *uploads_get(struct span id);             /* NULL: there is none */
void uploads_drop(struct upload *upload);               /* file, row and memory, now or after the commit under way */

/* uploads_turns.c */
void uploads_answer(struct request request, int error, const char *detail, const struct upload *upload, int fd);
void uploads_answer_committed(struct request request, int error, const char *detail, const char *item, uint64_t sequence);
void uploads_ask_release(const struct upload *upload);
int  uploads_measure(struct upload *upload);            /* how much is written, from the file */
void uploads_wait(struct upload *upload, enum waiting_kind kind, bool checked, struct request request);
void uploads_serve(struct upload *upload);              /* those who wait, as far as possible */
void uploads_give_up_waiting(struct upload *upload, int64_t now);
/* The writer has let go; what lies before counts stays. */
void uploads_released(struct upload *upload, uint64_t counts);

/* uploads_rows.c */
void uploads_note(const struct upload *upload, int (*run)(struct store_writer *writer, struct change *change));
int uploads_run_add(struct store_writer *writer, struct change *change);
int uploads_run_update(struct store_writer *writer, struct change *change);
int uploads_run_remove(struct store_writer *writer, struct change *change);
int uploads_begin_unchecked(struct upload *upload);
void uploads_end_unchecked(struct upload *upload, uint64_t size);

/* uploads_limits.c */
int uploads_check_limits(const struct store_caller *caller, const struct upload *self, uint64_t length, const char **ret_detail);
int uploads_check_facts(const struct message_upload_create *message);
