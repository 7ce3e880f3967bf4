/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Putting a new item together. What was sealed is opened again before anybody is told that it is done: a fault in memory or in
 * our code must not lose the only copy that somebody thinks they have. */
#include "sis/compose.h"

#include "sis/chain.h"
#include "sis/groups.h"
#include "sis/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int person_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Splits "bob,carol", adds ourselves, sorts, drops repetitions. names point into text. */
static int audience_names(char *text, const char *self, const char *names[AUDIENCE_MAX + 1], unsigned *ret_n, struct why *why)
{
	unsigned n = 0, unique = 0;
	char *state = NULL;
	for (char *name = strtok_r(text, ", ", &state); name != NULL; name = strtok_r(NULL, ", ", &state)) {
		if (!name_is_valid(span_from_string(name)))
			return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" is not a valid user name: 1 to 32 of a-z 0-9 . _ -", name);
		if (n == AUDIENCE_MAX)
			return why_set(why, -SIS_ERR_TOO_LARGE, "these are more than %d people", AUDIENCE_MAX - 1);
		names[n++] = name;
	}
	if (n == 0)
		return why_set(why, -SIS_ERR_USAGE, "nobody is named to share with");
	names[n++] = self;
	qsort(names, n, sizeof(names[0]), person_compare);
	for (unsigned i = 0; i < n; i++) {
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	}
	if (unique > AUDIENCE_MAX)
		return why_set(why, -SIS_ERR_TOO_LARGE, "these are more than %d people", AUDIENCE_MAX - 1);
	*ret_n = unique;
	return 0;
}

/* Everybody, ourselves along with the first of the others. */
static int fetch_people(const struct sis *sis, struct session *session, struct pins *pins, const char **names, struct audience *audience, struct why *why)
{
	struct person *self = NULL;
	int r = 0;
	for (unsigned i = 0; i < audience->n_people; i++) {
		if (strcmp(names[i], session_profile(session)->user) == 0)
			self = &audience->people[i];
	}
	for (unsigned i = 0; r == 0 && i < audience->n_people; i++) {
		if (&audience->people[i] == self)
			continue;
		r = self->n_devices == 0 ? people_fetch_with_self(sis, session, pins, names[i], &audience->people[i], self, why)
		                         : people_fetch(sis, session, pins, names[i], &audience->people[i], why);
	}
	if (r == 0 && self->n_devices == 0)
		r = people_fetch(sis, session, pins, session_profile(session)->user, self, why);
	for (unsigned i = 0; i < audience->n_people; i++)
		audience->n_devices += audience->people[i].n_devices;
	return r;
}

int audience_fetch(const struct sis *sis, struct session *session, struct pins *pins, const char *to, struct audience *ret_audience, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE const char **names = xcalloc(AUDIENCE_MAX + 1, sizeof(*names));
	struct audience audience = { 0 };
	unsigned n = 0;
	int r = groups_expand(sis, session, pins, to, &text, why);
	if (r == 0)
		r = audience_names(text, session_profile(session)->user, names, &n, why);
	audience.people = xcalloc(n + 1, sizeof(*audience.people));
	if (r == 0) {
		audience.n_people = n;
		r = fetch_people(sis, session, pins, names, &audience, why);
	}
	if (r == 0 && audience.n_devices > GRANTS_MAX)
		r = why_set(why, -SIS_ERR_TOO_LARGE, "these people have more than %d devices together", GRANTS_MAX);
	if (r < 0)
		audience_free(&audience);
	else
		*ret_audience = audience;
	return r;
}

void audience_free(struct audience *audience)
{
	for (unsigned i = 0; i < audience->n_people; i++)
		person_free(&audience->people[i]);
	free(audience->people);
	*audience = (struct audience){ 0 };
}

char *audience_text(const struct audience *audience, const char *self)
{
	char *text = xcalloc(audience->n_people + 1, NAME_MAX_TEXT + 1), *at = text;
	for (unsigned i = 0; i < audience->n_people; i++) {
		if (audience->n_people == 1 || strcmp(audience->people[i].user, self) != 0)
			at += sprintf(at, "%s%s", at > text ? "," : "", audience->people[i].user);
	}
	return text;
}

int compose_begin(struct composed *ret_composed)
{
	struct composed composed = { 0 };
	int r = random_bytes(composed.id, sizeof(composed.id));
	if (r == 0)
		r = random_bytes(composed.file_key.bytes, sizeof(composed.file_key.bytes));
	if (r < 0)
		return r;
	seal_derive_keys(&composed.file_key, composed.id, &composed.keys);
	*ret_composed = composed;
	secret_wipe(&composed, sizeof(composed));
	return 0;
}

