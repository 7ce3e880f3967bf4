/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepting an item. */
#include "sis/item.h"

#include "sis/authorities.h"
#include "sis/introductions.h"
#include "sis/listing.h"
#include "sis/output.h"
#include "sis/signers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_JSON_MAX (8u << 20)
#define CRL_MAX_BYTES (16u << 20)

static int list_error(const struct acceptor *acceptor)
{
	static const uint8_t nobody[] = { 1 };
	int64_t revoked_at;
	uint8_t reason;
	return crl_lookup((struct span){ acceptor->crl.data, acceptor->crl.size }, (struct span){ acceptor->profile->ca.data, acceptor->profile->ca.size },
	                  (struct span){ nobody, sizeof(nobody) }, acceptor->now, &revoked_at, &reason);
}

bool acceptor_is_outdated(const struct acceptor *acceptor)
{
	return list_error(acceptor) == -SIS_ERR_EXPIRED;
}

int acceptor_open(const struct sis *sis, struct session *session, struct pins *pins, struct acceptor *ret_acceptor, struct why *why)
{
	struct acceptor acceptor = { .sis = sis, .profile = session_profile(session), .pins = pins, .now = time_now() };
	int r = session_get(session, "/crl", CRL_MAX_BYTES, &acceptor.crl, why);
	if (r == 0 && acceptor.crl.size == 0)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server gave an empty revocation list; tell the administrator");
	if (r < 0)
		return r;
	/* By an authority that we do not know: ours has a successor since this connection began. */
	if (list_error(&acceptor) == -SIS_ERR_UNTRUSTED) {
		r = authorities_fetch(session, why);
		if (r < 0) {
			blob_free(&acceptor.crl);
			return r;
		}
	}
	acceptor.signers = signers_new();
	acceptor.introductions = introductions_new(sis, acceptor.profile, pins);
	*ret_acceptor = acceptor;
	return 0;
}

void acceptor_close(struct acceptor *acceptor)
{
	signers_free(acceptor->signers);
	acceptor->signers = NULL;
	introductions_free(acceptor->introductions);
	acceptor->introductions = NULL;
	blob_free(&acceptor->crl);
}

void item_wipe(struct item *item)
{
	free(item->texts);
	blob_free(&item->sealed_manifest);
	if (item->content.data != NULL)
		secret_wipe(item->content.data, item->content.size);
	blob_free(&item->content);
	secret_wipe(item, sizeof(*item));
}

static struct item_signer signer_from(const struct certificate *facts)
{
	struct item_signer signer = { .user = facts->user, .key = facts->public_key };
	memcpy(signer.fingerprint, facts->fingerprint, sizeof(signer.fingerprint));
	return signer;
}

static const char *find_grant_for(const struct profile *profile, const char *device, const json_t *grants)
{
	size_t i;
	json_t *text;
	json_array_foreach((json_t *)(uintptr_t)grants, i, text) {
		struct grant grant;
		if (json_is_string(text) && grant_parse(span_from_string(json_string_value(text)), &grant, NULL) == 0 &&
		    strcmp(grant.recipient, profile->user) == 0 && strcmp(grant.device, device) == 0)
			return json_string_value(text);
	}
	return NULL;
}

/* The grant for this very device among those that we were given, else one for a device that we were. */
static const char *find_grant(const struct profile *profile, const json_t *grants, const struct former_key **ret_former)
{
	const char *text = find_grant_for(profile, profile->device, grants);
	for (unsigned i = 0; text == NULL && i < profile->n_former; i++) {
		*ret_former = &profile->former[i];
		text = find_grant_for(profile, profile->former[i].device, grants);
	}
	return text;
}

