/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MINT and SIGN_CRL, for the ledger alone. What is signed is built here from checked parts: the ledger decides for whom, never what bytes. */
#include "signer/signer.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define LIFETIME_MAX_S (1095ULL * 86400)        /* as certificate_lifetime in conf/options.def */
#define CRL_ENTRY_MIN_BYTES (1 + 1 + 8 + 1)
#define CRL_LIFETIME_MAX_S (366LL * 86400)
#define REPLY_OVERHEAD_BYTES 64

/* --- MINT --- */

static int check_request(const struct message_mint *request, char user[NAME_MAX_TEXT + 1], char device[NAME_MAX_TEXT + 1], struct public_key *key)
{
	if (!name_is_valid(request->user) || !span_to_string(request->user, user, NAME_MAX_TEXT + 1) || !name_is_valid(request->device) ||
	    !span_to_string(request->device, device, NAME_MAX_TEXT + 1))
		return -SIS_ERR_BAD_NAME;
	if (request->key_algorithm != KEY_ED25519 && request->key_algorithm != KEY_ECDSA_P256)
		return -SIS_ERR_NOT_ALLOWED;
	if (request->public_key.size != public_key_size(request->key_algorithm))
		return -SIS_ERR_BAD_FORMAT;
	if (request->lifetime_s == 0 || request->lifetime_s > LIFETIME_MAX_S)
		return -SIS_ERR_NOT_ALLOWED;
	*key = (struct public_key){ .algorithm = request->key_algorithm };
	memcpy(key->bytes, request->public_key.data, request->public_key.size);
	return 0;
}

static int mint(const struct signer *signer, const struct message_mint *request, struct blob *ret_der, struct certificate *ret_certificate)
{
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	struct public_key key;
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	int r = check_request(request, user, device, &key);
	if (r == 0)
		r = pki_ca_issue_device(signer->ca, &key, user, device, request->lifetime_s, &der);
	if (r == 0)
		r = certificate_parse((struct span){ der.data, der.size }, ret_certificate);
	if (r < 0)
		return r;
	*ret_der = der;
	der = (struct blob){ NULL, 0 };
	return 0;
}

void mint_certificate(struct signer *signer, struct channel_packet *packet)
{
	struct message_mint request;
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	struct certificate certificate = { 0 };
	if (message_mint_decode(&packet->payload, &request) < 0)
		return;
	int r = mint(signer, &request, &der, &certificate);
	struct message_minted reply = { .status = (uint32_t)-r };
	if (r == 0) {
		reply.certificate = (struct span){ der.data, der.size };
		reply.serial = (struct span){ certificate.serial, certificate.serial_size };
		reply.not_before = certificate.not_before;
		reply.not_after = certificate.not_after;
		memcpy(reply.fingerprint, certificate.fingerprint, sizeof(reply.fingerprint));
	}
	CHANNEL_SEND(signer->ledger, packet->id, minted, MINTED, &reply);
}

/* --- SIGN_CRL --- */

static struct crl_entry read_entry(struct cursor *cursor)
{
	struct crl_entry entry = { .serial_size = cursor_get_u8(cursor) };
	if (entry.serial_size == 0 || entry.serial_size > SERIAL_MAX)
		cursor_fail(cursor);
	struct span serial = cursor_get_bytes(cursor, entry.serial_size);
	if (!cursor->failed)
		memcpy(entry.serial, serial.data, serial.size);
	entry.time = (int64_t)cursor_get_u64(cursor);
	entry.reason = cursor_get_u8(cursor);
	return entry;
}

static int read_entries(struct span bytes, struct crl_entry **ret_entries, size_t *ret_n)
{
	size_t capacity = bytes.size / CRL_ENTRY_MIN_BYTES + 1, n = 0;
	struct crl_entry *entries = calloc(capacity, sizeof(*entries));
	if (entries == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct cursor cursor = cursor_from(bytes.data, bytes.size);
	while (cursor_left(&cursor) > 0 && !cursor.failed && n < capacity)
		entries[n++] = read_entry(&cursor);
	if (!cursor_done(&cursor)) {
		free(entries);
		return -SIS_ERR_BAD_FORMAT;
	}
	*ret_entries = entries;
	*ret_n = n;
	return 0;
}

/* Also those that were succeeded: who knows only them believes no other list. */
static const struct pki_ca *find_generation(const struct signer *signer, const uint8_t fingerprint[FINGERPRINT_BYTES])
{
	for (unsigned i = 0; i < signer->n_generations; i++) {
		const struct generation *generation = &signer->generations[i];
		if (authorities_find((struct span){ generation->root.data, generation->root.size }, fingerprint, NULL))
			return generation->ca;
	}
	return NULL;
}

static int sign_crl(const struct signer *signer, const struct message_sign_crl *request, struct blob *ret_crl)
{
	struct crl_entry *entries;
	size_t n;
	const struct pki_ca *ca = find_generation(signer, request->authority);
	if (ca == NULL || request->this_update < 0 || request->next_update <= request->this_update ||
	    request->next_update - request->this_update > CRL_LIFETIME_MAX_S)
		return -SIS_ERR_NOT_ALLOWED;
	int r = read_entries(request->entries, &entries, &n);
	if (r < 0)
		return r;
	r = pki_ca_issue_crl(ca, request->number, request->this_update, request->next_update, entries, n, ret_crl);
	free(entries);
	if (r == 0 && ret_crl->size > MESSAGE_MAX_BYTES - REPLY_OVERHEAD_BYTES) {
		blob_free(ret_crl);
		return -SIS_ERR_TOO_LARGE;
	}
	return r;
}

void mint_crl(struct signer *signer, struct channel_packet *packet)
{
	struct message_sign_crl request;
	CLEANUP_BLOB struct blob crl = { NULL, 0 };
	if (message_sign_crl_decode(&packet->payload, &request) < 0)
		return;
	int r = sign_crl(signer, &request, &crl);
	struct message_crl_signed reply = { .status = (uint32_t)-r, .crl = { crl.data, crl.size } };
	CHANNEL_SEND(signer->ledger, packet->id, crl_signed, CRL_SIGNED, &reply);
}
