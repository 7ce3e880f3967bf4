/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vector files. */
#include "vector.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(uint8_t **data, size_t *size, const void *more, size_t more_size)
{
	*data = realloc(*data, *size + more_size + 1);
	if (!*data)
		abort();
	memcpy(*data + *size, more, more_size);
	*size += more_size;
}

static bool load_who(char *value, char *ret_name, struct item_signer *ret_signer)
{
	char *state, *user = strtok_r(value, " ", &state), *algorithm = strtok_r(NULL, " ", &state);
	char *key = strtok_r(NULL, " ", &state), *certificate = strtok_r(NULL, " ", &state);

	if (!certificate || !span_to_string(span_from_string(user), ret_name, NAME_MAX_TEXT + 1))
		return false;
	ret_signer->user = ret_name;
	ret_signer->key.algorithm = strcmp(algorithm, "ed25519") ? KEY_ECDSA_P256 : KEY_ED25519;
	return hex_decode(span_from_string(key), ret_signer->key.bytes, public_key_size(ret_signer->key.algorithm)) == 0 &&
	       hex_decode(span_from_string(certificate), ret_signer->fingerprint, DIGEST_BYTES) == 0;
}

static bool load_field(struct vector *v, const char *name, char *value)
{
	const struct span span = span_from_string(value);

	if (!strcmp(name, "kind"))
		return span_to_string(span, v->kind, sizeof(v->kind));
	if (!strcmp(name, "expected"))
		return span_to_string(span, v->expected, sizeof(v->expected));
	if (!strcmp(name, "released"))
		return span_to_string(span, v->released, sizeof(v->released));
	if (!strcmp(name, "now"))
		return time_decode(span, &v->now) == 0;
	if (!strcmp(name, "user"))
		return span_to_string(span, v->user, sizeof(v->user));
	if (!strcmp(name, "device"))
		return span_to_string(span, v->device, sizeof(v->device));
	if (!strcmp(name, "private-key"))
		return hex_decode(span, v->private_key.bytes, sizeof(v->private_key.bytes)) == 0;
	if (!strcmp(name, "owner"))
		return load_who(value, v->owner_name, &v->owner);
	if (!strcmp(name, "granter"))
		return load_who(value, v->granter_name, &v->granter);
	return !strcmp(name, "comment");
}

/* "from FILE OFFSET SIZE", beside the vector itself. */
static bool load_slice(struct vector *v, const char *path, const char *value)
{
	const int directory_size = (int)(strrchr(path, '/') ? strrchr(path, '/') + 1 - path : 0);
	char name[128], other_path[4096];
	size_t offset, size;
	struct vector other;
	bool fits;

	if (sscanf(value, "%127s %zu %zu", name, &offset, &size) != 3)
		return false;
	snprintf(other_path, sizeof(other_path), "%.*s%s", directory_size, path, name);
	if (!vector_load(other_path, &other))
		return false;
	fits = offset <= other.size && size <= other.size - offset;
	if (fits)
		append(&v->data, &v->size, other.data + offset, size);
	vector_free(&other);
	return fits;
}

static bool load_line(struct vector *v, const char *path, char *line, bool *in_body)
{
	char *colon = strstr(line, ": ");

	if (!*in_body && !*line) {
		*in_body = true;
		return true;
	}
	if (!*in_body) {
		if (!colon)
			return false;
		*colon = '\0';
		return load_field(v, line, colon + 2);
	}
	if (!strncmp(line, "base64 ", 7)) {
		uint8_t piece[512];
		const size_t size = strlen(line + 7) * 3 / 4;

		if (size > sizeof(piece) || base64_decode(span_from_string(line + 7), piece, size) < 0)
			return false;
		append(&v->data, &v->size, piece, size);
		return true;
	}
	return !*line || (!strncmp(line, "from ", 5) && load_slice(v, path, line + 5));
}

