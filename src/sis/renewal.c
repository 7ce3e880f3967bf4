/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Renewing a certificate. */
#include "sis/renewal.h"

#include "sis/enroll.h"
#include "sis/output.h"
#include "sis/profile_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its time is that of the last try; it is locked during one. */
#define TRIED_FILE "renewal"
/* There while the encryption key is not published under the newest certificate. */
#define UNPUBLISHED_FILE "unpublished"
#define TRY_EVERY_S 3600

static const struct sis *allowed;
static atomic_bool tried;

int renewal_mark_unpublished(const struct profile *profile)
{
	return file_write_atomic(profile->dir_fd, UNPUBLISHED_FILE, "", 0, 0600);
}

void renewal_mark_published(const struct profile *profile)
{
	unlinkat(profile->dir_fd, UNPUBLISHED_FILE, 0);
}

static bool is_published(const struct profile *profile)
{
	return faccessat(profile->dir_fd, UNPUBLISHED_FILE, F_OK, 0) < 0;
}

int renewal_lock(const struct profile *profile, int *ret_fd, struct why *why)
{
	int r = profile_lock(profile, TRIED_FILE, ret_fd);
	return r < 0 ? why_set(why, r, "nothing was asked for, because the profile cannot be written: %s", error_text(r)) : 0;
}

/* One that was chosen before, when the answer never came, goes first: the server may have certified it, and tells it to others as ours. */
static int choose_key(struct profile *profile, struct signing_key *ret_key)
{
	struct why ignored = { "" };
	int r = profile_read_signing_key(profile, PROFILE_NEXT_KEY, ret_key, &ignored);
	return r == 0 ? 0 : signing_key_generate(KEY_ED25519, ret_key);
}

/* What is asked for is this device's certificate: under another name of ours, what is signed from then on would look to others as that device's. */
static int check_device(const struct profile *profile, const struct blob *certificate, struct why *why)
{
	struct certificate facts;
	int r = certificate_parse((struct span){ certificate->data, certificate->size }, &facts);
	if (r < 0 || strcmp(facts.device, profile->device) == 0)
		return r;
	return why_set(why, -SIS_ERR_MISMATCH, "the server gave a certificate for the device \"%s\" instead of \"%s\"; the one before stays, tell the administrator",
	               facts.device, profile->device);
}

/* Everything that needs room in the profile comes before the server makes a certificate, which it tells to everybody at once. */
static int ask_certificate(struct profile *profile, const struct signing_key *key, const struct http_client_header *proof, struct blob *ret_certificate,
                           struct why *why)
{
	struct http_client *client = NULL;
	bool was_published = is_published(profile);
	int r = profile_prepare_certificate(profile, proof != NULL ? key : NULL, why);
	if (r == 0)
		r = renewal_mark_unpublished(profile);
	if (r == 0)
		r = enroll_client(profile, NULL, true, &client);
	if (r == 0)
		r = enroll_request(client, "/.well-known/est/simplereenroll", proof, profile, key, ret_certificate, why);
	if (r == 0)
		r = check_device(profile, ret_certificate, why);
	http_client_free(client);
	if (r < 0 && was_published)
		renewal_mark_published(profile);
	return r;
}

static int take_certificate(struct profile *profile, const struct signing_key *new_key, struct blob *certificate, struct why *why)
{
	int r = profile_replace_certificate(profile, new_key, (struct span){ certificate->data, certificate->size }, why);
	if (r < 0)
		return r;
	if (new_key != NULL)
		profile->key = *new_key;
	blob_free(&profile->certificate);
	profile->certificate = *certificate;
	*certificate = (struct blob){ 0 };
	return certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts);
}

int renewal_renew(struct profile *profile, bool new_key, struct why *why)
{
	struct signing_key key = profile->key;
	char proof[REKEY_PROOF_TEXT + 1];
	const struct http_client_header header = { "Sis-Rekey-Proof", proof };
	CLEANUP_BLOB struct blob certificate = { 0 };
	int r = new_key ? choose_key(profile, &key) : 0;
	if (r == 0 && new_key)
		r = rekey_proof_make(&profile->key, profile->facts.fingerprint, &key.public_key, proof);
	if (r == 0)
		r = ask_certificate(profile, &key, new_key ? &header : NULL, &certificate, why);
	if (r == 0)
		r = take_certificate(profile, new_key ? &key : NULL, &certificate, why);
	signing_key_wipe(&key);
	return r;
}

int renewal_publish(const struct profile *profile, struct why *why)
{
	struct http_client *client = NULL;
	struct why inner = { "" };
	int r = enroll_client(profile, NULL, true, &client);
	if (r == 0)
		r = enroll_publish_key(client, profile, &inner);
	http_client_free(client);
	if (r < 0)
		return why_set(why, r, "the certificate is renewed, but the encryption key is not published yet (%.300s); run \"sis renew\" again",
		               why_text(&inner, r));
	renewal_mark_published(profile);
	return 0;
}

