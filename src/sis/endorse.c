/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vouching for another own device. */
#include "sis/endorse.h"

#include "format/item.h"

#include <stdio.h>

static int put(struct session *session, const char *device, struct span text, struct why *why)
{
	char target[96];
	snprintf(target, sizeof(target), "/v1/devices/%s/endorsement", device);
	const struct http_client_header headers[] = { { "Content-Type", "text/plain" } };
	const struct http_call call = { .method = "PUT", .target = target, .headers = headers, .n_headers = 1, .body = text.data, .body_size = text.size };
	struct http_reply reply;
	return session_call(session, &call, &reply, NULL, why);
}

int endorse_device(const struct profile *profile, struct session *session, const struct person_device *device, struct why *why)
{
	struct endorsement endorsement = { .key = device->signing_key, .time = time_now() };
	char text[ENDORSEMENT_MAX_BYTES + 1];
	size_t size;
	snprintf(endorsement.user, sizeof(endorsement.user), "%s", profile->user);
	snprintf(endorsement.device, sizeof(endorsement.device), "%s", device->name);
	int r = endorsement_write(&endorsement, &profile->key, text, &size);
	if (r < 0)
		return why_set(why, r, "the endorsement of \"%s\" could not be made: %s", device->name, error_text(r));
	return put(session, device->name, (struct span){ (const uint8_t *)text, size }, why);
}
