/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What sis and sis-picture say to each other. sis passes one end of a stream socket for each picture, with a packet of one byte (the job), over the
 * sequenced-packet socket at descriptor JOB_CONTROL_FD. Over that stream it sends the picture's size (8 bytes) and the picture, and gets frames: a kind (1),
 * the size of what follows (8), and that. The end of the stream ends the job; without JOB_END before it the child died. */
#pragma once

#include <stdint.h>

#define JOB_CONTROL_FD 3
#define JOB_HEIF 0x80                           /* with the job: the picture may be HEIF, whose reader takes as long to load as all others together */
#define JOB_PICTURE_MAX_BYTES (UINT64_C(256) << 20)
#define JOB_SECONDS 10                          /* of wall clock and of processor, for each picture */
#define JOB_CONVERT_SECONDS 60
#define JOB_THUMBNAIL_EDGE 512u
#define JOB_DRAWN_MAX_EDGE 2048u

enum job {
	JOB_LOOK = 'l',                         /* frames: TAGS, then SIZE and JPEG: the thumbnail */
	JOB_CONVERT = 'c',                      /* frames: SIZE, JPEG: the whole picture */
	JOB_DECODE = 'd',                       /* frames: SIZE, PIXELS, of a JPEG that a stranger made */
	JOB_INSPECT = 'i',                      /* frames: TAGS */
};

enum job_frame {
	JOB_TAGS = 'T',                         /* names of what metadata is left, with commas: nothing is best */
	JOB_SIZE = 'S',                         /* width and height (4 bytes each) of the upright picture; of PIXELS: theirs */
	JOB_JPEG = 'J',
	JOB_PIXELS = 'P',                       /* red, green, blue, alpha */
	JOB_END = 'E',
};
