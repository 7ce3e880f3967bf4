/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a new profile grows before it gets its name: it is there whole, or not at all. */
#pragma once

#include "sis/profile.h"

struct nursery {
	int home_fd, lock_fd, dir_fd;           /* dir_fd: the directory to write into */
	char *path;
	char temporary[32];
};
#define NURSERY_NONE { -1, -1, -1, NULL, "" }

/* EXISTS when there is a profile of this name, BUSY while another one is made. In either case, and any other, nursery_close is to be called. */
int nursery_open(const struct sis *sis, const char *name, struct nursery *nursery, struct why *why);
/* Before an invite is spent, which is good once: is there room for what will be written? It is free again after nursery_release. */
int nursery_reserve(const struct nursery *nursery, struct why *why);
void nursery_release(const struct nursery *nursery);
int nursery_publish(struct nursery *nursery, const char *name, struct why *why);
void nursery_close(struct nursery *nursery);            /* removes what was not published */
