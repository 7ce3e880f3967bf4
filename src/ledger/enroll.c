/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Enrollment (RFC 7030 behind the worker): who may have a certificate, which one, and the row without which it is worth nothing. An invite is used up
 * in the transaction that stores the certificate: whatever fails before leaves it good, and of two who use it at once one wins. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"
#include "format/item.h"
#include "pki/pki.h"

#include <crypt.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MIN 8
#define PASSWORD_MAX 128
#define PASSWORDS_MAX_QUEUED 32
/* Of one device, not expired. Revoked, each stands in the revocation list, which must not become longer than a message. */
#define CERTIFICATES_MAX SIGNERS_MAX
#define TOO_MANY_CERTIFICATES "this device has too many certificates that are still valid: use the newest one"
/* yescrypt takes 16 MiB each time: so many at once. */
#define PASSWORDS_MAX_RUNNING 2

struct enrollment {
	struct change change;
	struct job job;                         /* for the password */
	struct request request;
	struct enrollment *next;                /* waiting for the password's turn */
	bool renewal, new_user;                 /* renewal: the device is there, and gets one more certificate */
	int64_t invite_id;                      /* 0: by password, or a renewal with the certificate before */
	int64_t user_id, device_id, now;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], peer[80];
	uint8_t key_algorithm, public_key[KEY_PUBLIC_MAX];
	size_t public_key_size;
	char password[PASSWORD_MAX + 1], hash[STORE_PASSWORD_MAX];     /* hash: the one that is stored, or becomes so */
	bool password_right;
	uint8_t der[CERTIFICATE_MAX_BYTES];
	struct store_certificate certificate;
	uint8_t serial[SERIAL_MAX];
	struct device_news news;
};

static struct {
	struct enrollment *first, **last;
	unsigned n_queued, n_running;
} passwords = { .last = &passwords.first };

static void enroll_free(struct enrollment *enrollment)
{
	secret_wipe(enrollment, sizeof(*enrollment));
	free(enrollment);
}

static void enroll_answer(struct request request, int error, const char *detail, struct span certificate, uint32_t retry_after_s)
{
	struct channel *channel = peers_find(request.peer);
	struct message_enrolled message = {
		.status = (uint32_t)-error, .detail = span_from_string(detail), .certificate = certificate, .retry_after_s = retry_after_s,
	};
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, enrolled, ENROLLED, &message);
}

/* Says no, and ends the enrollment. A wrong code or password counts against the source. */
static void enroll_refuse(struct enrollment *enrollment, int error, const char *detail)
{
	const char *reason = detail != NULL ? detail : error_text(error);
	if (error == -SIS_ERR_BAD_LOGIN || error == -SIS_ERR_EXPIRED)
		attempts_add(ATTEMPTS_SOURCE, enrollment->peer);
	audit_refusal(&LOG(ENROLL_REFUSED, .user = enrollment->user, .device = enrollment->device, .peer = enrollment->peer, .reason = reason));
	enroll_answer(enrollment->request, error, detail, (struct span){ NULL, 0 }, 0);
	enroll_free(enrollment);
}

/* Too many failures: says for how long to wait, and ends the enrollment. */
static void enroll_let_wait(struct enrollment *enrollment, uint32_t wait_s)
{
	audit_refusal(&LOG(ENROLL_REFUSED, .user = enrollment->user, .peer = enrollment->peer, .reason = error_text(SIS_ERR_TOO_MANY)));
	enroll_answer(enrollment->request, -SIS_ERR_TOO_MANY, NULL, (struct span){ NULL, 0 }, wait_s);
	enroll_free(enrollment);
}

static int enroll_run_event(struct store_writer *writer, struct enrollment *enrollment)
{
	if (enrollment->renewal)
		return audit_write(writer, &LOG(RENEWED, .user = enrollment->user, .device = enrollment->device, .peer = enrollment->peer));
	return audit_write(writer, &LOG(ENROLLED, .user = enrollment->user, .device = enrollment->device, .peer = enrollment->peer));
}

struct enroll_count { int64_t now; unsigned n; };

static int enroll_count(const struct store_certificate *certificate, void *arg)
{
	struct enroll_count *count = arg;
	count->n += certificate->not_after > count->now;
	return 0;
}

static int enroll_check_number(struct store_reader *reader, const struct enrollment *enrollment)
{
	struct enroll_count count = { .now = enrollment->now };
	int r = store_list_device_certificates(reader, enrollment->device_id, enroll_count, &count);
	return r == 0 && count.n >= CERTIFICATES_MAX ? -SIS_ERR_TOO_MANY : r;
}

