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
#include <sys/stat.h>
#include <unistd.h>

/* What ACME clients are told to get the right one. */
#define WRONG_KIND "the key of tls_certificate must be ECDSA P-256 or Ed25519, not RSA or another: order one with certbot renew --force-renewal --key-type ecdsa " \
	"--elliptic-curve secp256r1, or acme.sh --keylength ec-256"
#define FILE_MAX_BYTES 65536
#define CHAIN_MAX_CERTIFICATES 8
#define CHAIN_MAX_BYTES (CHAIN_MAX_CERTIFICATES * (CERTIFICATE_MAX_BYTES + 4))

void identity_wipe(struct identity *identity)
{
	signing_key_wipe(&identity->key);
	blob_free(&identity->chain);
	*identity = (struct identity){ 0 };
}
#define CLEANUP_IDENTITY __attribute__((cleanup(identity_wipe)))

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

/* The descriptor may have been read before, by the signer's predecessor: so not from where it stands. */
static int read_fd(int fd, char **ret_data, size_t *ret_size)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return -SIS_ERR_BAD_FORMAT;
	if (st.st_size > FILE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	size_t size = (size_t)st.st_size;
	CLEANUP_FREE char *data = calloc(1, size + 1);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = fd_pread_all(fd, data, size, 0);
	if (r < 0) {
		secret_wipe(data, size);
		return r;
	}
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

/* Every certificate of a PEM file, in its order. */
static int chain_parse(const char *pem, struct builder *chain, struct certificate *ret_leaf)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	unsigned n = 0;
	for (const char *at = strstr(pem, begin), *to; at != NULL; at = strstr(to, begin), n++) {
		CLEANUP_BLOB struct blob der = { NULL, 0 };
		to = strstr(at, end);
		if (to == NULL || n == CHAIN_MAX_CERTIFICATES)
			return -SIS_ERR_BAD_FORMAT;
		to += sizeof(end) - 1;
		int r = certificate_from_pem((struct span){ (const uint8_t *)at, (size_t)(to - at) }, &der);
		if (r == 0 && n == 0)
			r = certificate_parse((struct span){ der.data, der.size }, ret_leaf);
		if (r < 0)
			return r;
		builder_put_sized(chain, der.data, der.size);
	}
	return n == 0 || chain->failed ? -SIS_ERR_BAD_FORMAT : 0;
}

static int take_chain(int fd, struct identity *identity, struct certificate *ret_leaf)
{
	CLEANUP_FREE char *pem = NULL;
	size_t size;
	int r = read_fd(fd, &pem, &size);
	if (r < 0)
		return r;
	identity->chain.data = malloc(CHAIN_MAX_BYTES);
	if (identity->chain.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct builder chain = builder_from(identity->chain.data, CHAIN_MAX_BYTES);
	r = chain_parse(pem, &chain, ret_leaf);
	if (r < 0)
		return r;
	identity->chain.size = chain.size;
	identity->not_after = ret_leaf->not_after;
	return 0;
}

static int take_key(int fd, struct identity *identity)
{
	char *pem = NULL;
	size_t size;
	int r = read_fd(fd, &pem, &size);
	if (r < 0)
		return r;
	r = signing_key_from_pem((struct span){ (const uint8_t *)pem, size }, NULL, &identity->key);
	secret_wipe(pem, size);
	free(pem);
	return r;
}

int identity_take(struct signer *signer, int chain_fd, int key_fd, const char **ret_reason)
{
	CLEANUP_IDENTITY struct identity identity = { 0 };
	struct certificate leaf;
	int r = take_chain(chain_fd, &identity, &leaf);
	if (r < 0) {
		*ret_reason = r == -SIS_ERR_NOT_ALLOWED ? WRONG_KIND : "tls_certificate is no PEM file with a certificate chain";
		return r;
	}
	r = take_key(key_fd, &identity);
	*ret_reason = r == -SIS_ERR_NOT_ALLOWED ? WRONG_KIND
	              : r == -SIS_ERR_BAD_LOGIN ? "tls_key is under a passphrase, which nobody can type here"
	                                        : "tls_key is no PEM file with a private key";
	if (r < 0)
		return r;
	*ret_reason = "tls_key is not the key of the first certificate in tls_certificate";
	if (leaf.public_key.algorithm != identity.key.public_key.algorithm ||
	    memcmp(leaf.public_key.bytes, identity.key.public_key.bytes, public_key_size(leaf.public_key.algorithm)) != 0)
		return -SIS_ERR_MISMATCH;
	put_in_force(signer, &signer->external, &signer->external_previous, &identity, "somebody else's, from tls_certificate");
	return 0;
}
