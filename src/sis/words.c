/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Words to compare. */
#include "sis/words.h"

#include "crypto/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT "sis/1 contact words"
#define WORD_BITS 11

static int device_compare(const void *a, const void *b)
{
	return strcmp(((const struct words_device *)a)->name, ((const struct words_device *)b)->name);
}

static void put_text(struct builder *builder, const char *text)
{
	builder_put_u8(builder, (uint8_t)strlen(text));
	builder_put_bytes(builder, text, strlen(text));
}

/* Everything has its length before it: no two lists of devices give the same bytes. */
static void digest_devices(struct span ca, const char *user, const struct words_device *devices, unsigned n, uint8_t ret_digest[DIGEST_BYTES])
{
	size_t capacity = sizeof(CONTEXT) + DIGEST_BYTES + 1 + NAME_MAX_TEXT + (size_t)n * (1 + NAME_MAX_TEXT + 1 + KEY_PUBLIC_MAX);
	CLEANUP_FREE uint8_t *buffer = xcalloc(1, capacity);
	struct builder builder = builder_from(buffer, capacity);
	uint8_t authority[DIGEST_BYTES];
	digest_sha256(ca.data, ca.size, authority);
	builder_put_bytes(&builder, CONTEXT, sizeof(CONTEXT));
	builder_put_bytes(&builder, authority, sizeof(authority));
	put_text(&builder, user);
	for (unsigned i = 0; i < n; i++) {
		put_text(&builder, devices[i].name);
		builder_put_u8(&builder, (uint8_t)devices[i].key.algorithm);
		builder_put_bytes(&builder, devices[i].key.bytes, public_key_size(devices[i].key.algorithm));
	}
	digest_sha256(buffer, builder.size, ret_digest);
}

void words_make(struct span ca, const char *user, struct words_device *devices, unsigned n, struct words *ret_words)
{
	uint8_t both[2 * DIGEST_BYTES];
	qsort(devices, n, sizeof(*devices), device_compare);
	digest_devices(ca, user, devices, n, both);
	memcpy(both + DIGEST_BYTES, both, DIGEST_BYTES);
	for (unsigned i = 0; i < WORDS_ROUNDS; i++)
		digest_sha256(both, sizeof(both), both);
	for (unsigned i = 0; i < WORDS_EACH; i++) {
		unsigned at = i * WORD_BITS, value = (unsigned)both[at / 8] << 16 | (unsigned)both[at / 8 + 1] << 8 | both[at / 8 + 2];
		ret_words->word[i] = words_list[value >> (24 - WORD_BITS - at % 8) & (WORDS_LIST - 1)];
	}
}

void words_join(const struct words rows[2], char ret_text[WORDS_TEXT])
{
	size_t size = 0;
	for (unsigned i = 0; i < 2 * WORDS_EACH; i++)
		size += (size_t)snprintf(ret_text + size, WORDS_TEXT - size, "%s%s", i > 0 ? " " : "", rows[i / WORDS_EACH].word[i % WORDS_EACH]);
}

static const char *next_letter(const char *text)
{
	while (*text != '\0' && !isalpha((unsigned char)*text))
		text++;
	return text;
}

unsigned words_count(const char *text)
{
	unsigned n = 0;
	for (text = next_letter(text); *text != '\0'; text = next_letter(text), n++) {
		while (isalpha((unsigned char)*text))
			text++;
	}
	return n;
}

bool words_match(const char *text, const char *other)
{
	for (;;) {
		text = next_letter(text);
		other = next_letter(other);
		if (tolower((unsigned char)*text) != tolower((unsigned char)*other))
			return false;
		if (*text == '\0')
			return true;
		/* A word ends in both, or goes on in both. */
		if (!isalpha((unsigned char)text[1]) != !isalpha((unsigned char)other[1]))
			return false;
		text++;
		other++;
	}
}