bool vector_load(const char *path, struct vector *ret_vector)
{
	struct vector v = { 0 };
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	bool good = file != NULL, in_body = false;
	ssize_t n;

	while (good && (n = getline(&line, &capacity, file)) > 0) {
		line[n - 1] = '\0';
		good = load_line(&v, path, line, &in_body);
	}
	if (!good || !in_body)
		fprintf(stderr, "%s: not a vector near \"%.40s\"\n", path, line ? line : "");
	free(line);
	if (file)
		fclose(file);
	append(&v.data, &v.size, "", 0);
	if (!good || !in_body) {
		vector_free(&v);
		return false;
	}
	*ret_vector = v;
	/* The signers' names live in the vector itself. */
	ret_vector->owner.user = ret_vector->owner_name;
	ret_vector->granter.user = ret_vector->granter_name;
	return true;
}

void vector_free(struct vector *vector)
{
	free(vector->data);
	vector->data = NULL;
}

static void write_who(FILE *file, const char *field, const struct item_signer *signer)
{
	char key[2 * KEY_PUBLIC_MAX + 1], fingerprint[2 * DIGEST_BYTES + 1];

	hex_encode(signer->key.bytes, public_key_size(signer->key.algorithm), key);
	hex_encode(signer->fingerprint, DIGEST_BYTES, fingerprint);
	fprintf(file, "%s: %s %s %s %s\n", field, signer->user, key_algorithm_name(signer->key.algorithm), key, fingerprint);
}

bool vector_write(const char *path, const char *comment, const struct vector *v)
{
	char time[TIME_TEXT + 1], private_key[65], piece[BASE64_SIZE(96) + 1];
	FILE *file = fopen(path, "we");

	if (!file || time_encode(v->now, time) < 0)
		return false;
	hex_encode(v->private_key.bytes, 32, private_key);
	fprintf(file, "comment: %s\nkind: %s\nexpected: %s\nreleased: %s\nnow: %s\nuser: %s\ndevice: %s\nprivate-key: %s\n", comment, v->kind,
	        v->expected, v->released, time, v->user, v->device, private_key);
	write_who(file, "owner", &v->owner);
	write_who(file, "granter", &v->granter);
	fprintf(file, "\n");
	for (size_t at = 0; at < v->size; at += 96) {
		base64_encode(v->data + at, v->size - at < 96 ? v->size - at : 96, piece);
		fprintf(file, "base64 %s\n", piece);
	}
	return fclose(file) == 0;
}

/* ------------------------------------------------------------------ reading what a vector holds, as sis-item(5) says */

struct released { uint8_t *data; size_t size; };

static int keep(const uint8_t *data, size_t size, void *arg)
{
	struct released *released = arg;

	append(&released->data, &released->size, data, size);
	return 0;
}

static int open_part(const struct vector *v, const struct bundle_head *head, const struct item_opened *opened, enum seal_part part,
                     uint64_t content_size, struct released *released)
{
	__attribute__((cleanup(part_reader_freep))) struct part_reader *reader = NULL;
	const uint8_t *sealed = v->data + bundle_part_offset(head, part);
	const uint64_t size = head->part_size[part];
	int r;

	if (!size)
		return 0;
	r = part_reader_new(&opened->keys.part[part], &opened->statement.part[part], content_size, keep, released, &reader);
	/* Pieces of odd sizes, so that chunks are gathered as well as taken whole. */
	for (uint64_t at = 0, piece = 1; r == 0 && at < size; at += piece, piece = piece * 3 + 1) {
		if (piece > size - at)
			piece = size - at;
		r = part_reader_feed(reader, sealed + at, piece);
	}
	return r ? r : part_reader_finish(reader);
}

static int open_parts(const struct vector *v, const struct bundle_head *head, const struct item_opened *opened, struct released *released)
{
	struct released manifest_plain = { 0 }, thumbnail = { 0 };
	struct manifest manifest;
	int r = open_part(v, head, opened, SEAL_MANIFEST, UINT64_MAX, &manifest_plain);

	if (r == 0)
		r = manifest_parse((struct span){ manifest_plain.data, manifest_plain.size }, &manifest, NULL);
	if (r == 0)
		r = item_check_sizes(&opened->statement, &manifest);
	if (r == 0)
		r = open_part(v, head, opened, SEAL_THUMBNAIL, UINT64_MAX, &thumbnail);
	if (r == 0)
		r = open_part(v, head, opened, SEAL_OBJECT, manifest.size, released);
	free(manifest_plain.data);
	free(thumbnail.data);
	return r;
}

