/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepting an item (sis-item(5), "Accepting"): one function that decides whether statement and grant hold, and streams that open and seal a part
 * piece by piece in constant memory. Certificate chains, revocation and pins are the caller's: what it knows of them goes in as keys and names. */
#pragma once

#include "format/item.h"
#include "format/manifest.h"

struct item_signer {                    /* what the caller has checked of a certificate */
	const char *user;
	uint8_t fingerprint[DIGEST_BYTES];      /* SHA-256 of the DER */
	struct public_key key;
};

struct item_check {                     /* everything borrowed */
	struct span statement_text, grant_text;
	const struct item_signer *owner, *granter;      /* may be the same */
	const char *user, *device;              /* who reads */
	const struct secret32 *private_key;     /* that device's X25519 key */
	int64_t now;                            /* seconds since the epoch, for the grant's expiry */
};

struct item_opened {                    /* wipe with item_opened_wipe */
	struct statement statement;
	struct grant grant;
	uint8_t statement_hash[DIGEST_BYTES];
	struct secret32 file_key;
	struct seal_keys keys;
};
void item_opened_wipe(struct item_opened *opened);

/* In this order: the statement parses (BAD_FORMAT, UNKNOWN_SUITE, TOO_LARGE), its owner and device are the certificate's (MISMATCH), its signature
 * holds (BAD_SIGNATURE); the same three for the grant and its granter; the grant is for this item, this user and this device (BAD_GRANT) and not
 * over (EXPIRED); it unwraps (BAD_GRANT, BAD_SEAL); the file key is the committed one (BAD_COMMITMENT). ret_why as for the parsers. */
int item_check(const struct item_check *check, struct item_opened *ret_opened, const char **ret_why);
/* The statement alone, for who holds no grant: parses, matches, verifies. */
int item_check_statement(struct span text, const struct item_signer *owner, struct statement *ret_statement, const char **ret_why);
/* A bundle's grant for one device. BAD_FORMAT (or the grant's own error) unless all n_grants grants divide and parse; BAD_GRANT when none is for
 * that user and device. *ret_grant_text is borrowed from text. */
int grants_find(struct span text, unsigned n_grants, const char *user, const char *device, struct span *ret_grant_text, const char **ret_why);
/* The manifest's size is one that the statement's padded object can hold: MISMATCH otherwise. */
int item_check_sizes(const struct statement *statement, const struct manifest *manifest);

/* Non-zero ends the stream and is returned from it. */
typedef int part_emit_fn(const uint8_t *data, size_t size, void *arg);

/* Opens a part: takes sealed bytes in any pieces, emits the plaintext of each chunk that holds. What was emitted before a failure must be
 * thrown away by the caller: only part_reader_finish says that the part is whole. */
struct part_reader;
/* Emits the first content_size bytes of the plaintext; the rest must be zeros (Padmé's padding). UINT64_MAX emits all. BAD_FORMAT when no
 * part has digest's size. */
int part_reader_new(const struct secret32 *key, const struct part_digest *digest, uint64_t content_size, part_emit_fn *emit, void *arg,
                    struct part_reader **ret_reader);
/* BAD_FORMAT for more bytes than the part has and for padding that is not zeros; BAD_SEAL as seal_open_chunk. Sticky. */
int part_reader_feed(struct part_reader *reader, const void *data, size_t size);
/* BAD_FORMAT when the part ended early, BAD_ROOT when it is not the one that was signed. */
int part_reader_finish(struct part_reader *reader);
void part_reader_free(struct part_reader *reader);      /* accepts NULL */
void part_reader_freep(struct part_reader **reader);

/* Seals a part whose size need not be known before: takes plaintext in any pieces, emits sealed chunks. */
struct part_writer;
int part_writer_new(const struct secret32 *key, part_emit_fn *emit, void *arg, struct part_writer **ret_writer);
int part_writer_feed(struct part_writer *writer, const void *data, size_t size);
/* Feeds zeros up to seal_padded_size of what was fed. For objects, before finish. */
int part_writer_pad(struct part_writer *writer);
int part_writer_finish(struct part_writer *writer, struct part_digest *ret_digest);
void part_writer_free(struct part_writer *writer);      /* accepts NULL */
void part_writer_freep(struct part_writer **writer);
