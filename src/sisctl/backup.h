/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A backup under way. */
#pragma once

#include "sisctl/sisctl.h"
#include "sisctl/snapshot.h"

#define PARTIAL ".partial"

struct backup {
	const char *directory;
	bool with_keys, made;                   /* made: the directory was */
	uint64_t keep;                          /* snapshots, this one included; 0: all */
	int dir_fd, state_fd, fd, before_fd;    /* DIR, the store, the snapshot that is made, the one before (-1: none) */
	FILE *sums, *before;                    /* SHA256SUMS of both */
	struct sum before_sum;
	int before_more;                        /* before_sum holds one */
	char name[SNAPSHOT_NAME_TEXT + 1], partial[SNAPSHOT_NAME_TEXT + sizeof(PARTIAL)];
	json_t *about;
	uint64_t n_items, n_new, bytes, new_bytes, n_lost, n_removed;
	char at[SNAPSHOT_PATH_MAX];             /* the file that failed */
};

/* backup_take.c: everything into the snapshot, and onto the disk. */
int  backup_take_all(struct backup *backup);
