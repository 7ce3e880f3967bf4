/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One picture in one confined process. */
#pragma once

#include "base/cursor.h"
#include "picture/job.h"

#include <stdnoreturn.h>

/* Confines itself, reads the picture from the stream, does the job and ends. */
noreturn void child_run(int stream_fd, uint8_t job);
void child_send(enum job_frame frame, const void *data, uint64_t size);        /* ends the process when the other side has gone */

/* render.c: libvips. They return false when the picture cannot be read. */
bool render_start(const char *program);         /* in the process that all children are forked from */
void render_load_heif(void);                    /* there, too; before the child that needs it */
bool render_thumbnail(struct span picture);
bool render_whole(struct span picture);
bool render_pixels(struct span picture);

/* inspect.c: gexiv2. */
bool inspect_start(void);
void inspect_picture(struct span picture);
