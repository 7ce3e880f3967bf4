/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Enrollment (RFC 7030 behind the worker): who may have a certificate, which one, and the row without which it is worth nothing. An invite is used up
 * in the transaction that stores the certificate: whatever fails before leaves it good, and of two who use it at once one wins. */
#include "ledger/enroll.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"
#include "format/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------ how it ends ------------------------------------------------ */

void enroll_free(struct enrollment *enrollment)
{
	secret_wipe(enrollment, sizeof(*enrollment));
	free(enrollment);
}

void enroll_answer(struct request request, int error, const char *detail, struct span certificate, uint32_t retry_after_s)
{
	struct channel *channel = peers_find(request.peer);
	struct message_enrolled message = {
		.status = (uint32_t)-error, .detail = span_from_string(detail), .certificate = certificate, .retry_after_s = retry_after_s,
	};
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, enrolled, ENROLLED, &message);
}

void enroll_refuse(struct enrollment *enrollment, int error, const char *detail)
{
	const char *reason = detail != NULL ? detail : error_text(error);
	if (error == -SIS_ERR_BAD_LOGIN || error == -SIS_ERR_EXPIRED)
		attempts_add(ATTEMPTS_SOURCE, enrollment->peer);
	audit_refusal(&LOG(ENROLL_REFUSED, .user = enrollment->user, .device = enrollment->device, .peer = enrollment->peer, .reason = reason));
	enroll_answer(enrollment->request, error, detail, (struct span){ NULL, 0 }, 0);
	enroll_free(enrollment);
}

void enroll_let_wait(struct enrollment *enrollment, enum limit limit, const char *detail, uint32_t wait_s)
{
	char reason[256];
	limits_hit(limit);
	limit_describe(limit, NULL, reason, sizeof(reason));
	audit_refusal(&LOG(ENROLL_REFUSED, .user = enrollment->user, .peer = enrollment->peer, .reason = reason));
	enroll_answer(enrollment->request, -SIS_ERR_TOO_MANY, detail, (struct span){ NULL, 0 }, wait_s);
	enroll_free(enrollment);
}

/* ------------------------------------------------ by invite ------------------------------------------------ */

static bool enroll_names_equal(const char *a, const char *b)
{
	char first[NAME_MAX_TEXT + 1] = "", second[NAME_MAX_TEXT + 1] = "";
	snprintf(first, sizeof(first), "%s", a);
	snprintf(second, sizeof(second), "%s", b);
	return constant_time_compare(first, second, sizeof(first)) == 0;
}

/* 0 when the password is a good invite of this user; NO_INPUT when it is no code at all. */
static int enroll_find_invite(struct enrollment *enrollment, const char **ret_detail)
{
	uint8_t hash[STORE_CODE_HASH_BYTES];
	struct store_invite invite;
	if (strlen(enrollment->password) != ITEM_ID_TEXT)
		return -SIS_ERR_NO_INPUT;
	digest_sha256(enrollment->password, ITEM_ID_TEXT, hash);
	int r = store_find_invite(ledger.view, hash, &invite);
	if (r < 0)
		return r == -SIS_ERR_BAD_LOGIN ? -SIS_ERR_NO_INPUT : r;
	if (!enroll_names_equal(invite.user, enrollment->user))
		return -SIS_ERR_BAD_LOGIN;
	if (invite.user_state != STORE_LIVE)
		return invite.user_state == STORE_DISABLED ? -SIS_ERR_DISABLED : -SIS_ERR_REVOKED;
	if (invite.used != 0) {
		*ret_detail = "this invite was used already: ask the administrator for another one";
		return -SIS_ERR_BAD_LOGIN;
	}
	if (invite.expires <= time_now()) {
		*ret_detail = "this invite has expired: ask the administrator for another one";
		return -SIS_ERR_EXPIRED;
	}
	enrollment->invite_id = invite.invite_id;
	enrollment->user_id = invite.user_id;
	if (invite.device[0] != '\0')
		memcpy(enrollment->device, invite.device, sizeof(invite.device));
	return 0;
}

/* ------------------------------------------------ the requests ------------------------------------------------ */

static int enroll_set_key(struct enrollment *enrollment, uint8_t algorithm, struct span public_key)
{
	bool known = algorithm == KEY_ED25519 || algorithm == KEY_ECDSA_P256;
	if (!known || public_key.size != public_key_size((enum key_algorithm)algorithm))
		return -SIS_ERR_NOT_ALLOWED;
	enrollment->key_algorithm = algorithm;
	enrollment->public_key_size = public_key.size;
	memcpy(enrollment->public_key, public_key.data, public_key.size);
	return 0;
}