struct enroll_key { const struct enrollment *enrollment; bool is_other, newest_is_same; };

static int enroll_compare_key(const struct store_certificate *stored, void *arg)
{
	struct enroll_key *search = arg;
	const struct enrollment *enrollment = search->enrollment;
	struct certificate certificate;
	int r = certificate_parse(stored->der, &certificate);
	if (r < 0)
		return r;
	bool same = certificate.public_key.algorithm == (enum key_algorithm)enrollment->key_algorithm &&
	            memcmp(certificate.public_key.bytes, enrollment->public_key, enrollment->public_key_size) == 0;
	/* The list goes by device, and each device's certificates from the oldest on: the last one of this device stands. */
	if (strcmp(stored->device, enrollment->device) == 0)
		search->newest_is_same = same && stored->state == STORE_LIVE;
	else if (same)
		search->is_other = true;
	return 0;
}

/* Whose the key is that a certificate is asked for by invite or password. 1: of this live device's newest certificate, so it is the device itself, which
 * was restored or let its certificate expire. A key that was replaced is not taken up again: why it was, nobody knows here. 0: nobody's of this user.
 * CONFLICT: another device's. One key would then be two devices, and what is signed with it by either. */
static int enroll_find_key(struct store_reader *reader, const struct enrollment *enrollment)
{
	struct enroll_key search = { .enrollment = enrollment };
	int r = store_list_certificates(reader, enrollment->user, enroll_compare_key, &search);
	return r < 0 ? r : search.newest_is_same ? 1 : search.is_other ? -SIS_ERR_CONFLICT : 0;
}

/* The world may have changed since the certificate was asked for: everything that decides is looked at again, in the transaction. */
static int enroll_check_again(struct store_writer *writer, struct enrollment *enrollment)
{
	struct store_user user;
	enum store_state state;
	int64_t device_id;
	if (enrollment->new_user)
		return store_add_user(writer, enrollment->user, enrollment->hash, enrollment->now, &enrollment->user_id);
	int r = store_find_user(store_as_reader(writer), enrollment->user, &user);
	if (r == 0 && (user.state != STORE_LIVE || user.user_id != enrollment->user_id))
		r = user.state == STORE_DISABLED ? -SIS_ERR_DISABLED : -SIS_ERR_REVOKED;
	if (r == 0 && enrollment->renewal) {
		r = store_find_device(store_as_reader(writer), user.user_id, enrollment->device, &device_id, &state);
		if (r == 0 && (state != STORE_LIVE || device_id != enrollment->device_id))
			r = -SIS_ERR_REVOKED;
		if (r == 0)
			r = enroll_check_number(store_as_reader(writer), enrollment);
		if (r == 0 && enrollment->invite_id != 0)
			r = enroll_find_key(store_as_reader(writer), enrollment) == 1 ? 0 : -SIS_ERR_CONFLICT;
	}
	return r;
}

static int enroll_run(struct store_writer *writer, struct change *change)
{
	struct enrollment *enrollment = (struct enrollment *)change;
	int r = enroll_check_again(writer, enrollment);
	if (r == 0 && enrollment->invite_id != 0)
		r = store_use_invite(writer, enrollment->invite_id, enrollment->now);
	if (r == 0 && !enrollment->renewal)
		r = store_add_device(writer, enrollment->user_id, enrollment->device, enrollment->now, &enrollment->device_id);
	enrollment->certificate.device_id = enrollment->device_id;
	if (r == 0)
		r = store_add_certificate(writer, &enrollment->certificate);
	if (r == 0)
		r = devices_tell(writer, enrollment->user_id, enrollment->device, enrollment->renewal ? DEVICE_RENEWED : DEVICE_ENROLLED, &enrollment->news);
	return r < 0 ? r : enroll_run_event(writer, enrollment);
}

