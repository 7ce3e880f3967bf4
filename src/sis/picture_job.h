/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One job of sis-picture, seen from sis: for pictures.c and prepare.c. */
#pragma once

#include "picture/job.h"
#include "sis/pictures.h"

struct stream { int fd; uint64_t deadline_ns; };
struct rendered { struct blob bytes; uint32_t width, height; };

/* Sends the picture. CLOSED when the child ended meanwhile. */
int stream_open(struct pictures *pictures, uint8_t job, struct span file, struct stream *ret_stream);
/* The next frame, which must be this one and no larger; NUL-terminated. */
int stream_get(const struct stream *stream, enum job_frame frame, uint64_t max, struct blob *ret_bytes);
int stream_get_picture(const struct stream *stream, enum job_frame frame, uint64_t max, struct rendered *ret_rendered);
void stream_close(struct stream *stream);
/* A program of ours: beside this one, else in the libexec directory. malloc'd. */
char *program_path(const char *name);
