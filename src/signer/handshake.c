/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SIGN: the one thing that workers may ask for. A compromised worker can make this server's handshakes while it lives; it must not get a
 * signature that is worth anything elsewhere or later. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"

#include <string.h>

#define PADDING_BYTES 64
#define SHA256_BYTES 32
#define SHA384_BYTES 48
#define MINUTE_NS (60ULL * 1000 * 1000 * 1000)

/* RFC 8446 §4.4.3. The terminating NUL of the C string is the separator there. */
static const char server_context[] = "TLS 1.3, server CertificateVerify";

static const char *ed25519_refusal(struct span data)
{
	const size_t head = PADDING_BYTES + sizeof(server_context);
	if (data.size != head + SHA256_BYTES && data.size != head + SHA384_BYTES)
		return "the input has not the length of a TLS 1.3 CertificateVerify";
	for (size_t i = 0; i < PADDING_BYTES; i++)
		if (data.data[i] != 0x20)
			return "the input does not begin with the padding of a TLS 1.3 CertificateVerify";
	if (memcmp(data.data + PADDING_BYTES, server_context, sizeof(server_context)) != 0)
		return "the input is not for the server's side of TLS 1.3";
	return NULL;
}

const char *handshake_refusal(enum key_algorithm algorithm, struct span data)
{
	switch (algorithm) {
	case KEY_ED25519:
		return ed25519_refusal(data);
	case KEY_ECDSA_P256:            /* a digest shows nothing but its length: this is why our own key is Ed25519 */
		return data.size == SHA256_BYTES ? NULL : "the digest has not the length of SHA-256";
	}
	return "unknown kind of key";
}

/* A worker gone bad must not fill the disk with what is said about it. */
static void log_refused(struct signer *signer, const char *reason)
{
	uint64_t now = time_monotonic_ns();
	if (now - signer->refusals_since_ns > MINUTE_NS) {
		signer->refusals_since_ns = now;
		signer->n_refusals = 0;
	}
	if (signer->n_refusals++ < REFUSALS_LOGGED_PER_MINUTE)
		log_event(&LOG(SIGN_REFUSED, .role = "worker", .reason = reason));
}

static int sign(const struct identity *identity, struct span data, uint8_t ret_signature[SIGNATURE_BYTES])
{
	if (identity->key.public_key.algorithm == KEY_ECDSA_P256)
		return pki_sign_digest(&identity->key, data.data, ret_signature);
	return signature_make(&identity->key, data, ret_signature);
}

static int answer(struct signer *signer, const struct message_sign *request, uint8_t ret_signature[SIGNATURE_BYTES])
{
	const struct identity *identity = identity_find(signer, request->generation);
	const char *refusal = identity == NULL                                            ? "no such TLS key"
	                      : identity->key.public_key.algorithm != request->key_algorithm ? "the TLS key is of another kind"
	                                                                                     : handshake_refusal(request->key_algorithm, request->data);
	if (refusal == NULL)
		return sign(identity, request->data, ret_signature);
	log_refused(signer, refusal);
	return -SIS_ERR_NOT_ALLOWED;
}

void handshake_sign(struct worker *worker, struct channel_packet *packet)
{
	struct message_sign request;
	uint8_t signature[SIGNATURE_BYTES];
	if (message_sign_decode(&packet->payload, &request) < 0)
		return;
	int r = answer(worker->signer, &request, signature);
	struct message_signed reply = { .status = (uint32_t)-r, .signature = { signature, r == 0 ? sizeof(signature) : 0 } };
	CHANNEL_SEND(worker->channel, packet->id, signed, SIGNED, &reply);
}
