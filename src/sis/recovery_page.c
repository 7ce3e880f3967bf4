/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The recovery page: lines with a check each. */
#include "sis/recovery_page.h"

#include "crypto/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "-----BEGIN SIS RECOVERY-----"
#define END "-----END SIS RECOVERY-----"
#define LINE_CHARACTERS 60u
#define GROUP 5u
#define CHECK_CHARACTERS 4u
#define CHECK_LABEL "sis-recovery/1 line"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static const char instructions[] =
	"SIS RECOVERY PAGE\n\n%s\n\n"
	"With this page and its passphrase, what was shared with this person can be read\n"
	"again when all devices are lost. Below are the device's keys, encrypted. Print\n"
	"the page or keep the file, and keep the passphrase somewhere else: who has both\n"
	"is this person; who has lost one of them can do nothing with the other.\n\n"
	"How to use it: install sis, and say\n"
	"    sis recovery restore FILE\n"
	"FILE is this page, or what you have typed off it, from BEGIN to END. Capitals and\n"
	"spaces do not matter, and each line ends with a check of itself.\n"
	"If the certificate has expired meanwhile, ask the administrator of the server for\n"
	"an invite, and after the line above say:     sis enroll 'INVITE'\n"
	"If the device was stolen, have it revoked, ask for an invite for a new device,\n"
	"and instead of the line above say:           sis enroll 'INVITE' --recovery FILE\n"
	"Make a new page after \"sis renew --new-key\", and when you have new contacts.\n\n";

/* ------------------------------------------------ base32, RFC 4648 §6, lower case, unpadded ------------------------------------------------ */

static size_t base32_size(size_t n)
{
	return (n * 8 + 4) / 5;
}

static void base32_encode(struct span bytes, char *ret_text)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	for (size_t i = 0; i < bytes.size; i++) {
		bits = (bits << 8 | bytes.data[i]) & 0xfff;
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*ret_text++ = alphabet[bits >> (n_bits - 5) & 31];
	}
	if (n_bits > 0)
		*ret_text++ = alphabet[bits << (5 - n_bits) & 31];
	*ret_text = '\0';
}

static int base32_value(char c)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
	return at != NULL ? (int)(at - alphabet) : -1;
}

static int base32_decode(const char *text, size_t size, uint8_t *ret_bytes, size_t *ret_size)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;
	for (size_t i = 0; i < size; i++) {
		bits = (bits << 5 | (uint32_t)base32_value(text[i])) & 0xfff;
		n_bits += 5;
		if (n_bits >= 8) {
			n_bits -= 8;
			ret_bytes[n++] = (uint8_t)(bits >> n_bits);
		}
	}
	if (n_bits >= 5 || (bits & ((1u << n_bits) - 1)) != 0)
		return -SIS_ERR_BAD_FORMAT;
	*ret_size = n;
	return 0;
}

/* 20 bits of SHA-256 over the line's number and characters: a line that was typed wrong, or is in another's place, is found at once. */
static void line_check(unsigned number, struct span characters, char ret_check[CHECK_CHARACTERS + 1])
{
	char input[sizeof(CHECK_LABEL) + 16 + LINE_CHARACTERS];
	uint8_t digest[DIGEST_BYTES];
	int n = snprintf(input, sizeof(input), CHECK_LABEL " %u %.*s", number, (int)characters.size, (const char *)characters.data);
	digest_sha256(input, (size_t)n, digest);
	char all[8 + 1];
	base32_encode((struct span){ digest, 5 }, all);
	memcpy(ret_check, all, CHECK_CHARACTERS);
	ret_check[CHECK_CHARACTERS] = '\0';
}

/* ------------------------------------------------ writing ------------------------------------------------ */

static void write_line(struct builder *builder, unsigned number, struct span characters)
{
	char check[CHECK_CHARACTERS + 1];
	line_check(number, characters, check);
	builder_printf(builder, "%3u ", number);
	for (size_t i = 0; i < characters.size; i += GROUP)
		builder_printf(builder, "%.*s ", (int)(characters.size - i < GROUP ? characters.size - i : GROUP), (const char *)characters.data + i);
	builder_printf(builder, ": %s\n", check);
}

