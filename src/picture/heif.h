/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A HEIF file (ISO/IEC 23008-12 in ISO/IEC 14496-12): its boxes and its items. */
#pragma once

#include "picture/parts.h"

#define HEIF_MAX_ITEMS 4096u
#define HEIF_MAX_PROPERTIES 1024u

struct box {
	char type[5];
	size_t at, size;                        /* in the file, the header included */
	struct span payload;
};

struct heif_item {
	uint32_t id;
	char type[5];
	bool is_dropped;
};

struct heif {
	struct clean *clean;
	struct box meta, iinf, iloc, iref, iprp, idat;  /* size 0: absent */
	struct box mdat[8];
	unsigned n_mdat, n_items;
	uint32_t primary;
	struct heif_item *items;
	bool is_blank[HEIF_MAX_PROPERTIES + 1]; /* by index: properties that are not kept */
	bool is_turn[HEIF_MAX_PROPERTIES + 1];  /* those that turn the image by a quarter */
};

/* False at the end, and when what is there is no box (then the cursor has failed). */
bool box_next(const struct heif *heif, struct cursor *cursor, struct box *ret_box);
bool box_is(const struct box *box, const char *type);
struct heif_item *heif_item_find(const struct heif *heif, uint32_t id);
uint32_t heif_get(struct cursor *cursor, bool wide);    /* 32 bits or 16 */
/* Fills the items, and which of them go. */
int heif_read_items(struct heif *heif);
/* One entry of iloc. method: 0 the file, 1 idat. */
struct heif_place { uint32_t id; unsigned method, n_extents; };
/* Walks iloc: entry_fn for each entry with its bytes, after extent_fn for each of its stretches. Non-zero ends it. Either may be NULL. */
struct heif_walk {
	int (*entry_fn)(struct heif *heif, const struct heif_place *place, struct span entry, void *arg);
	int (*extent_fn)(struct heif *heif, const struct heif_place *place, struct span extent, void *arg);
	void *arg;
};
int heif_walk_places(struct heif *heif, const struct heif_walk *walk);
/* Where iloc's entries begin, behind their number. */
size_t heif_places_start(const struct heif *heif);

/* heif_put.c: into the new file, at the same places or (children of meta) as far to the front as what goes allows. */
#define HEIF_NOT_UNDERSTOOD "its structure is not understood"
uint8_t *heif_out_at(const struct heif *heif, size_t at);
void heif_put_bytes(const struct heif *heif, size_t at, struct span bytes);
void heif_put_u32(const struct heif *heif, size_t at, uint32_t value);
void heif_put_header(const struct heif *heif, const struct box *box, size_t at);
void heif_put_blank(const struct heif *heif, const struct box *box, size_t at);
void heif_put_whole(const struct heif *heif, const struct box *box, size_t at);
bool heif_is_dropped(const struct heif *heif, uint32_t id);
/* Each writes a child of meta and returns the size that it has now. */
size_t heif_put_infos(struct heif *heif, size_t at);
size_t heif_put_places(struct heif *heif, size_t at);
size_t heif_put_references(struct heif *heif, size_t at);
int heif_put_item_properties(struct heif *heif, size_t at, size_t *ret_size);