static int read_bundle(const struct vector *v, struct released *released)
{
	__attribute__((cleanup(item_opened_wipe))) struct item_opened opened;
	struct item_check check = { .owner = &v->owner, .granter = &v->granter, .user = v->user, .device = v->device,
	                            .private_key = &v->private_key, .now = v->now };
	struct bundle_head head;
	struct span grants;
	int r = bundle_head_parse((struct span){ v->data, v->size }, &head, NULL);

	if (r == -SIS_ERR_AGAIN || (r == 0 && bundle_size(&head) != v->size))
		return -SIS_ERR_BAD_FORMAT;
	if (r < 0)
		return r;
	check.statement_text = (struct span){ v->data + head.head_size, head.statement_size };
	grants = (struct span){ v->data + head.head_size + head.statement_size, head.grants_size };
	r = item_check_statement(check.statement_text, &v->owner, &opened.statement, NULL);
	if (r == 0)
		r = bundle_head_matches(&head, &opened.statement);
	if (r == 0)
		r = grants_find(grants, head.n_grants, v->user, v->device, &check.grant_text, NULL);
	if (r == 0)
		r = item_check(&check, &opened, NULL);
	return r < 0 ? r : open_parts(v, &head, &opened, released);
}

static int read_key_statement(const struct vector *v)
{
	const struct span text = { v->data, v->size };
	struct key_statement key;
	int r = key_statement_parse(text, &key, NULL);

	if (r < 0)
		return r;
	if (strcmp(key.user, v->owner.user) || memcmp(key.certificate, v->owner.fingerprint, DIGEST_BYTES) || strcmp(key.device, v->device))
		return -SIS_ERR_MISMATCH;
	return key_statement_verify(text, &key, &v->owner.key);
}

static int read_endorsement(const struct vector *v)
{
	const struct span text = { v->data, v->size };
	struct endorsement endorsement;
	int r = endorsement_parse(text, &endorsement, NULL);

	if (r < 0)
		return r;
	if (strcmp(endorsement.user, v->user) || strcmp(endorsement.device, v->device) || endorsement.endorser.algorithm != v->owner.key.algorithm ||
	    memcmp(endorsement.endorser.bytes, v->owner.key.bytes, public_key_size(v->owner.key.algorithm)))
		return -SIS_ERR_MISMATCH;
	return endorsement_verify(text, &endorsement);
}

static int read_group(const struct vector *v)
{
	const struct span text = { v->data, v->size };
	struct group group;
	int r = group_parse(text, &group, NULL);

	if (r < 0)
		return r;
	if (strcmp(group.owner, v->owner.user) || memcmp(group.device, v->owner.fingerprint, DIGEST_BYTES))
		return -SIS_ERR_MISMATCH;
	return group_verify(text, &group, &v->owner.key);
}

static const struct { const char *kind; int (*read)(const struct vector *vector); } texts[] = {
	{ "key", read_key_statement }, { "endorsement", read_endorsement }, { "group", read_group },
};

static int read_any(const struct vector *v, struct released *released)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(v->kind, texts[i].kind))
			return texts[i].read(v);
	return read_bundle(v, released);
}

const char *vector_outcome(const struct vector *vector, char ret_released[2 * DIGEST_BYTES + 1])
{
	struct released released = { 0 };
	uint8_t digest[DIGEST_BYTES];
	int r = read_any(vector, &released);

	digest_sha256(released.data ? released.data : (const uint8_t *)"", released.size, digest);
	hex_encode(digest, sizeof(digest), ret_released);
	free(released.data);
	return r ? error_name(r) : "OK";
}
