/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepting an item that a server or a file gives us: certificates up to the pinned authority, revocation by what the server says and by the list that
 * the authority signed, pins, and then everything that format/reader.h decides. Both the server and the sender may be hostile. */
#pragma once

#include "format/reader.h"
#include "sis/pins.h"
#include "sis/session.h"

struct acceptor {                       /* borrowed but for the list */
	const struct sis *sis;
	const struct profile *profile;
	struct pins *pins;
	struct blob crl;                        /* empty: not to be had */
	int64_t now;
	struct signers *signers;                /* certificates that were checked before: NULL remembers none */
	struct introductions *introductions;    /* NULL: nobody is asked who vouches for a new device */
};
/* Fetches the revocation list. */
int acceptor_open(const struct sis *sis, struct session *session, struct pins *pins, struct acceptor *ret_acceptor, struct why *why);
/* Its revocation list has come to its end: everything would be refused. */
bool acceptor_is_outdated(const struct acceptor *acceptor);
void acceptor_close(struct acceptor *acceptor);

struct item {                           /* wipe with item_wipe */
	char id[ITEM_ID_TEXT + 1];
	uint64_t sequence;
	int64_t received;
	struct span statement_text, grant_text; /* into texts */
	char *texts;
	const struct former_key *former;        /* the profile's, when the grant is for a device that we were; NULL: it is for this one */
	struct item_opened opened;
	char owner_device[NAME_MAX_TEXT + 1];
	char owner_pin[PIN_TEXT];
	enum pin_state pin_state;
	const char *contact;                    /* its owner: "verified", "known", or "new" (pins_contact); static */
	int64_t revoked;                        /* when the device that made it was revoked, after it was made; 0: it is not */
	struct blob sealed_manifest;
	bool has_manifest;
	struct manifest manifest;
	struct blob content;                    /* the words of a message that came with them (include=content), ended by a NUL that is not counted */
	bool has_content;
};
void item_wipe(struct item *item);

/* Everything but the parts; with the manifest, and the words of a message, when the JSON has them. NULL id: any. */
int item_accept(const struct acceptor *acceptor, const json_t *json, const char *id, struct item *ret_item, struct why *why);
/* Opens the sealed manifest and checks it against the statement. */
int item_accept_manifest(struct item *item, struct blob *sealed, struct why *why);
/* The parts that came with the server's description of an item: what item_accept does last. */
int item_accept_inline(struct item *item, const json_t *json, struct why *why);
/* Fetches and accepts one item with its manifest. */
int item_fetch(const struct acceptor *acceptor, struct session *session, const char *id, struct item *ret_item, struct why *why);
/* Ids may be shortened: finds the one that starts so among what we may see. NO_ITEM, USAGE when several do. */
int item_resolve(struct session *session, const char *prefix, char ret_id[ITEM_ID_TEXT + 1], struct why *why);
/* A certificate that signed something at a time: all that can be checked of it. certificates is the JSON array of an ITEM. */
int item_check_signer(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user, int64_t time,
                      int64_t received, struct certificate *ret_facts, enum pin_state *ret_pin_state, int64_t *ret_revoked, struct why *why);
/* The same for who made a grant: a further device of our own may, before it is approved here. */
int item_check_granter(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user, int64_t time,
                       struct certificate *ret_facts, int64_t *ret_revoked, struct why *why);