void composed_wipe(struct composed *composed)
{
	free(composed->prefix);
	secret_wipe(composed, sizeof(*composed));
}

static int self_check_failed(struct why *why)
{
	return why_set(why, -SIS_ERR_INTERNAL, "what was sealed did not open to the same bytes: this machine's memory or this program is broken; nothing was shared");
}

/* Sealed, and opened again. */
static int seal_small_part(const struct secret32 *key, const uint8_t *plain, size_t size, struct blob *ret_sealed, struct part_digest *ret_digest,
                           struct why *why)
{
	size_t sealed_size = (size_t)seal_sealed_size(size);
	CLEANUP_BLOB struct blob sealed = { xcalloc(1, sealed_size), sealed_size };
	CLEANUP_FREE uint8_t *opened = xcalloc(1, size + 1);
	int r = seal_part(key, plain, size, sealed.data, ret_digest->root);
	if (r == 0)
		r = seal_open_part(key, sealed.data, sealed.size, ret_digest->root, opened);
	if (r == 0 && memcmp(opened, plain, size) != 0)
		r = self_check_failed(why);
	secret_wipe(opened, size);
	if (r == 0) {
		ret_digest->size = sealed.size;
		*ret_sealed = sealed;
		sealed = (struct blob){ 0 };
	}
	return r;
}

static int seal_manifest(const struct seal_keys *keys, const struct manifest *manifest, struct blob *ret_sealed, struct part_digest *ret_digest,
                         struct why *why)
{
	uint8_t *plain = NULL;
	size_t size = 0;
	int r = manifest_write(manifest, &plain, &size);
	if (r < 0)
		return why_set(why, r, "name or caption cannot be written down: %s", error_text(r));
	r = seal_small_part(&keys->part[SEAL_MANIFEST], plain, size, ret_sealed, ret_digest, why);
	secret_wipe(plain, size);
	free(plain);
	return r;
}

/* An absent part has the root of nothing. */
static int seal_thumbnail(const struct seal_keys *keys, struct span thumbnail, struct blob *ret_sealed, struct part_digest *ret_digest, struct why *why)
{
	if (thumbnail.size > THUMBNAIL_MAX_BYTES)
		return why_set(why, -SIS_ERR_TOO_LARGE, "its thumbnail is larger than %u bytes", THUMBNAIL_MAX_BYTES);
	if (thumbnail.size > 0)
		return seal_small_part(&keys->part[SEAL_THUMBNAIL], thumbnail.data, thumbnail.size, ret_sealed, ret_digest, why);
	digest_sha256("", 0, ret_digest->root);
	return 0;
}

static void fill_statement(const struct profile *profile, const struct draft *draft, const struct composed *composed, struct statement *statement)
{
	const struct audience *audience = draft->audience;
	memcpy(statement->item, composed->id, sizeof(statement->item));
	statement->kind = draft->kind;
	strcpy(statement->owner, profile->user);
	renewal_fingerprint(profile, statement->device);
	statement->time = time_now();
	statement->part[SEAL_OBJECT] = composed->object;
	memcpy(statement->commitment, composed->keys.commitment, sizeof(statement->commitment));
	statement->n_audience = audience->n_people;
	for (unsigned i = 0; i < audience->n_people; i++)
		strcpy(statement->audience[i], audience->people[i].user);
}

static int make_grant(const struct profile *profile, const struct draft *draft, const struct composed *composed,
                      const uint8_t statement_hash[DIGEST_BYTES], int64_t time, const char *user, const struct person_device *device, char *ret_text,
                      size_t *ret_size)
{
	struct grant grant = { .time = time, .expires = draft->expires, .may_share = draft->may_share };
	memcpy(grant.item, composed->id, sizeof(grant.item));
	memcpy(grant.statement, statement_hash, sizeof(grant.statement));
	strcpy(grant.recipient, user);
	strcpy(grant.device, device->name);
	memcpy(grant.key, device->key, sizeof(grant.key));
	strcpy(grant.granter, profile->user);
	renewal_fingerprint(profile, grant.granter_device);
	int r = grant_wrap(&grant, &composed->file_key);
	return r == 0 ? grant_write(&grant, &profile->key, ret_text, ret_size) : r;
}