int recovery_page_write(const char *subject, struct span sealed, struct blob *ret_text)
{
	if (sealed.size > RECOVERY_SEALED_MAX)
		return -SIS_ERR_TOO_LARGE;
	size_t n = base32_size(sealed.size), capacity = sizeof(instructions) + RECOVERY_FOR_TEXT * 2 + n * 2 + 4096;
	CLEANUP_FREE char *text = xcalloc(1, n + 1);
	struct blob page = { xcalloc(1, capacity), 0 };
	struct builder builder = builder_from(page.data, capacity);
	base32_encode(sealed, text);
	builder_printf(&builder, instructions, subject);
	builder_printf(&builder, BEGIN "\n%s\n", subject);
	for (size_t at = 0, number = 1; at < n; at += LINE_CHARACTERS, number++)
		write_line(&builder, (unsigned)number, (struct span){ (uint8_t *)text + at, n - at < LINE_CHARACTERS ? n - at : LINE_CHARACTERS });
	builder_printf(&builder, END "\n");
	secret_wipe(text, n);
	if (builder.failed) {
		blob_free(&page);
		return -SIS_ERR_TOO_LARGE;
	}
	page.size = builder.size;
	*ret_text = page;
	return 0;
}

/* ------------------------------------------------ reading ------------------------------------------------ */

struct reading {
	struct span rest;
	char *characters;                       /* all of them */
	size_t n, capacity;
	unsigned n_lines;
	bool short_line;                        /* the last one was: nothing may follow */
};

static bool next_line(struct span *rest, struct span *ret_line)
{
	if (rest->size == 0)
		return false;
	const uint8_t *end = memchr(rest->data, '\n', rest->size);
	size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
	struct span line = { rest->data, size };
	rest->data += end != NULL ? size + 1 : size;
	rest->size -= end != NULL ? size + 1 : size;
	while (line.size > 0 && isspace(line.data[line.size - 1]))
		line.size--;
	while (line.size > 0 && isspace(line.data[0])) {
		line.data++;
		line.size--;
	}
	*ret_line = line;
	return true;
}

/* "BEGIN SIS RECOVERY", with as many dashes as somebody had the patience for. */
static bool line_is(struct span line, const char *mark)
{
	while (line.size > 0 && line.data[0] == '-') {
		line.data++;
		line.size--;
	}
	while (line.size > 0 && line.data[line.size - 1] == '-')
		line.size--;
	char words[40];
	size_t size = strlen(mark) - 10;
	snprintf(words, sizeof(words), "%.*s", (int)size, mark + 5);
	return span_equals(line, words);
}

static char canonical(uint8_t c)
{
	static const char misread[][2] = { { '0', 'o' }, { '1', 'l' }, { '8', 'b' } };
	for (size_t i = 0; i < ARRAY_SIZE(misread); i++) {
		if (c == (uint8_t)misread[i][0])
			return misread[i][1];
	}
	return (char)tolower(c);
}

/* Characters up to the end or ':'; what is no character of ours is an error. */
static int take_characters(struct span *line, char *ret_text, size_t capacity, size_t *ret_n)
{
	size_t n = 0;
	while (line->size > 0 && line->data[0] != ':') {
		char c = canonical(line->data[0]);
		line->data++;
		line->size--;
		if (c == ' ' || c == '\t' || c == '-')
			continue;
		if (n == capacity || base32_value(c) < 0)
			return -SIS_ERR_BAD_FORMAT;
		ret_text[n++] = c;
	}
	*ret_n = n;
	return 0;
}

static int read_number(struct span *line, unsigned *ret_number)
{
	unsigned number = 0;
	size_t i = 0;
	for (; i < line->size && i < 5 && line->data[i] >= '0' && line->data[i] <= '9'; i++)
		number = number * 10 + (unsigned)(line->data[i] - '0');
	if (i == 0 || i == line->size || !isspace(line->data[i]))
		return -SIS_ERR_BAD_FORMAT;
	line->data += i;
	line->size -= i;
	*ret_number = number;
	return 0;
}

