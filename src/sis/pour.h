/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sealed bytes in, content out into a file: small objects as they come, large ones with several threads. */
#pragma once

#include "format/reader.h"

struct pour;
/* Writes the first content_size bytes of the plaintext to plain_fd at their offsets (-1: nowhere); the rest must be zeros. */
int pour_new(const struct secret32 *key, const struct part_digest *digest, uint64_t content_size, int plain_fd, struct pour **ret_pour);
int pour_feed(struct pour *pour, const uint8_t *data, size_t size);            /* errors as part_reader_feed; NO_SPACE, IO */
int pour_finish(struct pour *pour);                                            /* BAD_ROOT and the like */
void pour_free(struct pour *pour);                                             /* accepts NULL */
