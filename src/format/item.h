/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The public texts (sis-item(5)): statement, grant, key statement, endorsement, group, and the bundle's head. Strict: fixed order, one encoding, nothing
 * unknown. Every parser works on borrowed text and fills a plain struct; every writer produces exactly what the parser accepts. */
#pragma once

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

#define STATEMENT_MAX_BYTES 16384
#define GRANT_MAX_BYTES 2048
#define KEY_STATEMENT_MAX_BYTES 1024
#define ENDORSEMENT_MAX_BYTES 1024
#define GROUP_MAX_BYTES 16384
#define AUDIENCE_MAX 256
#define GRANTS_MAX 1024
#define BUNDLE_HEAD_MAX_BYTES 1024
#define MANIFEST_MAX_BYTES 65536u               /* plaintext */
#define THUMBNAIL_MAX_BYTES 65536u              /* plaintext */
#define OBJECT_MAX_BYTES (UINT64_C(1) << 60)    /* plaintext: no sum of sizes overflows */

enum item_kind { ITEM_IMAGE, ITEM_MESSAGE, ITEM_FILE };
const char *item_kind_name(enum item_kind kind);

struct part_digest { uint64_t size; uint8_t root[DIGEST_BYTES]; };      /* of the sealed bytes; size 0: absent */

struct signature_line { enum key_algorithm algorithm; uint8_t bytes[SIGNATURE_BYTES]; };

struct statement {
	uint8_t item[ITEM_ID_BYTES];
	enum item_kind kind;
	char owner[NAME_MAX_TEXT + 1];
	uint8_t device[DIGEST_BYTES];           /* SHA-256 of the DER certificate that signs */
	int64_t time;
	struct part_digest part[3];             /* by enum seal_part */
	uint8_t commitment[32];
	uint64_t sequence;
	uint8_t previous[DIGEST_BYTES];         /* of the device's statement before this one; zeros for the first */
	unsigned n_audience;                    /* 1..AUDIENCE_MAX, sorted, unique, owner included */
	char audience[AUDIENCE_MAX][NAME_MAX_TEXT + 1];
	struct signature_line signature;
};

struct grant {
	uint8_t item[ITEM_ID_BYTES];
	uint8_t statement[DIGEST_BYTES];        /* SHA-256 of the whole statement text */
	char recipient[NAME_MAX_TEXT + 1];
	char device[NAME_MAX_TEXT + 1];         /* the recipient's device, by name */
	uint8_t key[32];                        /* its X25519 public key */
	char granter[NAME_MAX_TEXT + 1];
	uint8_t granter_device[DIGEST_BYTES];   /* certificate fingerprint */
	int64_t time;
	int64_t expires;                        /* 0: never */
	bool may_share;                         /* rights: "read" or "read,share" */
	uint8_t encapsulation[32];
	uint8_t wrapped[32 + 16];
	struct signature_line signature;
};

struct key_statement {
	char user[NAME_MAX_TEXT + 1];
	char device[NAME_MAX_TEXT + 1];
	uint8_t certificate[DIGEST_BYTES];
	uint8_t key[32];
	int64_t time;
	struct signature_line signature;
};

/* A device of a user vouches for another one of the same user: who has pinned the one may take the other for theirs. */
struct endorsement {
	char user[NAME_MAX_TEXT + 1];
	char device[NAME_MAX_TEXT + 1];         /* the one that is vouched for */
	struct public_key key;                  /* its signing key */
	struct public_key endorser;             /* the signing key of the one that vouches, and signs this */
	int64_t time;
	struct signature_line signature;
};

/* A named list of people, for its owner's devices alone. */
struct group {
	char name[NAME_MAX_TEXT + 1];
	char owner[NAME_MAX_TEXT + 1];
	uint8_t device[DIGEST_BYTES];           /* SHA-256 of the DER certificate that signs */
	int64_t time;
	unsigned n_members;                     /* 0 (removed) to AUDIENCE_MAX, sorted, unique */
	char member[AUDIENCE_MAX][NAME_MAX_TEXT + 1];
	struct signature_line signature;
};