static int read_envelope(const json_t *json, const char *id, struct item *item, struct why *why)
{
	const char *told = json_member_string(json, "item"), *received = json_member_string(json, "received");
	uint8_t raw[ITEM_ID_BYTES];
	if (told == NULL || item_id_decode(span_from_string(told), raw) < 0 || received == NULL ||
	    time_decode(span_from_string(received), &item->received) < 0 || json_member_u64(json, "sequence", &item->sequence) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's description of the item is malformed");
	if (id != NULL && strcmp(id, told) != 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server gave another item than was asked for");
	strcpy(item->id, told);
	return 0;
}

static int read_texts(const struct acceptor *acceptor, const json_t *json, struct item *item, struct why *why)
{
	const char *statement = json_member_string(json, "statement"), *grant;
	if (statement == NULL)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's description of the item has no statement");
	grant = find_grant(acceptor->profile, json_object_get(json, "grants"), &item->former);
	if (grant == NULL)
		return why_set(why, -SIS_ERR_BAD_GRANT, "it was not shared with this device (\"%s\"), which may be newer than the item; on a device of yours "
		               "that can read it say \"sis devices approve\", or ask the sender", acceptor->profile->device);
	size_t statement_size = strlen(statement), grant_size = strlen(grant);
	item->texts = xcalloc(1, statement_size + grant_size + 1);
	memcpy(item->texts, statement, statement_size);
	memcpy(item->texts + statement_size, grant, grant_size);
	item->statement_text = (struct span){ (uint8_t *)item->texts, statement_size };
	item->grant_text = (struct span){ (uint8_t *)item->texts + statement_size, grant_size };
	return 0;
}

static int check_item(const struct acceptor *acceptor, const json_t *json, struct item *item, struct why *why)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const json_t *certificates = json_object_get(json, "certificates");
	struct certificate owner, granter;
	struct grant grant;
	int64_t granter_revoked = 0;
	const char *words = NULL;
	int r = statement_parse(item->statement_text, statement, &words);
	if (r == 0)
		r = grant_parse(item->grant_text, &grant, &words);
	if (r < 0)
		return why_set(why, r, "%s", words != NULL ? words : error_text(r));
	r = item_check_signer(acceptor, certificates, statement->device, statement->owner, statement->time, item->received, &owner, &item->pin_state,
	                      &item->revoked, why);
	if (r == 0)
		r = item_check_granter(acceptor, certificates, grant.granter_device, grant.granter, grant.time, &granter, &granter_revoked, why);
	if (r < 0)
		return r;
	struct item_signer owner_signer = signer_from(&owner), granter_signer = signer_from(&granter);
	struct item_check check = {
		.statement_text = item->statement_text, .grant_text = item->grant_text, .owner = &owner_signer, .granter = &granter_signer,
		.user = acceptor->profile->user, .device = item->former != NULL ? item->former->device : acceptor->profile->device,
		.private_key = item->former != NULL ? &item->former->key : &acceptor->profile->encryption_key, .now = acceptor->now,
	};
	r = item_check(&check, &item->opened, &words);
	if (r < 0)
		return why_set(why, r, "%s", words != NULL ? words : error_text(r));
	strcpy(item->owner_device, owner.device);
	item->contact = pins_contact(acceptor->pins, statement->owner);
	pin_format(&owner.public_key, item->owner_pin);
	return 0;
}

int item_accept(const struct acceptor *acceptor, const json_t *json, const char *id, struct item *ret_item, struct why *why)
{
	struct item item = { 0 };
	uint8_t raw[ITEM_ID_BYTES];
	int r = read_envelope(json, id, &item, why);
	if (r == 0)
		r = read_texts(acceptor, json, &item, why);
	if (r == 0)
		r = check_item(acceptor, json, &item, why);
	if (r == 0 && (item_id_decode(span_from_string(item.id), raw) < 0 || memcmp(raw, item.opened.statement.item, sizeof(raw)) != 0))
		r = why_set(why, -SIS_ERR_MISMATCH, "the server gave the statement of another item");
	if (r == 0)
		r = item_accept_inline(&item, json, why);
	if (r == 0)
		*ret_item = item;
	else
		item_wipe(&item);
	return r;
}

static int fetch_manifest(struct session *session, struct item *item, struct why *why)
{
	CLEANUP_BLOB struct blob sealed = { 0 };
	char target[64];
	snprintf(target, sizeof(target), "/v1/items/%s/manifest", item->id);
	int r = session_get(session, target, (size_t)seal_sealed_size(MANIFEST_MAX_BYTES), &sealed, why);
	return r == 0 ? item_accept_manifest(item, &sealed, why) : r;
}

int item_fetch(const struct acceptor *acceptor, struct session *session, const char *id, struct item *ret_item, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	struct item item;
	char target[64];
	snprintf(target, sizeof(target), "/v1/items/%s?include=manifest", id);
	int r = session_get_json(session, target, ITEM_JSON_MAX, &json, why);
	if (r == 0)
		r = item_accept(acceptor, json, id, &item, why);
	if (r < 0)
		return r;
	if (!item.has_manifest)
		r = fetch_manifest(session, &item, why);
	if (r == 0)
		*ret_item = item;
	else
		item_wipe(&item);
	return r;
}

static int match_page(const json_t *items, const char *prefix, char ret_id[ITEM_ID_TEXT + 1], unsigned *n_found)
{
	size_t i;
	json_t *entry;
	uint8_t raw[ITEM_ID_BYTES];
	json_array_foreach((json_t *)(uintptr_t)items, i, entry) {
		const char *id = json_member_string(entry, "item");
		if (id == NULL || item_id_decode(span_from_string(id), raw) < 0)
			return -SIS_ERR_PROTOCOL;
		if (strncmp(id, prefix, strlen(prefix)) == 0 && ++*n_found == 1)
			strcpy(ret_id, id);
	}
	return 0;
}

int item_resolve(struct session *session, const char *prefix, char ret_id[ITEM_ID_TEXT + 1], struct why *why)
{
	char id[ITEM_ID_TEXT + 1] = "";
	unsigned n_found = 0;
	struct listing listing = { .session = session };
	if (!item_id_is_prefix(prefix))
		return why_set(why, -SIS_ERR_USAGE, "is not an item id: 1 to 26 of a-z 2-7, as \"sis list\" shows them");
	if (strlen(prefix) == ITEM_ID_TEXT) {
		strcpy(ret_id, prefix);
		return 0;
	}
	while (!listing.is_over && n_found < 2) {
		CLEANUP_JSON json_t *items = NULL;
		int r = listing_next(&listing, LISTING_PAGE_MAX, &items, why);
		if (r == 0 && match_page(items, prefix, id, &n_found) < 0)
			r = why_set(why, -SIS_ERR_PROTOCOL, "the server's list is malformed");
		if (r < 0)
			return r;
	}
	if (n_found != 1)
		return n_found == 0 ? why_set(why, -SIS_ERR_NO_ITEM, "no item that you may see starts so; see \"sis list --all\"")
		                    : why_set(why, -SIS_ERR_USAGE, "several items start so; give more of the id");
	strcpy(ret_id, id);
	return 0;
}
