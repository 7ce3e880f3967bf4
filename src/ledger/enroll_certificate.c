/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The certificate of an enrollment or a renewal: which device it is for, whether that may have one, and the rows, in one transaction. */
#include "ledger/enroll.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

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

int enroll_check_number(struct store_reader *reader, const struct enrollment *enrollment)
{
	struct enroll_count count = { .now = enrollment->now };
	int r = store_list_device_certificates(reader, enrollment->device_id, enroll_count, &count);
	return r == 0 && count.n >= CERTIFICATES_MAX ? -SIS_ERR_TOO_MANY : r;
}

/* So few that nobody's devices make an answer, or an enrollment, a burden for all others. */
static int enroll_check_devices(struct store_reader *reader, const struct enrollment *enrollment)
{
	uint64_t n;
	int r = store_count_devices(reader, enrollment->user_id, &n);
	return r == 0 && n >= DEVICES_MAX ? -SIS_ERR_NOT_ALLOWED : r;
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
	if (r == 0 && !enrollment->renewal)
		r = enroll_check_devices(store_as_reader(writer), enrollment);
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
		                     error == -SIS_ERR_TOO_MANY ? TOO_MANY_CERTIFICATES :
		                     error == -SIS_ERR_NOT_ALLOWED ? TOO_MANY_DEVICES : NULL;
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

void enroll_mint(struct enrollment *enrollment)
{
	if (clock_makes_no_certificates()) {
		enroll_refuse(enrollment, -SIS_ERR_UNAVAILABLE, "the server's clock has jumped, so no certificate is made: try again later, or tell the administrator");
		return;
	}
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
	int r = enrollment->new_user ? 0 : enroll_check_devices(ledger.view, enrollment);
	if (r == 0 && !enrollment->new_user)
		r = enroll_find_key(ledger.view, enrollment);
	if (r == 0)
		enroll_mint(enrollment);
	else
		enroll_refuse(enrollment, r, r == -SIS_ERR_CONFLICT ? "this key is that of another device: a new device needs a key of its own" :
		              r == -SIS_ERR_NOT_ALLOWED ? TOO_MANY_DEVICES : NULL);
}

void enroll_name_device(struct enrollment *enrollment)
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
