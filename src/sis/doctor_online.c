/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What sis doctor asks the server. */
#include "sis/doctor.h"

#include "crypto/hpke.h"
#include "format/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 65536u
#define PERSON_MAX (1u << 20)
/* Statements are signed with our time: others refuse what is more than ten minutes in their future. */
#define SKEW_WARN_S 120
#define SKEW_BAD_S 600

void doctor_check_server(struct doctor *doctor, struct finding *finding)
{
	CLEANUP_BLOB struct blob body = { 0 };
	struct why why = { "" };
	int r = session_open(doctor->profile, &doctor->session);
	if (r == 0)
		r = session_get(doctor->session, "/healthz", ANSWER_MAX, &body, &why);
	doctor->reached = r == 0;
	if (r == 0)
		doctor_find(finding, FINDING_OK, "%s:%s answers, is well, and has the authority of this profile", doctor->profile->host, doctor->profile->port);
	else if (r == -SIS_ERR_UNTRUSTED || r == -SIS_ERR_EXPIRED)
		doctor_find(finding, FINDING_BAD, "%s; check the clock, and ask the administrator whether the authority was replaced", why_text(&why, r));
	else
		doctor_find(finding, FINDING_BAD, "%s:%s: %s; check the network, and that the server runs", doctor->profile->host, doctor->profile->port,
		            why_text(&why, r));
}

void doctor_check_account(struct doctor *doctor, struct finding *finding)
{
	CLEANUP_JSON json_t *answer = NULL;
	struct why why = { "" };
	const struct profile *profile = doctor->profile;
	doctor->asked = time_now();
	int r = session_get_json(doctor->session, "/v1/whoami", ANSWER_MAX, &answer, &why);
	doctor->answered = time_now();
	const char *user = json_member_string(answer, "user"), *device = json_member_string(answer, "device");
	if (r == -SIS_ERR_REVOKED)
		doctor_find(finding, FINDING_BAD, "this device was revoked; make a page with \"sis recovery make\", ask the administrator for an invite, and say: "
		            "sis --profile NEW enroll 'INVITE' --recovery PAGE");
	else if (r == -SIS_ERR_EXPIRED)
		doctor_find(finding, FINDING_BAD, "the certificate has expired by the server's clock; ask the administrator for an invite, and say: sis enroll 'INVITE'");
	else if (r < 0)
		doctor_find(finding, FINDING_BAD, "%s; ask the administrator", why_text(&why, r));
	else if (user == NULL || device == NULL || strcmp(user, profile->user) != 0 || strcmp(device, profile->device) != 0)
		doctor_find(finding, FINDING_BAD, "the server takes this device for somebody else; tell the administrator");
	else
		doctor_find(finding, FINDING_OK, "the server knows you as %s, device %s", user, device);
	if (finding->level == FINDING_OK) {
		doctor->whoami = answer;
		answer = NULL;
	}
}

/* The server's second began somewhere between asking and being answered. */
void doctor_check_clock(struct doctor *doctor, struct finding *finding)
{
	const char *text = json_member_string(doctor->whoami, "server_time");
	int64_t server;
	if (text == NULL || time_decode(span_from_string(text), &server) < 0) {
		doctor_find(finding, FINDING_WARN, "the server does not tell its time; compare this device's clock with another one");
		return;
	}
	int64_t skew_s = server < doctor->asked ? doctor->asked - server : server > doctor->answered ? server - doctor->answered : 0;
	const char *way = server < doctor->asked ? "ahead of" : "behind";
	const enum finding_level level = skew_s > SKEW_BAD_S ? FINDING_BAD : skew_s > SKEW_WARN_S ? FINDING_WARN : FINDING_OK;
	if (level == FINDING_OK)
		doctor_find(finding, level, "this device and the server agree on the time");
	else
		doctor_find(finding, level, "this device is %lld min %lld s %s the server; set the clock%s", (long long)(skew_s / 60), (long long)(skew_s % 60), way,
		            level == FINDING_BAD ? ", or others may refuse what you sign" : "");
}

static const json_t *find_self(const json_t *answer, const char *device)
{
	size_t i;
	json_t *entry;
	json_array_foreach(json_object_get(answer, "devices"), i, entry) {
		const char *name = json_member_string(entry, "device");
		if (name != NULL && strcmp(name, device) == 0)
			return entry;
	}
	return NULL;
}

void doctor_check_published(struct doctor *doctor, struct finding *finding)
{
	CLEANUP_JSON json_t *answer = NULL;
	const struct profile *profile = doctor->profile;
	struct why why = { "" };
	struct key_statement statement;
	uint8_t ours[HPKE_KEY_BYTES];
	char target[80];
	snprintf(target, sizeof(target), "/v1/users/%s", profile->user);
	int r = session_get_json(doctor->session, target, PERSON_MAX, &answer, &why);
	const char *text = r == 0 ? json_member_string(find_self(answer, profile->device), "key") : NULL;
	hpke_public_key(&profile->encryption_key, ours);
	if (r < 0)
		doctor_find(finding, FINDING_BAD, "%s", why_text(&why, r));
	else if (text == NULL)
		doctor_find(finding, FINDING_BAD, "the server has no encryption key of this device, so that nobody can share with it; say: sis renew");
	else if (key_statement_parse(span_from_string(text), &statement, NULL) < 0 || memcmp(statement.key, ours, sizeof(ours)) != 0)
		doctor_find(finding, FINDING_BAD, "the encryption key that the server tells others is not this device's; say \"sis renew\", and when that does not help, "
		            "do not trust this server");
	else if (memcmp(statement.certificate, profile->facts.fingerprint, FINGERPRINT_BYTES) != 0)
		doctor_find(finding, FINDING_BAD, "the encryption key is published under an older certificate, so that nobody can share with this device; say: sis renew");
	else
		doctor_find(finding, FINDING_OK, "others are told this device's encryption key");
}
