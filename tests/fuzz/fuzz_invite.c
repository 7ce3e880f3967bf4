/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An invite that somebody sent, pasted by whoever believes them: what is taken of it is an address, a name and a code, and nothing else. */
#include "sis/invite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct invite invite = { 0 };
	struct why why = { "" };
	char line[1024], address[400], host[HOST_MAX_TEXT + 1], port[6], fingerprint[2 * FINGERPRINT_BYTES + 1];
	if (invite_parse((struct span){ data, size }, &invite, &why) < 0) {
		if (why.text[0] == '\0' || invite.code[0] != '\0')
			abort();
		return 0;
	}
	snprintf(address, sizeof(address), strchr(invite.host, ':') != NULL ? "[%s]:%s" : "%s:%s", invite.host, invite.port);
	if (!address_parse(address, host, port) || strcmp(host, invite.host) != 0 || strcmp(port, invite.port) != 0 || !name_is_valid(span_from_string(invite.user)))
		abort();
	for (const char *c = invite.host; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f)
			abort();
	hex_encode(invite.ca_fingerprint, FINGERPRINT_BYTES, fingerprint);
	snprintf(line, sizeof(line), "sis://%s/%s#%s.%s", address, invite.user, invite.code, fingerprint);
	struct invite again;
	if (invite_parse(span_from_string(line), &again, &why) < 0 || memcmp(&again, &invite, sizeof(again)) != 0)
		abort();
	return 0;
}
