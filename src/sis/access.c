/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who may read an item. What the server tells is believed only as far as the granters' signatures go; what we grant binds the statement that we verified
 * and the key that it commits to, so that no server makes us hand out another. */
#include "sis/access.h"

#include "sis/output.h"
#include "sis/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRANTS_JSON_MAX (64u << 20)
#define ACCESS_MAX 100000u
#define GIVE_AT_ONCE 64u                /* grants in one request (ARCHITECTURE.md, "The wire") */

void access_list_free(struct access_list *list)
{
	free(list->one);
	*list = (struct access_list){ 0 };
}

static int access_verify(const struct acceptor *acceptor, const json_t *certificates, const struct item *item, struct span text, const struct grant *grant,
                         struct why *why)
{
	struct certificate granter;
	int64_t revoked = 0;
	if (grant_belongs(grant, &item->opened.statement, item->opened.statement_hash) < 0)
		return why_set(why, -SIS_ERR_BAD_GRANT, "a grant for %s belongs to another item, or gives what its granter cannot", grant->recipient);
	int r = item_check_granter(acceptor, certificates, grant->granter_device, grant->granter, grant->time, &granter, &revoked, why);
	if (r == 0 && (r = grant_verify(text, grant, &granter.public_key)) < 0)
		why_set(why, r, "the grant for %s is not by %s, who it says made it", grant->recipient, grant->granter);
	return r;
}

