/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading an invite. */
#include "sis/invite.h"

#include <ctype.h>
#include <string.h>

#define INVITE_MAX_TEXT 600

int fingerprint_parse(const char *text, uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	char digits[2 * FINGERPRINT_BYTES + 1];
	size_t n = 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == ':')
			continue;
		if (n == sizeof(digits) - 1)
			return -SIS_ERR_BAD_FORMAT;
		digits[n++] = (char)tolower((unsigned char)*c);
	}
	return hex_decode((struct span){ (uint8_t *)digits, n }, ret_fingerprint, FINGERPRINT_BYTES);
}

void invite_wipe(struct invite *invite)
{
	secret_wipe(invite, sizeof(*invite));
}

static bool code_is_valid(const char *code)
{
	size_t size = strlen(code);
	return size >= 16 && size <= 64 && strspn(code, "abcdefghijklmnopqrstuvwxyz234567") == size;
}

static int invite_split(char *text, struct invite *ret_invite)
{
	char *slash = strchr(text, '/'), *hash = slash != NULL ? strchr(slash, '#') : NULL, *dot = hash != NULL ? strchr(hash, '.') : NULL;
	if (dot == NULL)
		return -SIS_ERR_BAD_FORMAT;
	*slash = *hash = *dot = '\0';
	if (!address_parse(text, ret_invite->host, ret_invite->port) || !name_is_valid(span_from_string(slash + 1)) || !code_is_valid(hash + 1))
		return -SIS_ERR_BAD_FORMAT;
	strcpy(ret_invite->user, slash + 1);
	strcpy(ret_invite->code, hash + 1);
	return fingerprint_parse(dot + 1, ret_invite->ca_fingerprint);
}

int invite_parse(struct span text, struct invite *ret_invite, struct why *why)
{
	char copy[INVITE_MAX_TEXT];
	struct invite invite = { 0 };
	while (text.size > 0 && isspace(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && isspace(text.data[0])) {
		text.data++;
		text.size--;
	}
	int r = -SIS_ERR_BAD_FORMAT;
	if (text.size > 6 && memcmp(text.data, "sis://", 6) == 0 &&
	    span_to_string((struct span){ text.data + 6, text.size - 6 }, copy, sizeof(copy)))
		r = invite_split(copy, &invite);
	if (r == 0)
		*ret_invite = invite;
	secret_wipe(copy, sizeof(copy));
	invite_wipe(&invite);
	return r < 0 ? why_set(why, r, "this is no whole invite: it reads sis://HOST:PORT/NAME#CODE.FINGERPRINT in one line; put it between quotes") : 0;
}
