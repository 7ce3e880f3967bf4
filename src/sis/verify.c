/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis verify: every check that sis get makes, on an item of the server or on a .sis file, without keeping anything. */
#include "sis/bundle_file.h"
#include "sis/command.h"
#include "sis/fetch.h"
#include "sis/output.h"
#include "sis/progress.h"
#include "sis/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEM_JSON_MAX (8u << 20)

static void report(const struct sis *sis, const struct item *item, const char *subject)
{
	const struct statement *statement = &item->opened.statement;
	char made[TIME_TEXT + 1] = "", when[32], name[300], size[32];
	bool known = item->pin_state == PIN_KNOWN;
	time_encode(statement->time, made);
	if (sis->json) {
		output_json(json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:s}", "subject", subject, "item", item->id, "verified", 1, "owner",
		                      statement->owner, "device", item->owner_device, "key", item->owner_pin, "pinned", known ? "known" : "first", "time",
		                      made, "name", item->manifest.name, "size", (json_int_t)item->manifest.size, "revoked_since", item->revoked != 0, "contact", item->contact));
		return;
	}
	output_time(statement->time, when, sizeof(when));
	text_for_terminal(span_from_string(item->manifest.name), name, sizeof(name));
	size_format(item->manifest.size, size, sizeof(size));
	output_line("%s%s%s  %s%s%s: \"%s\", %s, made by %s on device %s at %s\n  key %s, %s%s", STYLED(STYLE_ID, item->id), STYLED(STYLE_OK, "ok"), name, size, statement->owner, item->owner_device, when,
	            item->owner_pin, known ? "the one that is pinned" : "seen for the first time: compare it with theirs (\"sis whoami\")",
	            item->revoked != 0 ? "; the device was revoked later" : "");
}

static int verify_id(const struct acceptor *acceptor, struct session *session, const char *prefix, struct why *why)
{
	char id[ITEM_ID_TEXT + 1];
	struct item item;
	int r = item_resolve(session, prefix, id, why);
	if (r == 0)
		r = item_fetch(acceptor, session, id, &item, why);
	if (r < 0)
		return r;
	struct fetch fetch = { .session = session, .item = &item, .plain_fd = -1, .sealed_fd = -1 };
	r = fetch_object(&fetch, why);
	if (r == 0)
		report(acceptor->sis, &item, prefix);
	item_wipe(&item);
	return r;
}

/* Who signed it is not in the file. The server tells; when it no longer has the item, at least who its owner is. */
static int fetch_certificates(struct session *session, const char *id, const char *owner, json_t **ret_answer, struct why *why)
{
	char target[96];
	struct why ignored = { "" };
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	if (session_get_json(session, target, ITEM_JSON_MAX, ret_answer, &ignored) == 0)
		return 0;
	snprintf(target, sizeof(target), "/v1/users/%s", owner);
	int r = session_get_json(session, target, ITEM_JSON_MAX, ret_answer, why);
	return r < 0 ? why_set(why, r, "the certificate of %s, who made it, cannot be had from the server", owner) : 0;
}

/* The description that the server would give of the item in the file. */
static json_t *describe(const struct bundle_file *file, const char *id, const json_t *answer)
{
	char made[TIME_TEXT + 1] = "";
	json_t *certificates = json_object_get(answer, "certificates");
	const char *received = json_member_string(answer, "received");
	time_encode(file->statement->time, made);
	if (certificates == NULL)
		certificates = json_object_get(answer, "devices");
	if (certificates == NULL)
		return NULL;
	return json_pack("{s:s, s:i, s:s, s:s, s:O, s:O}", "item", id, "sequence", 0, "received", received != NULL ? received : made, "statement",
	                 file->statement_text, "grants", file->grants, "certificates", certificates);
}

static int verify_open_file(const struct acceptor *acceptor, struct session *session, struct bundle_file *file, const char *path, struct why *why)
{
	CLEANUP_JSON json_t *answer = NULL, *description = NULL;
	char id[ITEM_ID_TEXT + 1];
	struct item item;
	item_id_encode(file->statement->item, id);
	int r = fetch_certificates(session, id, file->statement->owner, &answer, why);
	if (r == 0)
		description = describe(file, id, answer);
	if (r == 0 && description == NULL)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server's answer about the item is malformed");
	if (r == 0)
		r = item_accept(acceptor, description, id, &item, why);
	if (r < 0)
		return r;
	r = item_accept_manifest(&item, &file->manifest, why);
	if (r == 0)
		r = fetch_object_from_file(&item, file->fd, bundle_part_offset(&file->head, SEAL_OBJECT), -1, why);
	if (r == 0)
		report(acceptor->sis, &item, path);
	item_wipe(&item);
	return r;
}

static int verify_file(const struct acceptor *acceptor, struct session *session, const char *path, struct why *why)
{
	struct bundle_file file = { .fd = -1 };
	int r = bundle_file_open(path, &file, why);
	if (r < 0)
		return r;
	r = verify_open_file(acceptor, session, &file, path, why);
	bundle_file_close(&file);
	return r;
}

static bool names_file(const char *argument)
{
	return strchr(argument, '/') != NULL || !item_id_is_prefix(argument) || access(argument, F_OK) == 0;
}

static int verify_all(const struct acceptor *acceptor, struct session *session, char **arguments, unsigned n)
{
	unsigned n_failed = 0;
	int last = 0;
	for (unsigned i = 0; i < n; i++) {
		struct why why = { "" };
		int r = names_file(arguments[i]) ? verify_file(acceptor, session, arguments[i], &why) : verify_id(acceptor, session, arguments[i], &why);
		if (r == 0)
			continue;
		output_error(acceptor->sis, arguments[i], r, &why);
		last = r;
		n_failed++;
	}
	return output_status(n_failed, n, last);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	(void)options;
	int r = visit_begin(sis, &visit, &why);
	int status = r == 0 ? verify_all(&visit.acceptor, visit.session, arguments, n) : 0;
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : status;
}

const struct command command_verify = {
	"verify", "ID|FILE…", "check items without keeping them",
	"Makes every check that \"sis get\" makes, and tells who made each item, when, and whether that device's key is the one pinned. FILE is a bundle that\n"
	"\"sis get --sis\" kept; the server is asked for the certificates and revocations only.",
	NULL, 0, 1, 100000, 0, run,
};
