/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The recovery page: sealed bytes as lines that a person can print, and type off again (sis-item(5), RECOVERY PAGE). Pure text, no secrets of its own. */
#pragma once

#include "pki/pki.h"
#include "sis/sis.h"

#define RECOVERY_SEALED_MAX (1u << 20)
#define RECOVERY_TEXT_MAX (4u * RECOVERY_SEALED_MAX)
#define RECOVERY_FOR_TEXT 400

/* subject: what the page says that it is for, one line. */
int recovery_page_write(const char *subject, struct span sealed, struct blob *ret_text);
/* Takes capitals, any spaces, and 0 1 8 for o l b. BAD_FORMAT with the line that is wrong. ret_subject is the page's word, unproved; it may be empty. */
int recovery_page_read(struct span text, struct blob *ret_sealed, char ret_subject[RECOVERY_FOR_TEXT], struct why *why);
