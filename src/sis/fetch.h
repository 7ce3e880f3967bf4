/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fetching an item's object: opened chunk by chunk as it comes, continued where a connection broke. */
#pragma once

#include "sis/item.h"

struct fetch {
	struct session *session;
	const struct item *item;
	int plain_fd;                           /* gets the content, from offset 0; -1: only check */
	int sealed_fd;                          /* gets the sealed bytes after what is already in it; -1: not kept */
	void (*progress)(uint64_t done, uint64_t total, void *arg);
	void *progress_arg;
};
/* 0 only when every chunk and the root held. What was written before a failure is to be thrown away. */
int fetch_object(const struct fetch *fetch, struct why *why);
/* The same for sealed bytes in a file, from offset on. */
int fetch_object_from_file(const struct item *item, int fd, uint64_t offset, int plain_fd, struct why *why);
/* The words for a part that did not hold. */
int fetch_explain(int error, struct why *why);