static void enroll_done(struct completion *completion)
{
	struct enrollment *enrollment = (struct enrollment *)completion;
	int error = enrollment->change.result;
	callers_forget();
	if (error < 0) {
		const char *detail = error == -SIS_ERR_CONFLICT ? "the invite was used, or the device enrolled, by somebody else just now" :
		                     error == -SIS_ERR_EXISTS ? "somebody else just took this name" :
		                     error == -SIS_ERR_TOO_MANY ? TOO_MANY_CERTIFICATES : NULL;
		enroll_refuse(enrollment, error, detail);
		return;
	}
	struct log_args event = { .event = enrollment->renewal ? EVENT_RENEWED : EVENT_ENROLLED, .user = enrollment->user,
	                          .device = enrollment->device, .peer = enrollment->peer };
	log_event(&event);
	publish(enrollment->news.sequence, &enrollment->news.told);
	enroll_answer(enrollment->request, 0, NULL, enrollment->certificate.der, 0);
	enroll_free(enrollment);
}

static void enroll_minted(const struct message_minted *minted, void *arg)
{
	struct enrollment *enrollment = arg;
	int error = minted == NULL ? -SIS_ERR_UNAVAILABLE : -(int)minted->status;
	if (error == 0 && (minted->certificate.size > CERTIFICATE_MAX_BYTES || minted->serial.size > SERIAL_MAX))
		error = -SIS_ERR_INTERNAL;
	if (error < 0) {
		enroll_refuse(enrollment, error, "no certificate could be made");
		return;
	}
	memcpy(enrollment->der, minted->certificate.data, minted->certificate.size);
	memcpy(enrollment->serial, minted->serial.data, minted->serial.size);
	enrollment->certificate = (struct store_certificate){
		.der = { enrollment->der, minted->certificate.size }, .serial = { enrollment->serial, minted->serial.size },
		.not_before = minted->not_before, .not_after = minted->not_after,
	};
	memcpy(enrollment->certificate.fingerprint, minted->fingerprint, STORE_FINGERPRINT_BYTES);
	enrollment->change.run = enroll_run;
	enrollment->change.completion.done = enroll_done;
	transact_submit(&enrollment->change);
}

/* The device's name is settled: ask for the certificate. */
static void enroll_mint(struct enrollment *enrollment)
{
	struct message_mint mint = {
		.user = span_from_string(enrollment->user), .device = span_from_string(enrollment->device), .key_algorithm = enrollment->key_algorithm,
		.public_key = { enrollment->public_key, enrollment->public_key_size }, .lifetime_s = ledger.conf.certificate_lifetime_s,
	};
	signer_mint(&mint, enroll_minted, enrollment);
}

static void enroll_refuse_name(struct enrollment *enrollment, enum store_state state)
{
	enroll_refuse(enrollment, -SIS_ERR_EXISTS, state == STORE_LIVE ? "this user has a device of that name, with another key: choose another name, or renew it" :
	              "this user had a device of that name, which was revoked: choose another name");
}

/* The device is there: for the key that it has, it gets another certificate. */
static void enroll_again(struct enrollment *enrollment, int64_t device_id, enum store_state state)
{
	int r = state == STORE_LIVE ? enroll_find_key(ledger.view, enrollment) : 0;
	if (r != 1) {
		enroll_refuse_name(enrollment, state);
		return;
	}
	enrollment->renewal = true;
	enrollment->device_id = device_id;
	r = enroll_check_number(ledger.view, enrollment);
	if (r == 0)
		enroll_mint(enrollment);
	else
		enroll_refuse(enrollment, r, r == -SIS_ERR_TOO_MANY ? TOO_MANY_CERTIFICATES : NULL);
}

static void enroll_new_device(struct enrollment *enrollment)
{
	int r = enrollment->new_user ? 0 : enroll_find_key(ledger.view, enrollment);
	if (r == 0)
		enroll_mint(enrollment);
	else
		enroll_refuse(enrollment, r, r == -SIS_ERR_CONFLICT ? "this key is that of another device: a new device needs a key of its own" : NULL);
}

