/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RFC 9651 §4.2. The field is a string that ends with NUL, which is in none of the sets of characters below. */
#include "worker/structured.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define KEY_START LOWER "*"
#define KEY_REST LOWER DIGITS "_-.*"
#define TOKEN_START LETTERS "*"
#define TOKEN_REST LETTERS DIGITS "!#$%&'*+-.^_`|~:/"
#define BASE64 LETTERS DIGITS "+/"
#define INTEGER_DIGITS_MAX 15
#define WHOLE_DIGITS_MAX 12             /* of a decimal, before the point; three at most after it */

static bool is_one_of(char byte, const char *set)
{
	return byte != '\0' && strchr(set, byte) != NULL;
}

static bool take(const char **at, char byte)
{
	if (**at != byte)
		return false;
	++*at;
	return true;
}

static bool take_key(const char **at, struct span *ret_key)
{
	const char *start = *at;
	if (!is_one_of(*start, KEY_START))
		return false;
	*at += strspn(start, KEY_REST);
	*ret_key = (struct span){ (const uint8_t *)start, (size_t)(*at - start) };
	return true;
}

/* §4.2.4; an integer, or a decimal, which is of no use to us. */
static bool take_number(const char **at, struct structured_value *value)
{
	bool negative = take(at, '-');
	size_t n = strspn(*at, DIGITS);
	int64_t integer = 0;
	for (size_t i = 0; i < n && i < INTEGER_DIGITS_MAX; i++)
		integer = integer * 10 + ((*at)[i] - '0');
	*at += n;
	if (take(at, '.')) {
		size_t n_more = strspn(*at, DIGITS);
		*at += n_more;
		return n >= 1 && n <= WHOLE_DIGITS_MAX && n_more >= 1 && n_more <= 3;
	}
	value->type = STRUCTURED_INTEGER;
	value->integer = negative ? -integer : integer;
	return n >= 1 && n <= INTEGER_DIGITS_MAX;
}

/* §4.2.5 */
static bool take_string(const char **at)
{
	for (++*at; **at >= 0x20 && **at < 0x7f; ++*at) {
		if (**at == '"')
			return ++*at, true;
		if (**at == '\\' && !is_one_of(*++*at, "\"\\"))
			return false;
	}
	return false;
}

/* §4.2.10; that the bytes are UTF-8 is for who would use it */
static bool take_display_string(const char **at)
{
	for (*at += 1; **at >= 0x20 && **at < 0x7f; ++*at) {
		if (**at == '"')
			return ++*at, true;
		if (**at == '%' && (!is_one_of(*++*at, DIGITS "abcdef") || !is_one_of(*++*at, DIGITS "abcdef")))
			return false;
	}
	return false;
}

/* §4.2.7. Padding may be left out, but not be more than is due. */
static bool take_bytes(const char **at, struct structured_value *value)
{
	const char *start = ++*at;
	size_t n = strspn(start, BASE64), n_padding = strspn(start + n, "=");
	*at += n + n_padding;
	value->type = STRUCTURED_BYTES;
	value->base64 = (struct span){ (const uint8_t *)start, n };
	return take(at, ':') && n % 4 != 1 && (n_padding == 0 || (n_padding == (4 - n % 4) % 4));
}

/* §4.2.8, §4.2.9 */
static bool take_boolean(const char **at, struct structured_value *value)
{
	++*at;
	value->type = STRUCTURED_BOOLEAN;
	value->integer = **at == '1';
	return take(at, '0') || take(at, '1');
}

static bool take_date(const char **at)
{
	struct structured_value value = { 0 };
	++*at;
	return take_number(at, &value) && value.type == STRUCTURED_INTEGER;
}

/* §4.2.3.1 */
static bool take_bare(const char **at, struct structured_value *value)
{
	*value = (struct structured_value){ 0 };
	switch (**at) {
	case '"': return take_string(at);
	case ':': return take_bytes(at, value);
	case '?': return take_boolean(at, value);
	case '@': return take_date(at);
	case '%': return (*at)[1] == '"' && (++*at, take_display_string(at));
	default: break;
	}
	if (**at == '-' || is_one_of(**at, DIGITS))
		return take_number(at, value);
	if (!is_one_of(**at, TOKEN_START))
		return false;
	*at += strspn(*at, TOKEN_REST);
	return true;
}

/* §4.2.3.2; nobody asks for them */
static bool take_parameters(const char **at)
{
	while (take(at, ';')) {
		struct structured_value value;
		struct span key;
		*at += strspn(*at, " ");
		if (!take_key(at, &key) || (take(at, '=') && !take_bare(at, &value)))
			return false;
	}
	return true;
}

/* §4.2.1.2 */
static bool take_list(const char **at)
{
	struct structured_value value;
	for (++*at; **at != '\0';) {
		*at += strspn(*at, " ");
		if (take(at, ')'))
			return true;
		if (!take_bare(at, &value) || !take_parameters(at) || (**at != ' ' && **at != ')'))
			return false;
	}
	return false;
}

static bool take_value(const char **at, struct structured_value *value)
{
	*value = (struct structured_value){ .type = STRUCTURED_BOOLEAN, .integer = 1 };
	if (!take(at, '='))
		return take_parameters(at);
	if (**at != '(')
		return take_bare(at, value) && take_parameters(at);
	*value = (struct structured_value){ 0 };
	return take_list(at) && take_parameters(at);
}

int structured_dictionary(const char *field, int (*fn)(struct span key, const struct structured_value *value, void *arg), void *arg)
{
	const char *at = field + strspn(field, " ");
	while (*at != '\0') {
		struct structured_value value;
		struct span key;
		if (!take_key(&at, &key) || !take_value(&at, &value))
			return -SIS_ERR_BAD_FORMAT;
		int r = fn(key, &value, arg);
		if (r != 0)
			return r;
		at += strspn(at, " \t");
		if (*at == '\0')
			return 0;
		if (!take(&at, ','))
			return -SIS_ERR_BAD_FORMAT;
		at += strspn(at, " \t");
		if (*at == '\0')
			return -SIS_ERR_BAD_FORMAT;     /* a comma with nothing behind it */
	}
	return 0;
}
