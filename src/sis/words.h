/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The words that two people compare (sis(1), "VERIFYING"): six for each of them, made from the keys of all devices that are taken for theirs. Six of
 * 2048 are 66 bits, and each try costs 2^16 hashes: about 2^82 for who looks for keys that give the same six. Each person has words of their own, so
 * that it does not help to choose both. */
#pragma once

#include "pki/pki.h"
#include "sis/profile.h"

#define WORDS_LIST 2048
#define WORDS_LONGEST 8
#define WORDS_EACH 6
#define WORDS_ROUNDS 65536u
extern const char words_list[WORDS_LIST][WORDS_LONGEST + 1];    /* sorted */

struct words_device { char name[NAME_MAX_TEXT + 1]; struct public_key key; };
struct words { const char *word[WORDS_EACH]; };
/* Sorts the devices by name. */
void words_make(struct span ca, const char *user, struct words_device *devices, unsigned n, struct words *ret_words);

/* Both people's, in the order of their names. */
#define WORDS_TEXT (2 * WORDS_EACH * (WORDS_LONGEST + 1))
void words_join(const struct words rows[2], char ret_text[WORDS_TEXT]);
unsigned words_count(const char *text);                 /* whatever stands between them */
/* Is this the same text? Case, and what stands between the words, do not matter. */
bool words_match(const char *text, const char *other);