static int read_data_line(struct reading *reading, struct span line, struct why *why)
{
	char characters[LINE_CHARACTERS], given[CHECK_CHARACTERS], check[CHECK_CHARACTERS + 1];
	unsigned number = 0, wanted = reading->n_lines + 1;
	size_t n = 0, n_check = 0;
	if (read_number(&line, &number) < 0)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "what should be line %u of the recovery page does not begin with its number", wanted);
	if (number != wanted)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "line %u of the recovery page is missing; in its place is line %u", wanted, number);
	int r = take_characters(&line, characters, sizeof(characters), &n);
	if (r == 0 && line.size > 0) {
		line.data++;
		line.size--;
		r = take_characters(&line, given, sizeof(given), &n_check);
	}
	line_check(number, (struct span){ (uint8_t *)characters, n }, check);
	if (r < 0 || n == 0 || reading->short_line || n_check != CHECK_CHARACTERS || memcmp(given, check, CHECK_CHARACTERS) != 0)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "line %u of the recovery page is not as it was printed; compare it letter by letter", number);
	if (reading->n + n > reading->capacity)
		return why_set(why, -SIS_ERR_TOO_LARGE, "the recovery page is longer than any that sis makes");
	memcpy(reading->characters + reading->n, characters, n);
	reading->n += n;
	reading->n_lines = number;
	reading->short_line = n < LINE_CHARACTERS;
	return 0;
}

static int read_lines(struct reading *reading, char ret_subject[RECOVERY_FOR_TEXT], struct why *why)
{
	struct span line = { NULL, 0 };
	bool begun = false;
	while (!begun && next_line(&reading->rest, &line))
		begun = line_is(line, BEGIN);
	if (!begun)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "this is no recovery page of sis: there is no line %s", BEGIN);
	while (next_line(&reading->rest, &line)) {
		if (line_is(line, END))
			return reading->n_lines > 0 ? 0 : why_set(why, -SIS_ERR_BAD_FORMAT, "the recovery page is empty");
		if (line.size == 0)
			continue;
		if (line.size > 4 && strncmp((const char *)line.data, "for ", 4) == 0 && reading->n_lines == 0) {
			snprintf(ret_subject, RECOVERY_FOR_TEXT, "%.*s", (int)(line.size < RECOVERY_FOR_TEXT ? line.size : RECOVERY_FOR_TEXT - 1), (const char *)line.data);
			continue;
		}
		int r = read_data_line(reading, line, why);
		if (r < 0)
			return r;
	}
	return why_set(why, -SIS_ERR_BAD_FORMAT, "the recovery page is cut off after line %u: there is no line %s", reading->n_lines, END);
}

int recovery_page_read(struct span text, struct blob *ret_sealed, char ret_subject[RECOVERY_FOR_TEXT], struct why *why)
{
	char subject[RECOVERY_FOR_TEXT] = "";
	struct reading reading = { .rest = text, .capacity = base32_size(RECOVERY_SEALED_MAX) };
	if (text.size > RECOVERY_TEXT_MAX)
		return why_set(why, -SIS_ERR_TOO_LARGE, "the recovery page is longer than any that sis makes");
	CLEANUP_FREE char *characters = xcalloc(1, reading.capacity);
	reading.characters = characters;
	int r = read_lines(&reading, subject, why);
	if (r < 0)
		return r;
	CLEANUP_BLOB struct blob sealed = { xcalloc(1, reading.n + 1), 0 };
	if (base32_decode(characters, reading.n, sealed.data, &sealed.size) < 0)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "the last line of the recovery page is not as it was printed; compare it letter by letter");
	memcpy(ret_subject, subject, sizeof(subject));
	*ret_sealed = sealed;
	sealed = (struct blob){ 0 };
	return 0;
}
