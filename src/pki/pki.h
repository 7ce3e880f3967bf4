/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * X.509 as sis uses it: the CA, server and device certificates, CSRs, CRLs and EST bodies. Everything is DER in and out unless the name says PEM.
 * A device certificate's subject is CN=<user>, OU=<device>; key usage digitalSignature, extended key usage clientAuth. Signer-only functions take
 * a struct pki_ca. Times are seconds since the epoch; what a ret_ names is the caller's to free. Whatever reads one certificate gives BAD_FORMAT for what is
 * none, TOO_LARGE beyond CERTIFICATE_MAX_BYTES, and NO_MEMORY. */
#pragma once

#include "base/cursor.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/sign.h"

#define FINGERPRINT_BYTES 32            /* SHA-256 of the DER certificate */
#define SERIAL_MAX 20
#define CERTIFICATE_MAX_BYTES 4096

struct pki_ca;                          /* CA private key and certificate; wiped on free */

struct certificate {                    /* what we read from one */
	uint8_t fingerprint[FINGERPRINT_BYTES];
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];        /* empty when the subject is not one of ours */
	struct public_key public_key;   /* algorithm 0 when it is neither Ed25519 nor P-256 */
	int64_t not_before, not_after;
	uint8_t serial[SERIAL_MAX];
	size_t serial_size;
};

struct blob { uint8_t *data; size_t size; };    /* malloc'd */
void blob_free(struct blob *blob);
#define CLEANUP_BLOB __attribute__((cleanup(blob_free)))

/* --- the authority: signer only --- */
int pki_ca_create(uint64_t lifetime_s, struct pki_ca **ret_ca);                         /* Ed25519 */
int pki_ca_load(struct span private_key_pem, struct span certificate_pem, struct pki_ca **ret_ca);
int pki_ca_export(const struct pki_ca *ca, struct secret **ret_private_key_pem, struct blob *ret_certificate_pem);
void pki_ca_free(struct pki_ca *ca);
/* RFC 4210 §4.4: a new key under the same name; and a certificate for another generation's key (NewWithOld, OldWithNew), for as long as both live. */
int pki_ca_create_successor(const struct pki_ca *ca, uint64_t lifetime_s, struct pki_ca **ret_ca);
int pki_ca_cross_sign(const struct pki_ca *ca, struct span other_ca_der, struct blob *ret_der);
int pki_ca_certificate(const struct pki_ca *ca, struct blob *ret_der, uint8_t ret_fingerprint[FINGERPRINT_BYTES]);
/* names: DNS names and IP addresses, one a line. */
int pki_ca_issue_server(const struct pki_ca *ca, const struct public_key *key, struct span names, uint64_t lifetime_s, struct blob *ret_der);
/* BAD_NAME. */
int pki_ca_issue_device(const struct pki_ca *ca, const struct public_key *key, const char *user, const char *device, uint64_t lifetime_s,
                        struct blob *ret_der);
struct crl_entry { uint8_t serial[SERIAL_MAX]; size_t serial_size; int64_t time; uint8_t reason; };    /* reason: RFC 5280 §5.3.1 */
int pki_ca_issue_crl(const struct pki_ca *ca, uint64_t number, int64_t this_update, int64_t next_update, const struct crl_entry *entries,
                     size_t n_entries, struct blob *ret_der);

/* --- everybody --- */
int certificate_parse(struct span der, struct certificate *ret_certificate);
void certificate_fingerprint(struct span der, uint8_t ret_fingerprint[FINGERPRINT_BYTES]);
/* A device's: signature by one of the authorities, validity of both at time `at`, clientAuth: UNTRUSTED or EXPIRED. */
int certificate_verify(struct span der, struct span authorities, int64_t at);
/* The CA's own: self-signed, CA:TRUE, keyCertSign. 0, else UNTRUSTED. */
int certificate_is_ca(struct span der);
/* What clients will say of somebody else's certificate for a server, and of those behind it (each u32-sized DER), at time `at`: BAD_NAME (it is for none of
 * the names, one a line), UNTRUSTED (one was not issued by the one that follows), EXPIRED (one of them, or it has not begun), or 0. Whether they know who
 * issued the last one, only they know. */
int chain_examine(struct span chain, struct span names, int64_t at);
int certificate_from_pem(struct span pem, struct blob *ret_der);
int certificate_to_pem(struct span der, struct blob *ret_pem);
/* Revoked in this CRL? Returns 1 and the time and reason, 0, or a negative error (signed by none of the authorities: UNTRUSTED; it, or who signed it, out
 * of date at `at`: EXPIRED). A list names what any generation has issued. */
int crl_lookup(struct span crl_der, struct span authorities, struct span serial, int64_t at, int64_t *ret_time, uint8_t *ret_reason);

