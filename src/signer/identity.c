/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the workers present: a key that is made here and lives in memory only, certified by our own CA; and, to clients that do not know this CA,
 * somebody else's from files. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

void identity_wipe(struct identity *identity)
{
	signing_key_wipe(&identity->key);
	blob_free(&identity->chain);
	*identity = (struct identity){ 0 };
}

const struct identity *identity_find(const struct signer *signer, uint32_t generation)
{
	const struct identity *known[] = { &signer->identity, &signer->previous, &signer->external, &signer->external_previous };
	for (size_t i = 0; generation != 0 && i < ARRAY_SIZE(known); i++) {
		if (known[i]->generation == generation)
			return known[i];
	}
	return NULL;
}

/* --- into force --- */

static void log_in_force(const struct identity *identity, const char *origin)
{
	char until[TIME_TEXT + 1] = "?", detail[128];
	time_encode(identity->not_after, until);
	struct builder text = builder_from(detail, sizeof(detail) - 1);
	builder_printf(&text, "%s, %s, until %s", origin, key_algorithm_name(identity->key.public_key.algorithm), until);
	detail[text.size] = '\0';
	log_event(&LOG(TLS_IDENTITY, .detail = detail));
}

static void put_in_force(struct signer *signer, struct identity *slot, struct identity *previous, struct identity *identity, const char *origin)
{
	identity->generation = ++signer->generation;
	identity_wipe(previous);
	*previous = *slot;
	*slot = *identity;
	*identity = (struct identity){ 0 };
	log_in_force(slot, origin);
	identity_announce_all(signer);
}

void identity_drop_external(struct signer *signer)
{
	if (signer->external.generation == 0)
		return;
	identity_wipe(&signer->external_previous);
	signer->external_previous = signer->external;
	signer->external = (struct identity){ 0 };
	identity_announce_all(signer);
}

void identity_announce(struct signer *signer, struct channel *worker)
{
	CLEANUP_BLOB struct blob ca = { NULL, 0 };
	const struct identity *identity = &signer->identity, *external = &signer->external;
	if (identity->generation == 0 || generations_roots(signer, &ca) < 0)
		return;
	struct message_tls_identity message = {
		.generation = identity->generation,
		.key_algorithm = identity->key.public_key.algorithm,
		.chain = { identity->chain.data, identity->chain.size },
		.ca = { ca.data, ca.size },
		.not_after = identity->not_after,
		.external_generation = external->generation,
		.external_key_algorithm = external->key.public_key.algorithm,
		.external_chain = { external->chain.data, external->chain.size },
		.external_not_after = external->not_after,
	};
	memcpy(message.ticket_key, signer->ticket_key, sizeof(message.ticket_key));
	CHANNEL_SEND(worker, 0, tls_identity, TLS_IDENTITY, &message);
	secret_wipe(message.ticket_key, sizeof(message.ticket_key));
}

void identity_announce_all(struct signer *signer)
{
	for (struct worker *worker = signer->workers, *next; worker != NULL; worker = next) {
		next = worker->next;    /* a dead channel takes its worker with it */
		identity_announce(signer, worker->channel);
	}
}

/* --- made here --- */

static int chain_from(const struct signer *signer, const struct blob *leaf, struct blob *ret_chain)
{
	CLEANUP_BLOB struct blob chain = { .data = malloc(CHAIN_MAX_BYTES), .size = CHAIN_MAX_BYTES };
	if (chain.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct builder builder = builder_from(chain.data, chain.size);
	builder_put_sized(&builder, leaf->data, leaf->size);
	generations_put_chain(signer, time_now(), &builder);
	if (builder.failed)
		return -SIS_ERR_TOO_LARGE;
	chain.size = builder.size;
	*ret_chain = chain;
	chain = (struct blob){ NULL, 0 };
	return 0;
}

static int make(const struct signer *signer, struct identity *identity)
{
	CLEANUP_BLOB struct blob leaf = { NULL, 0 };
	struct certificate certificate;
	int r = signing_key_generate(KEY_ED25519, &identity->key);
	if (r == 0)
		r = pki_ca_issue_server(signer->ca, &identity->key.public_key, span_from_string(signer->server_names), signer->server_lifetime_s, &leaf);
	if (r == 0)
		r = certificate_parse((struct span){ leaf.data, leaf.size }, &certificate);
	if (r < 0)
		return r;
	identity->not_after = certificate.not_after;
	return chain_from(signer, &leaf, &identity->chain);
}

int identity_make(struct signer *signer, const char **ret_reason)
{
	CLEANUP_IDENTITY struct identity identity = { 0 };
	int r = make(signer, &identity);
	if (r < 0) {
		*ret_reason = r == -SIS_ERR_BAD_NAME  ? "server_names holds what is neither a host name nor an address"
		              : r == -SIS_ERR_EXPIRED ? "the certificate authority itself has expired"
		                                      : error_text(r);
		return r;
	}
	/* Two thirds of what is left, which is less than asked for when the authority ends before. */
	identity.made = time_now();
	identity.renew_at = identity.made + (identity.not_after - identity.made) * 2 / 3;
	put_in_force(signer, &signer->identity, &signer->previous, &identity, "made by the own authority");
	return 0;
}

/* --- somebody else's --- */

int identity_take(struct signer *signer, int chain_fd, int key_fd, const char **ret_reason)
{
	CLEANUP_IDENTITY struct identity identity = { 0 };
	int r = external_read(chain_fd, key_fd, &identity, ret_reason);
	if (r < 0)
		return r;
	const char *doubt = external_doubt(&identity, signer->server_names, time_now());
	put_in_force(signer, &signer->external, &signer->external_previous, &identity, "somebody else's, from tls_certificate");
	if (doubt != NULL)
		log_event(&LOG(TLS_IDENTITY_DOUBT, .reason = doubt));
	return 0;
}