/* Our own grant opens to the key that sealed. Its signature, and the statement's, the server checks before it takes them. */
static int check_own_grant(const struct profile *profile, const struct composed *composed, struct span text, struct why *why)
{
	SECRET struct secret32 file_key;
	struct grant grant;
	int r = grant_parse(text, &grant, NULL);
	if (r == 0)
		r = grant_unwrap(text, &grant, &profile->encryption_key, &file_key);
	if (r == 0 && constant_time_compare(&file_key, &composed->file_key, sizeof(file_key)) != 0)
		r = -SIS_ERR_INTERNAL;
	return r < 0 ? self_check_failed(why) : 0;
}

struct grants {
	char *text;
	size_t size;
	unsigned n;
};

static int make_grants(const struct profile *profile, const struct draft *draft, const struct composed *composed, struct span statement, int64_t time,
                       struct grants *grants, struct why *why)
{
	const struct audience *audience = draft->audience;
	uint8_t hash[DIGEST_BYTES];
	bool own = false;
	digest_sha256(statement.data, statement.size, hash);
	for (unsigned i = 0; i < audience->n_people; i++) {
		const struct person *person = &audience->people[i];
		for (unsigned j = 0; j < person->n_devices; j++) {
			char *text = grants->text + grants->size;
			size_t size = 0;
			int r = make_grant(profile, draft, composed, hash, time, person->user, &person->devices[j], text, &size);
			bool ours = strcmp(person->user, profile->user) == 0 && strcmp(person->devices[j].name, profile->device) == 0;
			if (r == 0 && ours)
				r = check_own_grant(profile, composed, (struct span){ (uint8_t *)text, size }, why);
			if (r < 0)
				return r;
			own = own || ours;
			grants->size += size;
			grants->n++;
		}
	}
	return own ? 0 : why_set(why, -SIS_ERR_NO_KEY, "the server does not know this device's encryption key; publish it again with \"sis renew\"");
}

static int make_prefix(struct span statement, const struct grants *grants, const struct blob *manifest, const struct blob *thumbnail,
                       struct composed *composed)
{
	struct bundle_head head = { .statement_size = statement.size, .grants_size = grants->size, .n_grants = grants->n };
	char text[BUNDLE_HEAD_MAX_BYTES + 1];
	size_t head_size = 0;
	head.part_size[SEAL_MANIFEST] = manifest->size;
	head.part_size[SEAL_THUMBNAIL] = thumbnail->size;
	head.part_size[SEAL_OBJECT] = composed->object.size;
	int r = bundle_head_write(&head, text, sizeof(text), &head_size);
	if (r < 0)
		return r;
	composed->prefix_size = head_size + statement.size + grants->size + manifest->size + thumbnail->size;
	composed->prefix = xcalloc(1, composed->prefix_size);
	struct builder prefix = builder_from(composed->prefix, composed->prefix_size);
	builder_put_bytes(&prefix, text, head_size);
	builder_put_bytes(&prefix, statement.data, statement.size);
	builder_put_bytes(&prefix, grants->text, grants->size);
	builder_put_bytes(&prefix, manifest->data, manifest->size);
	builder_put_bytes(&prefix, thumbnail->data, thumbnail->size);
	return prefix.failed || bundle_part_offset(&head, SEAL_OBJECT) != composed->prefix_size ? -SIS_ERR_INTERNAL : 0;
}

int compose_finish(const struct profile *profile, const struct draft *draft, const struct part_digest *object, struct composed *composed, struct why *why)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	CLEANUP_FREE char *text = xcalloc(1, STATEMENT_MAX_BYTES + 1);
	CLEANUP_FREE char *grants_text = xcalloc(draft->audience->n_devices + 1, GRANT_MAX_BYTES);
	CLEANUP_BLOB struct blob manifest = { 0 }, thumbnail = { 0 };
	struct grants grants = { .text = grants_text };
	size_t size = 0;
	composed->object = *object;
	fill_statement(profile, draft, composed, statement);
	int r = seal_manifest(&composed->keys, draft->manifest, &manifest, &statement->part[SEAL_MANIFEST], why);
	if (r == 0)
		r = seal_thumbnail(&composed->keys, draft->thumbnail, &thumbnail, &statement->part[SEAL_THUMBNAIL], why);
	if (r == 0)
		r = chain_sign(profile, statement, text, &size, why);
	struct span signed_text = { (uint8_t *)text, size };
	if (r == 0)
		r = make_grants(profile, draft, composed, signed_text, statement->time, &grants, why);
	return r == 0 ? make_prefix(signed_text, &grants, &manifest, &thumbnail, composed) : r;
}
