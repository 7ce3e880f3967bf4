/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The manifest's plaintext: one JSON object, then spaces up to a multiple of 512 bytes, so that its sealed size tells nothing of the name's length.
 * A sender's words: every string is a stranger's and stays so until it is shown through text_for_terminal or file_name_is_safe. */
#pragma once

#include "base/cursor.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define SEEN_MAX 64
#define MESSAGE_NUMBER_MAX INT64_MAX

/* Where a message stands in its conversation, which is the signed audience as a set. */
struct manifest_conversation {
	uint64_t number;                        /* of the sender device's messages there, from 1; 0: the item belongs to no conversation */
	uint8_t previous[32];                   /* SHA-256 of its statement before in the same conversation; zeros for number 1 */
	unsigned n_seen;
	struct manifest_seen {                  /* the newest that the sender had seen of another device */
		char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
		uint64_t number;
	} seen[SEEN_MAX];
};

struct manifest {
	char name[256];                         /* UTF-8, at most 255 bytes; may be empty */
	char media_type[128];                   /* "image/jpeg", never empty; [a-z0-9!#$&^_.+-]+/[...]+ */
	uint64_t size;                          /* of the plaintext before padding, bytes */
	uint32_t width, height;                 /* pixels, 0 when unknown */
	int64_t modified;                       /* seconds since the epoch, 0 when not told */
	char caption[4096];                     /* UTF-8 */
	bool is_reply;
	uint8_t reply_to[ITEM_ID_BYTES];
	struct manifest_conversation conversation;
};
int manifest_parse(struct span plain, struct manifest *ret_manifest, const char **ret_why);
/* ret_plain is malloc'd. */
int manifest_write(const struct manifest *manifest, uint8_t **ret_plain, size_t *ret_size);

/* A name that may become a file: not empty, valid UTF-8, no '/', no control or bidi character, not "." or "..", does not start with '.' or '-',
 * at most 255 bytes. */
bool file_name_is_safe(struct span name);
/* The nearest safe name ("picture" when nothing is left). ret_name holds 256. */
void file_name_make_safe(struct span name, char ret_name[256]);

/* Media type and pixel size from the first bytes of a file (JPEG, PNG, GIF, WebP, HEIC/HEIF, AVIF, TIFF, BMP); kind of content only, never trusted.
 * Returns false when it is no image that we know. width and height are 0 where the header read does not tell. */
bool media_recognise(const void *data, size_t size, const char **ret_media_type, uint32_t *ret_width, uint32_t *ret_height);