/* --- the generations of one authority (RFC 4210 §4.4) ---
 * A set is the self-signed CA certificates, DER, one after the other: wherever authorities are asked for, one alone will do. */
#define AUTHORITIES_MAX 8
#define AUTHORITIES_MAX_BYTES (AUTHORITIES_MAX * CERTIFICATE_MAX_BYTES)
#define AUTHORITIES_OFFERED_MAX 40      /* each of eight, and what they sign for each other */
bool authorities_next(struct span *rest, struct span *ret_der);                /* takes one off; false at the end, and at what is no DER */
int authorities_check(struct span set);                                         /* BAD_FORMAT, UNTRUSTED (not a self-signed CA), TOO_LARGE */
bool authorities_find(struct span set, const uint8_t fingerprint[FINGERPRINT_BYTES], struct span *ret_der);    /* ret_der borrows; NULL allowed */
struct span authorities_newest(struct span set);                                /* the one that began last */
/* What is known, and of what was offered those that are vouched for: whose key an authority that is known, and valid at `at`, certifies under the same
 * name, in a certificate that was offered too. Returns how many are new (0: nothing), TOO_LARGE, or what authorities_check says of the known. */
int authorities_extend(struct span known, const struct span *offered, size_t n_offered, int64_t at, struct blob *ret_set);
/* Do the known lead to the one with this fingerprint, each step certified by one before it? Here one that has ended counts for the time that it had: only for
 * who has the fingerprint from elsewhere, since whoever got hold of an old key can sign with it for ever. */
bool authorities_lead_to(struct span known, const struct span *offered, size_t n_offered, int64_t now, const uint8_t fingerprint[FINGERPRINT_BYTES]);

/* RFC 2986. The worker's parser of strangers' bytes: self-signature checked, key Ed25519 or P-256, subject at most CN and OU.
 * user/device are empty when the subject does not name them. BAD_FORMAT, BAD_SIGNATURE, NOT_ALLOWED (other key kinds). */
struct csr { char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1]; struct public_key public_key; };
int csr_parse(struct span der, struct csr *ret_csr);
int csr_make(const struct signing_key *key, const char *user, const char *device, struct blob *ret_der);

/* The proof that goes with a renewal to a new key (request header Sis-Rekey-Proof): the old key's signature over
 * "sis/1 rekey" || 0x00 || fingerprint of the old certificate (32) || the new key's enum key_algorithm (1) || the new public key (32, or 64: X || Y).
 * As text "ALGORITHM BASE64" as in the signature lines of sis-item(5), without a NUL for parsing; as bytes the algorithm (1), then the signature. */
#define REKEY_PROOF_BYTES (1 + SIGNATURE_BYTES)
#define REKEY_PROOF_TEXT (10 + 1 + BASE64_SIZE(SIGNATURE_BYTES))
int rekey_proof_make(const struct signing_key *old_key, const uint8_t fingerprint[FINGERPRINT_BYTES], const struct public_key *new_key,
                     char ret_text[REKEY_PROOF_TEXT + 1]);
int rekey_proof_parse(struct span text, uint8_t ret_proof[REKEY_PROOF_BYTES]);         /* BAD_FORMAT */
/* BAD_SIGNATURE also when the proof is empty, or names another algorithm than the old key's. */
int rekey_proof_verify(struct span proof, const struct public_key *old_key, const uint8_t fingerprint[FINGERPRINT_BYTES],
                       const struct public_key *new_key);

/* EST bodies (RFC 7030 §4.1.3, RFC 8951): degenerate PKCS#7 with these certificates, as padded base64 in one line, and back. */
int est_encode_certificates(const struct span *ders, size_t n, struct blob *ret_base64);
int est_decode_certificates(struct span base64, struct blob *ret_ders, size_t capacity, size_t *ret_n);
/* Body of csrattrs: the key kinds that we take (Ed25519, and P-256 with SHA-256). */
int est_encode_csrattrs(struct blob *ret_base64);

/* Device keys on disk: PKCS#8 PEM, encrypted when passphrase is not NULL. Reading without the needed passphrase: BAD_LOGIN. */
int signing_key_to_pem(const struct signing_key *key, const char *passphrase, struct secret **ret_pem);
int signing_key_from_pem(struct span pem, const char *passphrase, struct signing_key *ret_key);
int signing_secret_from_pem(struct span pem, const char *passphrase, struct secret32 *ret_secret);     /* without its public key, which takes time */
/* ECDSA P-256 over a SHA-256 digest that somebody else made, as r || s: signature_make hashes itself. NOT_ALLOWED for other keys. */
int pki_sign_digest(const struct signing_key *key, const uint8_t digest[32], uint8_t ret_signature[SIGNATURE_BYTES]);