static struct enrollment *enroll_new(struct request request, struct span peer)
{
	struct enrollment *enrollment = calloc(1, sizeof(*enrollment));
	if (enrollment == NULL) {
		enroll_answer(request, -SIS_ERR_NO_MEMORY, NULL, (struct span){ NULL, 0 }, 0);
		return NULL;
	}
	enrollment->request = request;
	enrollment->now = time_now();
	span_to_string(peer, enrollment->peer, sizeof(enrollment->peer));
	return enrollment;
}

static int enroll_read(struct enrollment *enrollment, const struct message_enroll *message)
{
	if (!name_is_valid(message->user) || (message->device.size != 0 && !name_is_valid(message->device)))
		return -SIS_ERR_BAD_NAME;
	span_to_string(message->user, enrollment->user, sizeof(enrollment->user));
	span_to_string(message->device, enrollment->device, sizeof(enrollment->device));
	if (message->password.size == 0 || !span_to_string(message->password, enrollment->password, sizeof(enrollment->password)))
		return -SIS_ERR_BAD_LOGIN;
	return enroll_set_key(enrollment, message->key_algorithm, message->public_key);
}

void enroll_handle_enroll(struct request request, const struct message_enroll *message)
{
	struct enrollment *enrollment = enroll_new(request, message->peer);
	if (enrollment == NULL)
		return;
	uint32_t wait_s = attempts_wait_s(ATTEMPTS_SOURCE, enrollment->peer);
	if (wait_s > 0) {
		span_to_string(message->user, enrollment->user, sizeof(enrollment->user));
		enroll_let_wait(enrollment, LIMIT_ENROLL_PER_SOURCE, "too many enrollments from this address have failed: wait, then use the right code", wait_s);
		return;
	}
	const char *detail = NULL;
	int r = enroll_read(enrollment, message);
	if (r == 0)
		r = enroll_find_invite(enrollment, &detail);
	if (r == 0)
		enroll_name_device(enrollment);
	else if (r == -SIS_ERR_NO_INPUT && ledger.conf.open_registration)
		enroll_by_password(enrollment);
	else
		enroll_refuse(enrollment, r == -SIS_ERR_NO_INPUT ? -SIS_ERR_BAD_LOGIN : r, detail);
}

/* A worker's word is enough for the same key again, which is of no use to a worker; that a new key is the device's own, only the old one can say. */
static int enroll_check_key(const struct enrollment *enrollment, const struct message_renew *message, const char **ret_detail)
{
	struct public_key old_key, new_key = { .algorithm = (enum key_algorithm)enrollment->key_algorithm };
	int r = callers_find_key(message->caller, &old_key);
	if (r < 0)
		return r;
	memcpy(new_key.bytes, enrollment->public_key, enrollment->public_key_size);
	if (old_key.algorithm == new_key.algorithm && memcmp(old_key.bytes, new_key.bytes, enrollment->public_key_size) == 0)
		return 0;
	if (rekey_proof_verify(message->proof, &old_key, message->caller, &new_key) == 0)
		return 0;
	*ret_detail = message->proof.size == 0 ? "a new key needs the old key's signature: see Sis-Rekey-Proof in sisd(8)" :
	              "the proof is not the old key's signature over the new key: see Sis-Rekey-Proof in sisd(8)";
	return -SIS_ERR_NOT_ALLOWED;
}

void enroll_handle_renew(struct request request, const struct message_renew *message)
{
	struct enrollment *enrollment = enroll_new(request, message->peer);
	if (enrollment == NULL)
		return;
	struct store_caller caller = { 0 };
	const char *detail = NULL;
	enrollment->renewal = true;
	int r = callers_find(message->caller, &caller);
	enrollment->user_id = caller.user_id;
	enrollment->device_id = caller.device_id;
	memcpy(enrollment->user, caller.user, sizeof(caller.user));
	memcpy(enrollment->device, caller.device, sizeof(caller.device));
	if (r == 0)
		r = enroll_set_key(enrollment, message->key_algorithm, message->public_key);
	if (r == 0)
		r = enroll_check_key(enrollment, message, &detail);
	if (r == 0 && (r = enroll_check_number(ledger.view, enrollment)) == -SIS_ERR_TOO_MANY)
		detail = TOO_MANY_CERTIFICATES;
	if (r == 0)
		enroll_mint(enrollment);
	else
		enroll_refuse(enrollment, r, detail);
}
