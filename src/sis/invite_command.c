/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis invite: an invite for one more device of one's own, where the server allows that. */
#include "sis/command.h"
#include "sis/invite.h"
#include "sis/output.h"
#include "sis/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 4096

struct invite_options { const char *device; };

static const struct option_row rows[] = {
	{ "device", 0, "NAME", "the new device's name (default: it chooses)", OPTION_TEXT, offsetof(struct invite_options, device) },
};

static int invite_ask(struct session *session, const char *device, struct blob *ret_answer, struct why *why)
{
	CLEANUP_JSON json_t *body = json_pack("{s:s*}", "device", device);
	CLEANUP_FREE char *text = body != NULL ? json_print(body) : NULL;
	struct http_client_header headers[] = { { "Content-Type", "application/json" } };
	struct http_call call = { .method = "POST", .target = "/v1/invites", .headers = headers, .n_headers = 1, .body = text, .max_collect = ANSWER_MAX };
	struct http_reply reply;
	if (text == NULL)
		return -SIS_ERR_NO_MEMORY;
	call.body_size = strlen(text);
	return session_call(session, &call, &reply, ret_answer, why);
}

/* Said only when it is what it should be: the line is handed on, and whoever enrolls with it believes the authority that it names. */
static int invite_check(const struct profile *profile, const char *line, struct why *why)
{
	struct invite invite = { 0 };
	int r = line != NULL ? invite_parse(span_from_string(line), &invite, why) : -SIS_ERR_PROTOCOL;
	if (r < 0)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server's answer holds no invite");
	else if (strcmp(invite.user, profile->user) != 0 || !authorities_find((struct span){ profile->ca.data, profile->ca.size }, invite.ca_fingerprint, NULL))
		r = why_set(why, -SIS_ERR_MISMATCH, "the server gave an invite for another user or authority; tell the administrator");
	invite_wipe(&invite);
	return r;
}

static int invite_show(const struct sis *sis, const struct profile *profile, const struct blob *answer, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	int r = json_parse((struct span){ answer->data, answer->size }, ANSWER_MAX, &json);
	const char *line = r == 0 ? json_member_string(json, "invite") : NULL;
	r = invite_check(profile, line, why);
	if (r == 0 && sis->json)
		output_json(json_pack("{s:s}", "invite", line));
	else if (r == 0)
		output_line("%s", line);
	return r;
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	const struct invite_options *options = options_;
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_SESSION struct session *session = NULL;
	CLEANUP_BLOB struct blob answer = { 0 };
	struct why why = { "" };
	(void)arguments;
	(void)n;
	if (options->device != NULL && !name_is_valid(span_from_string(options->device)))
		return output_usage(sis, "invite", "\"%s\" cannot name a device: 1 to 32 of a-z 0-9 . _ -", options->device);
	int r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = session_open(profile, &session);
	if (r == 0)
		r = invite_ask(session, options->device, &answer, &why);
	if (r == 0)
		r = invite_show(sis, profile, &answer, &why);
	if (r < 0)
		output_error(sis, NULL, r, &why);
	if (answer.data != NULL)
		secret_wipe(answer.data, answer.size);
	return output_status(r < 0, 1, r);
}

const struct command command_invite = {
	"invite", "", "print an invite for one more device of yours",
	"Prints the line that the new device enrolls with: sis enroll 'sis://…'. It is good once, and for some days: whoever has it becomes you. A server allows\n"
	"this only with device_invites = \"yes\"; else ask the administrator, who says \"sisctl add NAME --device DEVICE\".\n"
	"What was shared before, the new device reads after \"sis devices approve\" on one that can.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct invite_options), run,
};
