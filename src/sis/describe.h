/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An accepted item in JSON and in words: what list, watch, show and others print. */
#pragma once

#include "sis/item.h"

json_t *item_describe(const struct item *item);
/* For people: "4032×3024", or empty. */
void item_dimensions(const struct item *item, char *ret_text, size_t capacity);
/* What a person knows it by, made harmless for a terminal: its name, or the first line of a message, which has none. */
void item_title(const struct item *item, char *ret_title, size_t capacity);
/* Its name as a file's: the sender's where that is harmless, else the nearest that is. */
void item_file_name(const struct item *item, char ret_name[256]);
