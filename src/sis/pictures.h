/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures as pictures: metadata removed before sealing, thumbnails made and read. Whatever decodes a picture runs in confined children of sis-picture
 * (src/picture), which is started for the first picture that needs it. Thread-safe. */
#pragma once

#include "sis/item.h"
#include "sis/source.h"

struct pictures;
/* Starts nothing yet. */
int pictures_start(const struct sis *sis, struct pictures **ret_pictures);
/* Starts the program now, so that it gets ready while the caller does something else. */
void pictures_wake(struct pictures *pictures);
void pictures_stop(struct pictures *pictures);          /* accepts NULL */

/* Of both: BAD_FORMAT when the picture is damaged or too much to look at in safety, UNAVAILABLE when the program is missing.
 * A thumbnail that somebody else made, as red, green, blue, alpha. */
int pictures_decode(struct pictures *pictures, struct span jpeg, struct blob *ret_pixels, uint32_t *ret_width, uint32_t *ret_height);
/* The whole picture as a new JPEG, upright, in sRGB, without metadata. */
int pictures_convert(struct pictures *pictures, struct span file, struct blob *ret_jpeg, uint32_t *ret_width, uint32_t *ret_height);

/* What comes between source_open and sending: cleans (unless keep_metadata), converts (convert: "jpeg" or NULL), and makes the thumbnail, the size and
 * source->removed. pictures NULL: no thumbnail. That no thumbnail could be made is told and is no error. Nothing happens to what is no image. */
int source_prepare_picture(const struct sis *sis, struct source *source, bool keep_metadata, const char *convert, struct pictures *pictures, struct why *why);
/* Its two halves: after the first the content is what will be sealed. */
int source_clean(const struct sis *sis, struct source *source, bool keep_metadata, const char *convert, struct pictures *pictures, struct why *why);
int source_look(const struct sis *sis, struct source *source, bool keep_metadata, struct pictures *pictures, struct why *why);

/* Fetched and held against the statement. NO_INPUT when there is none. */
int item_fetch_sealed_thumbnail(struct session *session, const struct item *item, struct blob *ret_sealed, struct why *why);
int item_fetch_thumbnail(struct session *session, const struct item *item, struct blob *ret_jpeg, struct why *why);
