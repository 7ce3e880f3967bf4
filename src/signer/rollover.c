/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The authority's successor (RFC 4210 §4.4): a new key, certified by the one before under the same name. The ledger may ask for it, and gets no more than
 * that it is done: it can neither choose the key nor have one signed that is not made here, and it can have it done once a day at most. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S 86400

static unsigned count_living(const struct signer *signer, int64_t now)
{
	unsigned n = 0;
	for (unsigned i = 0; i < signer->n_generations; i++)
		n += signer->generations[i].not_after > now;
	return n;
}

/* NULL, or why not. */
static const char *refusal(const struct signer *signer, int64_t now)
{
	const struct generation *last = &signer->generations[signer->n_generations - 1];
	if (signer->next_fd < 0)
		return "the successor's key cannot be stored: the file \"next\" could not be made in keys/ at the start, or was used since; restart sisd, whose log may say more";
	if (now < last->not_before)
		return "the authority in force begins in the future, so the clock is not to be trusted";
	if (now - last->not_before < DAY_S)
		return "the authority in force is younger than a day: try again tomorrow";
	if (last->not_after <= now)
		return "the authority in force has ended, so nobody believes what it signs: see \"a new authority\" in sisctl(8)";
	if (count_living(signer, now) >= GENERATIONS_LIVING_MAX)
		return "four generations are alive already: wait until one ends";
	if (signer->n_generations == GENERATIONS_MAX)
		return "keys/ holds eight generations already: move those that have ended elsewhere, and restart sisd";
	return NULL;
}

/* Certificates first, the key last: a file with a key is whole. */
static int write_next(int fd, const struct pki_ca *ca, const struct blob *cross)
{
	SECRET_HEAP struct secret *key = NULL;
	CLEANUP_BLOB struct blob root = { NULL, 0 }, between = { NULL, 0 };
	int r = pki_ca_export(ca, &key, &root);
	if (r == 0)
		r = certificate_to_pem((struct span){ cross->data, cross->size }, &between);
	if (r == 0 && ftruncate(fd, 0) < 0)
		r = error_from_errno(errno);
	if (r == 0)
		r = fd_pwrite_all(fd, root.data, root.size, 0);
	if (r == 0)
		r = fd_pwrite_all(fd, between.data, between.size, root.size);
	if (r == 0)
		r = fd_pwrite_all(fd, secret_peek(key), secret_size(key), root.size + between.size);
	if (r == 0 && fsync(fd) < 0)
		r = error_from_errno(errno);
	/* What is left of it is no key, and is written over or thrown away. */
	if (r < 0 && ftruncate(fd, 0) < 0)
		return r;
	return r;
}

static void log_rollover(const struct signer *signer)
{
	uint8_t fingerprints[2][FINGERPRINT_BYTES];
	char hex[2][2 * FINGERPRINT_BYTES + 1], until[TIME_TEXT + 1] = "?", detail[256];
	for (unsigned i = 0; i < 2; i++) {
		const struct blob *root = &signer->generations[signer->n_generations - 1 - i].root;
		certificate_fingerprint((struct span){ root->data, root->size }, fingerprints[i]);
		hex_encode(fingerprints[i], FINGERPRINT_BYTES, hex[i]);
	}
	time_encode(signer->generations[signer->n_generations - 2].not_after, until);
	snprintf(detail, sizeof(detail), "%s succeeds %s, which holds until %s", hex[0], hex[1], until);
	log_event(&LOG(CA_ROLLOVER, .detail = detail));
}

static int make(struct signer *signer, const char **ret_reason)
{
	struct pki_ca *ca = NULL;
	CLEANUP_BLOB struct blob root = { NULL, 0 }, cross = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	*ret_reason = "the successor's key cannot be made";
	int r = pki_ca_create_successor(signer->ca, signer->ca_lifetime_s, &ca);
	if (r == 0)
		r = pki_ca_certificate(ca, &root, fingerprint);
	if (r == 0)
		r = pki_ca_cross_sign(signer->ca, (struct span){ root.data, root.size }, &cross);
	if (r == 0) {
		*ret_reason = "the successor's key cannot be written into keys/: is the disk full or read-only?";
		r = write_next(signer->next_fd, ca, &cross);
	}
	if (r == 0)
		r = generations_add(signer, ca, &cross);
	if (r < 0)
		pki_ca_free(ca);
	return r;
}

int rollover_begin(struct signer *signer, const char **ret_reason)
{
	const char *reason = refusal(signer, time_now());
	if (reason != NULL) {
		*ret_reason = reason;
		return -SIS_ERR_NOT_ALLOWED;
	}
	int r = make(signer, ret_reason);
	if (r < 0)
		return r;
	/* From here on it is durable: whatever fails now is mended by the next start. */
	signer->next_fd = fd_close(signer->next_fd);
	log_rollover(signer);
	/* Whoever resumes would not be shown the new chain. */
	(void)random_bytes(signer->ticket_key, sizeof(signer->ticket_key));
	rollover_tell_ledger(signer);
	if (identity_make(signer, &reason) < 0)
		log_event(&LOG(TLS_IDENTITY_KEPT, .reason = reason));
	return 0;
}

void rollover_answer(struct signer *signer, struct channel_packet *packet)
{
	struct message_roll_over request;
	const char *reason = "";
	if (message_roll_over_decode(&packet->payload, &request) < 0)
		return;
	int r = rollover_begin(signer, &reason);
	struct message_rolled_over reply = { .status = (uint32_t)-r, .detail = span_from_string(r < 0 ? reason : "") };
	CHANNEL_SEND(signer->ledger, packet->id, rolled_over, ROLLED_OVER, &reply);
}

void rollover_tell_ledger(struct signer *signer)
{
	const struct blob *root = &signer->generations[signer->n_generations - 1].root;
	struct message_ca message = { .certificate = { root->data, root->size }, .bundle = { signer->bundle.data, signer->bundle.size } };
	certificate_fingerprint(message.certificate, message.fingerprint);
	CHANNEL_SEND(signer->ledger, 0, ca, CA, &message);
}