/* Parsers: BAD_FORMAT (any deviation), UNKNOWN_SUITE (first line or suite line of a later version), TOO_LARGE. The text must end with the
 * signature line's '\n'. They do not verify signatures. ret_why, when not NULL, gets a static sentence on failure. */
int statement_parse(struct span text, struct statement *ret_statement, const char **ret_why);
int grant_parse(struct span text, struct grant *ret_grant, const char **ret_why);
int key_statement_parse(struct span text, struct key_statement *ret_statement, const char **ret_why);
int endorsement_parse(struct span text, struct endorsement *ret_endorsement, const char **ret_why);
int group_parse(struct span text, struct group *ret_group, const char **ret_why);

/* Signs and writes. ret_text holds ..._MAX_BYTES + 1 and gets a NUL; ret_size is without it. The signature field of the input is ignored. */
int statement_write(const struct statement *statement, const struct signing_key *key, char *ret_text, size_t *ret_size);
int grant_write(const struct grant *grant, const struct signing_key *key, char *ret_text, size_t *ret_size);
int key_statement_write(const struct key_statement *statement, const struct signing_key *key, char *ret_text, size_t *ret_size);
/* The endorser of the input is ignored, too: it is the key that signs. */
int endorsement_write(const struct endorsement *endorsement, const struct signing_key *key, char *ret_text, size_t *ret_size);
int group_write(const struct group *group, const struct signing_key *key, char *ret_text, size_t *ret_size);

/* BAD_SIGNATURE also when the signature line names another algorithm than the key's. */
int statement_verify(struct span text, const struct statement *statement, const struct public_key *key);
int grant_verify(struct span text, const struct grant *grant, const struct public_key *key);
int key_statement_verify(struct span text, const struct key_statement *statement, const struct public_key *key);
int endorsement_verify(struct span text, const struct endorsement *endorsement);       /* under the endorser's key that it names itself */
int group_verify(struct span text, const struct group *group, const struct public_key *key);

bool statement_has_audience(const struct statement *statement, const char *name);

/* Wraps the file key: fills encapsulation and wrapped. HPKE info "sis/1 grant", additional data = the lines before "encapsulation". */
int grant_wrap(struct grant *grant, const struct secret32 *file_key);
/* BAD_GRANT when the key pair is not the grant's, BAD_SEAL when the wrap does not open. */
int grant_unwrap(struct span text, const struct grant *grant, const struct secret32 *private_key, struct secret32 *ret_file_key);
/* Item and statement hash agree, and the right to share on comes from the owner, or from the recipient's own other device: BAD_GRANT otherwise. */
int grant_belongs(const struct grant *grant, const struct statement *statement, const uint8_t statement_hash[DIGEST_BYTES]);

/* Splits the concatenated grants of a bundle: calls fn for each (fn's non-zero ends it and is returned). BAD_FORMAT when they do not divide cleanly. */
int grants_for_each(struct span text, int (*fn)(struct span grant_text, void *arg), void *arg, unsigned *ret_n_grants);

/* The bundle: head lines, an empty line, then statement, grants, manifest, thumbnail, object with nothing between or after. */
struct bundle_head {
	uint64_t head_size;                     /* of the head lines and the empty line */
	uint64_t statement_size, grants_size;   /* bytes of text */
	unsigned n_grants;
	uint64_t part_size[3];                  /* sealed bytes, by enum seal_part */
};
/* AGAIN when the bytes end before the head does. */
int bundle_head_parse(struct span start, struct bundle_head *ret_head, const char **ret_why);
int bundle_head_write(struct bundle_head *head, char *ret_text, size_t capacity, size_t *ret_size);    /* sets head_size */
/* MISMATCH when the head's part sizes are not the statement's. */
int bundle_head_matches(const struct bundle_head *head, const struct statement *statement);
uint64_t bundle_part_offset(const struct bundle_head *head, enum seal_part part);
uint64_t bundle_size(const struct bundle_head *head);