bool renewal_is_due(const struct certificate *facts, int64_t now)
{
	return now >= facts->not_before + (facts->not_after - facts->not_before) / 3 * 2;
}

void renewal_allow(const struct sis *sis)
{
	allowed = sis;
}

/* The lock of this hour's try; -1 when somebody had or has it. */
static int claim(const struct profile *profile)
{
	CLEANUP_FD int fd = openat(profile->dir_fd, TRIED_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat status;
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0)
		return -1;
	int64_t age_s = time_now() - status.st_mtime;
	if (status.st_size > 0 && age_s >= 0 && age_s < TRY_EVERY_S)
		return -1;
	return fd_pwrite_all(fd, "\n", 1, 0) == 0 && futimens(fd, NULL) == 0 ? fd_take(&fd) : -1;
}

bool renewal_find_newer(const struct profile *profile, struct blob *ret_der, struct certificate *ret_facts)
{
	struct certificate facts;
	CLEANUP_BLOB struct blob der = { 0 };
	if (profile_load_certificate(profile, &der) < 0 || certificate_parse((struct span){ der.data, der.size }, &facts) < 0 ||
	    facts.not_after <= profile->facts.not_after || memcmp(&facts.public_key, &profile->key.public_key, sizeof(facts.public_key)) != 0)
		return false;
	*ret_der = der;
	*ret_facts = facts;
	der = (struct blob){ 0 };
	return true;
}

void renewal_fingerprint(const struct profile *profile, uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	struct certificate facts = profile->facts;
	CLEANUP_BLOB struct blob der = { 0 };
	if (profile->dir_fd >= 0 && renewal_is_due(&facts, time_now()))
		(void)renewal_find_newer(profile, &der, &facts);
	memcpy(ret_fingerprint, facts.fingerprint, FINGERPRINT_BYTES);
}

static bool take_newer(struct profile *profile)
{
	struct certificate facts;
	CLEANUP_BLOB struct blob der = { 0 };
	if (!renewal_find_newer(profile, &der, &facts))
		return false;
	blob_free(&profile->certificate);
	profile->certificate = der;
	profile->facts = facts;
	der = (struct blob){ 0 };
	return true;
}

static void tell(const struct profile *profile, bool is_renewed, int error, const struct why *why)
{
	char until[32];
	output_time(profile->facts.not_after, until, sizeof(until));
	if (error == 0 && allowed->quiet)
		return;
	if (!is_renewed)
		output_warning(allowed, error < 0 ? "the encryption key could not be published: %s; see \"sis doctor\"" : "the encryption key is published%s",
		               error < 0 ? why_text(why, error) : "");
	else if (error < 0)
		output_warning(allowed, "the certificate, which holds until %s, could not be renewed: %s; see \"sis doctor\"", until, why_text(why, error));
	else
		output_warning(allowed, "the certificate was renewed, and holds until %s", until);
}

static void renew_claimed(struct profile *profile)
{
	struct why why = { "" };
	int r = 0;
	bool is_due = !take_newer(profile) && renewal_is_due(&profile->facts, time_now());
	if (is_due)
		r = renewal_renew(profile, false, &why);
	if (r == 0 && !is_published(profile)) {
		r = renewal_publish(profile, &why);
		tell(profile, is_due, r, &why);
	} else if (r < 0 && r != -SIS_ERR_INTERRUPTED) {
		tell(profile, true, r, &why);
	}
}

static bool has_work(const struct profile *profile)
{
	return renewal_is_due(&profile->facts, time_now()) || !is_published(profile);
}

void renewal_after_session(const struct profile *profile)
{
	if (allowed == NULL || profile->dir_fd < 0 || atomic_load(&sis_cancelled) || !has_work(profile) || atomic_exchange(&tried, true))
		return;
	CLEANUP_FD int lock = claim(profile);
	if (lock < 0)
		return;
	/* Other threads go on with the profile as it was, which the server takes until it ends. */
	struct profile copy = *profile;
	copy.certificate = (struct blob){ xcalloc(1, profile->certificate.size), profile->certificate.size };
	memcpy(copy.certificate.data, profile->certificate.data, profile->certificate.size);
	renew_claimed(&copy);
	blob_free(&copy.certificate);
	signing_key_wipe(&copy.key);
	secret32_wipe(&copy.encryption_key);
}

void renewal_tick(const struct profile *profile)
{
	static _Atomic int64_t next;
	int64_t now = time_now(), due = atomic_load(&next);
	if (now < due || !atomic_compare_exchange_strong(&next, &due, now + TRY_EVERY_S))
		return;
	atomic_store(&tried, false);
	renewal_after_session(profile);
}
