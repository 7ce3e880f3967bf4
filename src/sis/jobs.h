/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A command's subjects (files, items) side by side: each job is a thread with a connection of its own that it keeps. */
#pragma once

#include "sis/session.h"

#define JOBS_DEFAULT 4u

struct jobs {
	const struct sis *sis;
	const struct profile *profile;
	char **subjects;
	unsigned n_subjects;
	unsigned wanted;                        /* jobs at a time; 0: the default */
	size_t own_size;                        /* what each job has for itself, zeroed at first */
	/* One subject. An error is told with the subject's name, and the others are done all the same. */
	int (*work)(struct session *session, const char *subject, void *own, void *arg, struct why *why);
	void (*end)(void *own);                 /* may be NULL */
	void *arg;
};
/* Takes first, which the first job goes on with; the calling thread is that job. Returns the exit status. */
int jobs_run(const struct jobs *jobs, struct session *first);