static int access_read(const struct acceptor *acceptor, const json_t *certificates, const struct item *item, const json_t *json, struct access *ret_access,
                       struct why *why)
{
	struct grant grant;
	if (!json_is_string(json) || grant_parse(span_from_string(json_string_value(json)), &grant, NULL) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list of grants is malformed");
	struct access access = { .time = grant.time, .expires = grant.expires, .may_share = grant.may_share };
	strcpy(access.user, grant.recipient);
	strcpy(access.device, grant.device);
	strcpy(access.granter, grant.granter);
	access.error = access_verify(acceptor, certificates, item, span_from_string(json_string_value(json)), &grant, &access.why);
	*ret_access = access;
	return 0;
}

static int access_compare(const void *a, const void *b)
{
	const struct access *one = a, *other = b;
	int r = strcmp(one->user, other->user);
	return r != 0 ? r : strcmp(one->device, other->device);
}

int item_read_grants(const struct acceptor *acceptor, const struct item *item, const json_t *json, struct access_list *ret_list, struct why *why)
{
	CLEANUP_ACCESS struct access_list list = { 0 };
	const json_t *grants = json_object_get(json, "grants");
	int r = 0;
	if (!json_is_array(grants) || json_array_size(grants) > ACCESS_MAX)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list of grants is malformed");
	list.one = xcalloc(json_array_size(grants) + 1, sizeof(*list.one));
	for (size_t i = 0; i < json_array_size(grants) && r == 0; i++)
		r = access_read(acceptor, json_object_get(json, "certificates"), item, json_array_get(grants, i), &list.one[list.n++], why);
	if (r < 0)
		return r;
	qsort(list.one, list.n, sizeof(*list.one), access_compare);
	*ret_list = list;
	list = (struct access_list){ 0 };
	return 0;
}

int item_fetch_grants(const struct acceptor *acceptor, struct session *session, const struct item *item, struct access_list *ret_list, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	char target[64];
	snprintf(target, sizeof(target), "/v1/items/%s/grants", item->id);
	int r = session_get_json(session, target, GRANTS_JSON_MAX, &json, why);
	return r == 0 ? item_read_grants(acceptor, item, json, ret_list, why) : r;
}

/* ------------------------------------------------ giving ------------------------------------------------ */

static int access_make(const struct profile *profile, const struct item *item, const char *user, const struct person_device *device, int64_t expires,
                       bool may_share, struct builder *body)
{
	struct grant grant = { .time = time_now(), .expires = expires, .may_share = may_share };
	char text[GRANT_MAX_BYTES + 1];
	size_t size;
	memcpy(grant.item, item->opened.statement.item, sizeof(grant.item));
	memcpy(grant.statement, item->opened.statement_hash, sizeof(grant.statement));
	snprintf(grant.recipient, sizeof(grant.recipient), "%s", user);
	strcpy(grant.device, device->name);
	memcpy(grant.key, device->key, sizeof(grant.key));
	strcpy(grant.granter, profile->user);
	renewal_fingerprint(profile, grant.granter_device);
	int r = grant_wrap(&grant, &item->opened.file_key);
	if (r == 0)
		r = grant_write(&grant, &profile->key, text, &size);
	if (r == 0)
		builder_put_bytes(body, text, size);
	return r == 0 && body->failed ? -SIS_ERR_INTERNAL : r;
}

static int access_give_some(struct session *session, const struct item *item, const char *user, const struct person_device *devices, unsigned n,
                            int64_t expires, bool may_share, struct why *why)
{
	CLEANUP_FREE uint8_t *room = xcalloc(n, GRANT_MAX_BYTES);
	struct builder body = builder_from(room, (size_t)n * GRANT_MAX_BYTES);
	const struct http_client_header headers[] = { { "Content-Type", "text/plain" } };
	struct http_reply reply;
	char target[96];
	for (unsigned i = 0; i < n; i++) {
		int r = access_make(session_profile(session), item, user, &devices[i], expires, may_share, &body);
		if (r < 0)
			return why_set(why, r, "the grant for %s/%s cannot be made: %s", user, devices[i].name, error_text(r));
	}
	snprintf(target, sizeof(target), "/v1/items/%s/grants/%s", item->id, user);
	const struct http_call call = { .method = "PUT", .target = target, .headers = headers, .n_headers = 1, .body = body.data, .body_size = body.size };
	return session_call(session, &call, &reply, NULL, why);
}

int access_give(struct session *session, const struct item *item, const char *user, const struct person_device *devices, unsigned n_devices,
                int64_t expires, bool may_share, struct why *why)
{
	int r = 0;
	for (unsigned done = 0; done < n_devices && r == 0; done += GIVE_AT_ONCE) {
		unsigned left = n_devices - done;
		r = access_give_some(session, item, user, devices + done, left < GIVE_AT_ONCE ? left : GIVE_AT_ONCE, expires, may_share, why);
	}
	return r;
}

int access_end(struct session *session, const char *id, const char *user, struct why *why)
{
	struct http_reply reply;
	char target[96];
	snprintf(target, sizeof(target), "/v1/items/%s/grants/%s", id, user);
	const struct http_call call = { .method = "DELETE", .target = target };
	return session_call(session, &call, &reply, NULL, why);
}

/* ------------------------------------------------ words ------------------------------------------------ */

void access_until(int64_t expires, char ret_text[ACCESS_UNTIL_TEXT])
{
	char when[32];
	ret_text[0] = '\0';
	if (expires == 0)
		return;
	output_time(expires, when, sizeof(when));
	snprintf(ret_text, ACCESS_UNTIL_TEXT, "%s", when);
}

json_t *access_expires_json(int64_t expires)
{
	char text[TIME_TEXT + 1] = "";
	return expires != 0 && time_encode(expires, text) == 0 ? json_string(text) : json_null();
}

void access_describe(const struct item *item, json_t *json)
{
	const struct grant *grant = &item->opened.grant;
	json_object_set_new(json, "granter", json_string(grant->granter));
	json_object_set_new(json, "expires", access_expires_json(grant->expires));
	json_object_set_new(json, "may_share", json_boolean(grant->may_share));
}

void access_say_what_stays(const struct sis *sis)
{
	static atomic_bool said;
	if (!sis->json && !sis->quiet && !atomic_exchange(&said, true))
		output_note(sis, "what somebody has fetched cannot be recalled");
}