/* The invite's name, else the one asked for, else the next free "device-N". */
static void enroll_name_device(struct enrollment *enrollment)
{
	int64_t device_id;
	enum store_state state;
	int r = -SIS_ERR_NO_INPUT;
	if (enrollment->device[0] == '\0' && enrollment->new_user)
		snprintf(enrollment->device, sizeof(enrollment->device), "device-1");
	else if (enrollment->device[0] == '\0')
		r = store_free_device_name(ledger.view, enrollment->user_id, enrollment->device) < 0 ? -SIS_ERR_IO : -SIS_ERR_NO_INPUT;
	else if (!enrollment->new_user)
		r = store_find_device(ledger.view, enrollment->user_id, enrollment->device, &device_id, &state);
	if (r == -SIS_ERR_NO_INPUT)
		enroll_new_device(enrollment);
	else if (r == 0)
		enroll_again(enrollment, device_id, state);
	else
		enroll_refuse(enrollment, r, NULL);
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

/* ------------------------------------------------ by password ------------------------------------------------ */

static void enroll_password_work(struct job *job)
{
	struct enrollment *enrollment = (struct enrollment *)((char *)job - offsetof(struct enrollment, job));
	void *data = NULL;
	int size = 0;
	char *setting = enrollment->new_user ? crypt_gensalt_ra("$y$", 0, NULL, 0) : strdup(enrollment->hash);
	const char *hash = setting != NULL ? crypt_ra(enrollment->password, setting, &data, &size) : NULL;
	size_t length = hash != NULL && hash[0] != '*' ? strlen(hash) : 0;
	if (length > 0 && length < sizeof(enrollment->hash)) {
		if (enrollment->new_user)
			memcpy(enrollment->hash, hash, length + 1);
		enrollment->password_right = strlen(enrollment->hash) == length && constant_time_compare(enrollment->hash, hash, length) == 0;
	}
	if (data != NULL)
		secret_wipe(data, (size_t)size);
	free(data);
	free(setting);
}

static void enroll_password_next(void);

static void enroll_password_done(struct completion *completion)
{
	struct job *job = (struct job *)completion;
	struct enrollment *enrollment = (struct enrollment *)((char *)job - offsetof(struct enrollment, job));
	secret_wipe(enrollment->password, sizeof(enrollment->password));
	passwords.n_running--;
	enroll_password_next();
	/* It was counted as a failure before, so that many guesses at once do not slip through. */
	attempts_forgive(ATTEMPTS_SOURCE, enrollment->peer);
	if (enrollment->password_right && !enrollment->new_user)
		attempts_forgive(ATTEMPTS_NAME, enrollment->user);
	if (enrollment->password_right)
		enroll_name_device(enrollment);
	else
		enroll_refuse(enrollment, -SIS_ERR_BAD_LOGIN, NULL);
}

static void enroll_password_next(void)
{
	while (passwords.first != NULL && passwords.n_running < PASSWORDS_MAX_RUNNING) {
		struct enrollment *enrollment = passwords.first;
		passwords.first = enrollment->next;
		if (passwords.first == NULL)
			passwords.last = &passwords.first;
		passwords.n_queued--;
		passwords.n_running++;
		enrollment->job.work = enroll_password_work;
		enrollment->job.completion.done = enroll_password_done;
		pool_submit(&enrollment->job);
	}
}

/* Somebody new chooses a name and a password; who is known by a password enrolls another device with it. */
static void enroll_by_password(struct enrollment *enrollment)
{
	struct store_user user;
	/* Said before it is looked whether there is such a user. */
	if (strlen(enrollment->password) < PASSWORD_MIN) {
		enroll_refuse(enrollment, -SIS_ERR_NOT_ALLOWED, "a password needs at least 8 characters");
		return;
	}
	int r = store_find_user(ledger.view, enrollment->user, &user);
	enrollment->new_user = r == -SIS_ERR_NO_USER;
	uint32_t wait_s = r == 0 ? attempts_wait_s(ATTEMPTS_NAME, enrollment->user) : 0;
	/* Before it is known whether it is right, so that many guesses at once do not slip through. */
	if (r == 0 && wait_s == 0)
		attempts_add(ATTEMPTS_NAME, enrollment->user);
	if (wait_s > 0)
		enroll_let_wait(enrollment, wait_s);
	else if (r == 0 && (user.state != STORE_LIVE || user.password[0] == '\0'))
		enroll_refuse(enrollment, -SIS_ERR_BAD_LOGIN, NULL);
	else if (r < 0 && !enrollment->new_user)
		enroll_refuse(enrollment, r, NULL);
	else if (passwords.n_queued >= PASSWORDS_MAX_QUEUED)
		enroll_refuse(enrollment, -SIS_ERR_BUSY, NULL);
	else {
		if (r == 0) {
			enrollment->user_id = user.user_id;
			memcpy(enrollment->hash, user.password, sizeof(user.password));
		}
		secret_wipe(&user, sizeof(user));
		attempts_add(ATTEMPTS_SOURCE, enrollment->peer);
		*passwords.last = enrollment;
		passwords.last = &enrollment->next;
		passwords.n_queued++;
		enroll_password_next();
	}
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
		enroll_let_wait(enrollment, wait_s);
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
