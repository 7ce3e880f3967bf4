/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The journal of one unfinished upload (uploads/ID in the profile, 0600): all that is needed to go on with the very same bytes after a kill. The first line
 * is the item, a second one, appended, where the server keeps it. Locked while in use, so that two processes never continue one upload. */
#pragma once

#include "sis/compose.h"
#include "sis/source.h"

struct journal {                        /* wipe with journal_close */
	int dir_fd, fd;
	char file_name[ITEM_ID_TEXT + 1];
	struct composed composed;
	char *path;
	uint64_t size, device, inode;
	int64_t mtime_ns;
	char upload[512];                       /* "/v1/uploads/…", empty while unknown */
};

/* What a journal must agree with to be continued: file name as shown, caption, rights, the day on which they end, people, their devices and keys. */
void journal_label(const struct source *source, const struct audience *audience, int64_t expires, bool may_share, uint8_t ret_label[DIGEST_BYTES]);
bool journal_is_any(const struct profile *profile);     /* quick, before a label is made */
/* NO_INPUT when there is none for this path and label that nobody else is at. Removes what is older than 30 days. */
int journal_find(const struct profile *profile, const char *path, const uint8_t label[DIGEST_BYTES], struct journal *ret_journal);
bool journal_fits(const struct journal *journal, const struct source *source);          /* the file looks as it did */
/* Durable before it returns. Takes composed over on success. */
int journal_create(const struct profile *profile, const struct source *source, const uint8_t label[DIGEST_BYTES], struct composed *composed,
                   struct journal *ret_journal, struct why *why);
int journal_set_upload(struct journal *journal, const char *upload);
void journal_remove(struct journal *journal);           /* the file; close as well */
void journal_close(struct journal *journal);
