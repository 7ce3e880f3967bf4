/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One running digest for each algorithm that was named. */
#include "worker/upload_check.h"

#include "base/error.h"
#include "worker/digest_fields.h"
#include "worker/tus_fields.h"

#include <stdlib.h>
#include <string.h>

struct upload_check { struct hash *hash[HASH_ALGORITHMS]; struct digest_fields wanted; };

/* A digest in each of two fields for one algorithm must be the same digest, or the bytes could never hold. */
static int add_checksum(const char *field, struct digest_fields *wanted)
{
	enum hash_algorithm algorithm;
	uint8_t digest[HASH_BYTES_MAX];
	int r = field != NULL ? tus_field_checksum(field, &algorithm, digest) : 0;
	if (r < 0 || field == NULL)
		return r;
	if (wanted->has[algorithm] && memcmp(wanted->digest[algorithm], digest, hash_bytes(algorithm)) != 0)
		return -SIS_ERR_BAD_FORMAT;
	wanted->has[algorithm] = true;
	memcpy(wanted->digest[algorithm], digest, hash_bytes(algorithm));
	return 0;
}

int upload_check_new(const struct http_request *request, bool is_tus, struct upload_check **ret_check)
{
	struct digest_fields wanted;
	int r = digest_fields_parse(http_request_header(request, "Content-Digest"), &wanted);
	if (r == 0 && is_tus)
		r = add_checksum(http_request_header(request, "Upload-Checksum"), &wanted);
	if (r < 0)
		return r;
	struct upload_check *check = NULL;
	for (int i = 0; i < HASH_ALGORITHMS; i++) {
		if (!wanted.has[i])
			continue;
		if (check == NULL && (check = calloc(1, sizeof(*check))) == NULL)
			return -SIS_ERR_NO_MEMORY;
		check->wanted = wanted;
		if ((check->hash[i] = hash_new((enum hash_algorithm)i)) == NULL) {
			upload_check_free(check);
			return -SIS_ERR_NO_MEMORY;
		}
	}
	*ret_check = check;
	return 0;
}

void upload_check_add(struct upload_check *check, const uint8_t *data, size_t size)
{
	for (int i = 0; i < HASH_ALGORITHMS; i++)
		if (check->hash[i] != NULL)
			hash_add(check->hash[i], data, size);
}

bool upload_check_holds(struct upload_check *check)
{
	for (int i = 0; i < HASH_ALGORITHMS; i++) {
		uint8_t digest[HASH_BYTES_MAX];
		if (check->hash[i] == NULL)
			continue;
		hash_end(check->hash[i], digest);
		if (memcmp(digest, check->wanted.digest[i], hash_bytes((enum hash_algorithm)i)) != 0)
			return false;
	}
	return true;
}

void upload_check_free(struct upload_check *check)
{
	if (check == NULL)
		return;
	for (int i = 0; i < HASH_ALGORITHMS; i++)
		hash_free(check->hash[i]);
	free(check);
}
