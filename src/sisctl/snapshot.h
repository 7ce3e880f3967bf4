/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A snapshot on disk: DIR/2026-11-21T113000Z/ with db/sis.db, objects/ab/ID, perhaps keys/, SHA256SUMS (as sha256sum writes and checks it; the objects
 * first, by id) and backup.json (what it is, and the digest of SHA256SUMS). */
#pragma once

#include "base/json.h"
#include "base/text.h"
#include "crypto/digest.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define SNAPSHOT_SUMS "SHA256SUMS"
#define SNAPSHOT_ABOUT "backup.json"
#define SNAPSHOT_DATABASE "db/sis.db"
#define SNAPSHOT_NAME_TEXT 18           /* 2026-11-21T113000Z */
#define SNAPSHOT_PATH_MAX 128           /* of a file in it */

struct sum { char path[SNAPSHOT_PATH_MAX]; uint8_t digest[DIGEST_BYTES]; };

bool snapshot_name_is_valid(const char *name);
/* For scandir(3): the snapshots, newest first. */
int  snapshot_choose(const struct dirent *entry);
int  snapshot_newest_first(const struct dirent **a, const struct dirent **b);
/* The newest whole one in the directory: 1, or 0 when there is none. */
int  snapshot_find_newest(int dir_fd, char ret_name[SNAPSHOT_NAME_TEXT + 1]);
/* The snapshot that the directory is, or the newest in it (ret_name: its name, "" for itself; NULL allowed) and its backup.json. 0, or an exit status after having
 * said why. */
int  snapshot_open(const char *directory, int *ret_fd, char ret_name[SNAPSHOT_NAME_TEXT + 1], json_t **ret_about);
/* Its list, at the beginning. MISMATCH when it is not the one whose digest stands in backup.json: what is listed is what was saved, all of it. */
int  snapshot_open_sums(int fd, const json_t *about, FILE **ret_sums);
/* The next line: 1; 0 at the end; BAD_FORMAT for what is no line of ours, or names a file that a snapshot may not have. */
int  sum_read(FILE *sums, struct sum *ret_sum);
int  sum_write(FILE *sums, const struct sum *sum);

/* "objects/ab/ID"; and back: false when it is no such path. */
void object_path(const char *id, char ret_path[SNAPSHOT_PATH_MAX]);
bool object_path_parse(const char *path, uint8_t ret_id[ITEM_ID_BYTES]);

/* A new file with the same bytes and the time of from_fd: sharing its blocks where the file system can. Directories that are missing on the way are made with
 * make_mode, unless that is 0; no link is followed. */
int  file_copy(int from_fd, int to_dir_fd, const char *path, mode_t mode, mode_t make_mode, int *ret_fd);
/* Everything below the directory, and itself. */
int  directory_remove(int dir_fd, const char *name);
