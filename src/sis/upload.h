/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of sis upload share. */
#pragma once

#include "sis/send.h"

#include <pthread.h>

struct upload_options {
	const char *to, *caption, *name, *convert, *expire, *files_from;
	bool keep_metadata, no_thumbnail, allow_share, nul, dry_run;
	unsigned jobs;
};

/* A single file is read and sealed while we ask the server for whom. */
struct upload_early {
	pthread_t thread;
	const struct sis *sis;
	struct pictures *pictures;
	bool started, is_open, is_sealed;
	const struct upload_options *options;
	const char *path;
	struct source source;
	struct send_buffers buffers;
	struct small small;
	int error;
	struct why why;
};

/* What the jobs share. */
struct upload_batch {
	const struct sis *sis;
	const struct upload_options *options;
	const struct profile *profile;
	struct pictures *pictures;              /* NULL: no thumbnails */
	int64_t expires;                        /* 0: never */
	struct audience audience;
	char *to;                               /* as it is shown */
	bool is_single, is_flushed;             /* is_flushed: the chain is on the disk already */
	struct upload_early early;
};

/* upload_early.c */
void upload_early_begin(struct upload_early *early);
void upload_early_join(struct upload_early *early);
void upload_early_end(struct upload_early *early);

/* upload_report.c */
void upload_report(const struct upload_batch *batch, const struct source *source, const uint8_t item[ITEM_ID_BYTES], bool resumed);
void upload_report_plan(const struct upload_batch *batch, const struct source *source);         /* --dry-run */
