/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An enrollment on its way, for the files that handle one: enroll.c (the requests, and invites), enroll_password.c, and enroll_certificate.c
 * (which device, and its certificate). */
#pragma once

#include "ledger/ledger.h"
#include "pki/pki.h"

#define PASSWORD_MAX 128
/* Of one device, not expired. Revoked, each stands in the revocation list, which must not become longer than a message. */
#define CERTIFICATES_MAX SIGNERS_MAX
#define TOO_MANY_CERTIFICATES "this device has too many certificates that are still valid: use the newest one"

/* Of one user, live. Whoever shares with him, or asks for him, gets all of them, and each enrollment looks at all. */
#define DEVICES_MAX 64
#define TOO_MANY_DEVICES "this user has 64 devices, and may not have more; ask the administrator to revoke one that is not used any more"

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

/* ---- enroll.c: how it ends ---- */
void enroll_free(struct enrollment *enrollment);
void enroll_answer(struct request request, int error, const char *detail, struct span certificate, uint32_t retry_after_s);
/* Says no, and ends the enrollment. A wrong code or password counts against the source. */
void enroll_refuse(struct enrollment *enrollment, int error, const char *detail);
/* Too many failures: says for how long to wait, and ends the enrollment. */
void enroll_let_wait(struct enrollment *enrollment, enum limit limit, const char *detail, uint32_t wait_s);

/* ---- enroll_certificate.c: the login was right ---- */
int  enroll_check_number(struct store_reader *reader, const struct enrollment *enrollment);     /* of a device's certificates: TOO_MANY */
void enroll_mint(struct enrollment *enrollment);                /* the device's name is settled: asks for the certificate, and stores it */
void enroll_name_device(struct enrollment *enrollment);         /* the invite's name, else the one asked for, else the next free "device-N" */

/* ---- enroll_password.c ---- */
/* Somebody new chooses a name and a password; who is known by a password enrolls another device with it. */
void enroll_by_password(struct enrollment *enrollment);
