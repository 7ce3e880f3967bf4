/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text decoders: what is accepted encodes to the very same text again, and what goes to a terminal is valid and harmless, whatever came in. */
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void same(struct span text, const char *again)
{
	require(span_equals(text, again));
}

static void check_fixed_sizes(struct span text)
{
	char again[TEXT_MAX * 2];
	uint8_t bytes[TEXT_MAX];
	int64_t seconds;
	if (time_decode(text, &seconds) == 0) {
		require(time_encode(seconds, again) == 0);
		same(text, again);
	}
	if (item_id_decode(text, bytes) == 0) {
		item_id_encode(bytes, again);
		same(text, again);
		require(item_id_is_prefix(again));
	}
	if (text.size % 2 == 0 && hex_decode(text, bytes, text.size / 2) == 0) {
		hex_encode(bytes, text.size / 2, again);
		same(text, again);
	}
}

static void check_base64(struct span text)
{
	char again[TEXT_MAX * 2];
	uint8_t bytes[TEXT_MAX], lenient[TEXT_MAX];
	size_t exact = text.size * 3 / 4, n;
	int decoded = base64_decode(text, bytes, exact);
	if (decoded == 0) {
		base64_encode(bytes, exact, again);
		same(text, again);
	}
	if (base64_decode_lenient(text, lenient, sizeof(lenient), &n) == 0) {
		require(n <= text.size);
		require(decoded != 0 || (n == exact && memcmp(bytes, lenient, n) == 0));
	} else {
		require(decoded != 0);
	}
}

static void check_terminal(struct span text, size_t capacity)
{
	char shown[TEXT_MAX + 1], again[TEXT_MAX + 1];
	text_for_terminal(text, shown, capacity);
	struct span result = span_from_string(shown);
	require(result.size < capacity && utf8_is_valid(result));
	for (size_t i = 0; i < result.size; i++)
		require(result.data[i] >= 0x20 && result.data[i] != 0x7f);
	text_for_terminal(result, again, sizeof(again));
	require(strcmp(shown, again) == 0);
	if (name_is_valid(text) && text.size < capacity)
		same(text, shown);
}

static void check_words(struct span text)
{
	char word[TEXT_MAX + 1];
	uint64_t value;
	if (!span_to_string(text, word, sizeof(word)))
		return;
	(void)item_id_is_prefix(word);
	if (duration_parse(word, &value) == 0 || size_parse(word, &value) == 0)
		require(value <= INT64_MAX);
	if (span_to_u64(text, UINT64_MAX, &value))
		require(text.size <= 20);
}

static void check_json(struct span text)
{
	CLEANUP_JSON json_t *json = NULL;
	if (json_parse(text, TEXT_MAX, &json) != 0)
		return;
	char *printed = json_print(json);
	CLEANUP_JSON json_t *again = NULL;
	require(printed != NULL && json_parse(span_from_string(printed), 16 * TEXT_MAX, &again) == 0);
	free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > TEXT_MAX)
		return 0;
	struct span text = { .data = data + 1, .size = size - 1 };
	check_fixed_sizes(text);
	check_base64(text);
	check_terminal(text, data[0] % 2 == 0 ? TEXT_MAX + 1 : 1 + data[0]);
	check_words(text);
	check_json(text);
	struct cursor cursor = cursor_from(text.data, text.size);
	while (!cursor.failed)
		require(cursor_get_line(&cursor).size < size);
	return 0;
}
