/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A file to be shared: opened once, told apart from what it becomes later. */
#pragma once

#include "format/manifest.h"
#include "format/item.h"
#include "pki/pki.h"
#include "sis/sis.h"

struct source {
	int fd;
	char *path;                             /* absolute, NULL for standard input */
	uint64_t size, device, inode;
	int64_t mtime_ns;
	struct manifest manifest;
	enum item_kind kind;
	struct blob thumbnail;                  /* a JPEG, empty: none */
	bool is_rewritten;                      /* fd is our own copy in memory, of other content than the file: source_prepare_picture */
	unsigned removed;                       /* what is not in the copy: CLEAN_ bits */
};
/* "-" is standard input, spooled to an unnamed temporary file. name and caption may be NULL. Directories, pipes and the like are refused. */
int source_open(const char *path, const char *name, const char *caption, struct source *ret_source, struct why *why);
/* The same for an open file without a path, whose offset does not matter; takes fd, on failure too. */
int source_from_fd(int fd, const char *name, const char *caption, struct source *ret_source, struct why *why);
void source_close(struct source *source);
/* CHANGED when size or times are not what they were at source_open. */
int source_check_unchanged(const struct source *source, struct why *why);
