/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The invite: sis://HOST:PORT/USER#CODE.FINGERPRINT, as `sisctl add` prints it. */
#pragma once

#include "sis/profile.h"

struct invite {
	char host[HOST_MAX_TEXT + 1], port[6], user[NAME_MAX_TEXT + 1];
	char code[65];                          /* secret: wipe with invite_wipe */
	uint8_t ca_fingerprint[FINGERPRINT_BYTES];
};
/* Surrounding white space is allowed (it was pasted). BAD_FORMAT with why. Never tells the code. */
int invite_parse(struct span text, struct invite *ret_invite, struct why *why);
void invite_wipe(struct invite *invite);
/* 64 hex digits, in either case and with colons between bytes or without. */
int fingerprint_parse(const char *text, uint8_t ret_fingerprint[FINGERPRINT_BYTES]);
