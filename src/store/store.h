/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The store behind one header: who there is and what is kept. Two views: the reader (workers, read-only) and the writer (the ledger alone).
 * A second implementation (PostgreSQL and an object store) must fit behind this without touching callers. */
#pragma once

#include "base/text.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FINGERPRINT_BYTES 32

enum store_state { STORE_LIVE, STORE_REVOKED, STORE_DISABLED };     /* as stored; disabled: users only, for a time */
const char *store_state_name(enum store_state state);           /* "live", "revoked", "disabled" (operate.c) */

struct store_caller {                   /* a device, found by the certificate it showed */
	int64_t user_id, device_id;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	int64_t not_after;                      /* of the certificate */
};

struct store_device {
	int64_t device_id;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];   /* of the newest certificate */
	enum store_state state;
	int64_t enrolled, not_after, revoked;           /* seconds; revoked 0 when not */
	struct span certificate;                        /* DER of the newest certificate; borrowed for the call */
	struct span key_statement;                      /* empty when none was published */
};

struct store_part { uint64_t offset, size; uint8_t root[DIGEST_BYTES]; };      /* within the item's object file */

struct store_item {                     /* spans are borrowed for the call */
	uint8_t id[ITEM_ID_BYTES];
	int64_t item_row;
	uint64_t sequence;                      /* for this caller: when it became visible */
	int64_t received;
	char owner[NAME_MAX_TEXT + 1];
	bool is_owner;                          /* the caller is */
	struct span statement;
	struct store_part part[3];              /* by enum seal_part of crypto/seal.h: object, manifest, thumbnail */
};

/* What a user is told (GET /v1/events), in the order of the sequence numbers. ITEM is not stored: it is the item's row in the inbox. */
enum store_event_kind { STORE_EVENT_ITEM, STORE_EVENT_GRANT, STORE_EVENT_REMOVED, STORE_EVENT_DEVICE, STORE_EVENT_RESET };
#define STORE_EVENT_WHAT 16
#define STORE_EVENTS_KEPT_S (90 * 86400)        /* older ones become one RESET for each user: who was away for so long lists anew */
struct store_event {
	int64_t user_id;                        /* who is told */
	uint64_t sequence;
	enum store_event_kind kind;
	int64_t time;
	bool has_item;
	uint8_t item[ITEM_ID_BYTES];
	/* Whom it is about; may be empty. GRANT: user is the recipient, device the user who granted. REMOVED: user is who did it. */
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	char what[STORE_EVENT_WHAT];            /* REMOVED: deleted, unshared, expired; DEVICE: enrolled, renewed, key, endorsed, revoked; GRANT: empty */
};

/* ------------------------------------------------ the reader: workers ------------------------------------------------ */
struct store_reader;
int store_reader_open(const char *state_dir, struct store_reader **ret_reader);
void store_reader_close(struct store_reader *reader);
/* The live device of a live user that owns this certificate: -NOT_ALLOWED unknown, -REVOKED, -EXPIRED. Asked at every request. */
int store_find_caller(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_caller);
/* Items visible to the user with sequence > after (newest_first: < after, 0 = from the end), at most limit, in order. fn non-zero ends. */
int store_list_items(struct store_reader *reader, int64_t user_id, uint64_t after, unsigned limit, bool newest_first,
                     int (*fn)(const struct store_item *item, void *arg), void *arg);
/* -NO_ITEM also when it exists but the user may not see it. fn is called once. */
int store_get_item(struct store_reader *reader, int64_t user_id, const uint8_t id[ITEM_ID_BYTES],
                   int (*fn)(const struct store_item *item, void *arg), void *arg);
/* News of the user with sequence > after, in strictly growing order, at most limit; item is NULL but for ITEM, and items that the user may no longer
 * see are left out. fn non-zero ends. */
int store_list_events(struct store_reader *reader, int64_t user_id, uint64_t after, unsigned limit,
                      int (*fn)(const struct store_event *event, const struct store_item *item, void *arg), void *arg);
/* The texts of the grants of this item for this user's devices (all of them when the user is the owner and all is true). */
int store_list_grants(struct store_reader *reader, int64_t item_row, int64_t user_id, bool all, int (*fn)(struct span text, void *arg), void *arg);
/* The certificate with this fingerprint, live or not, ours or anybody's of this server. revoked is 0 when not; reason as in RFC 5280. */
int store_find_certificate(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                           int (*fn)(struct span der, int64_t revoked, unsigned reason, void *arg), void *arg);
/* -NO_USER when there is none or the user is revoked. fn for each live device. */
int store_list_devices(struct store_reader *reader, const char *user, int (*fn)(const struct store_device *device, void *arg), void *arg);
/* The newest sequence number that was given out, to whomever: what a client has been told once can only grow. */
int store_get_sequence(struct store_reader *reader, uint64_t *ret_sequence);
/* The endorsements of a device, as far as those who made them are live. */
int store_list_endorsements(struct store_reader *reader, int64_t device_id, int (*fn)(struct span text, void *arg), void *arg);
/* authority NULL: by the one in force. */
int store_get_crl(struct store_reader *reader, const uint8_t authority[STORE_FINGERPRINT_BYTES], int (*fn)(struct span der, void *arg), void *arg);      /* NO_INPUT before the first */
/* DER certificates, one after the other: all generations of the authority, and what they sign for each other. */
int store_get_cacerts(struct store_reader *reader, int (*fn)(struct span ders, void *arg), void *arg);
int store_get_ca(struct store_reader *reader, int (*fn)(struct span der, void *arg), void *arg);
int store_open_object(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], int *ret_fd, uint64_t *ret_size);
/* True when the database can be read at all: for /healthz. */
bool store_reader_is_healthy(struct store_reader *reader);

/* The writer's half is in store/writer.h: only the ledger includes it. */
