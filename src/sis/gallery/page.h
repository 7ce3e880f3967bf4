/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The page's files, compiled in by src/sis/gallery/embed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct page_file { const char *path, *type; const uint8_t *data; size_t size; };
extern const struct page_file page_files[];
extern const size_t page_n_files;
