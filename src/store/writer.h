/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The writer's half of the store: only the ledger includes it. Functions that take a store_reader look, those that take a store_writer change.
 * Changes happen between store_begin and store_commit; each returns 0 or a negative error and, on failure, leaves what came before intact
 * as long as store_is_open() still holds. A connection belongs to one thread at a time. */
#pragma once

#include "base/cursor.h"
#include "store/store.h"

#include <sys/types.h>

struct store_writer;

/* Creates the database when there is none, brings an older one up to date. ret_why gets a sentence on failure (NULL allowed): a newer database
 * is refused. */
int store_writer_open(const char *state_dir, struct store_writer **ret_writer, char *ret_why, size_t capacity);
void store_writer_close(struct store_writer *writer);
struct store_reader *store_as_reader(struct store_writer *writer);

/* ---- reserve.c: room for deleting and revoking when the disk is full ---- */
void store_reserve_begin(struct store_writer *writer, const char *state_dir);
void store_reserve_end(struct store_writer *writer);    /* after the connection is closed */
/* Before a transaction. true: there is little room, nothing may be added. was_short: what it said last. */
bool store_reserve_look(struct store_writer *writer, bool was_short, uint64_t *ret_free_bytes);

/* ---- holder.c: who else has the locks that only a writer has a use for ---- */
void store_holder_begin(struct store_writer *writer, int state_fd);
void store_holder_end(struct store_writer *writer);     /* after the connection is closed */
pid_t store_find_holder(const struct store_writer *writer);     /* 0: nobody */

int store_begin(struct store_writer *writer);
int store_commit(struct store_writer *writer);          /* durable on return; on failure everything since store_begin is undone */
void store_rollback(struct store_writer *writer);
bool store_is_open(struct store_writer *writer);        /* a full disk may have ended the transaction: then start again */
/* A step within the transaction that can be undone alone. */
int store_step_begin(struct store_writer *writer);
int store_step_end(struct store_writer *writer, bool keep);

/* Small facts: "ca", "cacerts", "crl", "crl_number", "crl_next", "clean". */
int store_set_crl(struct store_writer *writer, const uint8_t authority[STORE_FINGERPRINT_BYTES], struct span der);        /* the list by one generation */
int store_set_meta(struct store_writer *writer, const char *name, struct span value);
int store_set_meta_number(struct store_writer *writer, const char *name, int64_t value);
int64_t store_get_meta_number(struct store_reader *reader, const char *name, int64_t fallback);
int store_next_sequence(struct store_writer *writer, uint64_t *ret_sequence);
/* Moves what the WAL holds into the database file; called when idle. */
int store_checkpoint(struct store_writer *writer);

/* ---------------------------------------------------- people.c: users and invites ---------------------------------------------------- */
#define STORE_PASSWORD_MAX 384
struct store_user {
	int64_t user_id, created;
	char name[NAME_MAX_TEXT + 1];
	enum store_state state;
	char password[STORE_PASSWORD_MAX];      /* crypt(5) hash, or empty */
	int64_t quota;                          /* bytes; -1: the configured one */
	uint64_t used;                          /* bytes of the items owned */
	int64_t last_upload;                    /* when the newest of them was received; 0: there is none */
	uint64_t n_devices, n_items, n_invites; /* live devices, items owned, usable invites */
};
/* Also finds revoked users: look at the state. NO_USER when the name was never used. */
int store_find_user(struct store_reader *reader, const char *name, struct store_user *ret_user);
int store_get_user_name(struct store_reader *reader, int64_t user_id, char ret_name[NAME_MAX_TEXT + 1]);
int store_list_users(struct store_reader *reader, int (*fn)(const struct store_user *user, void *arg), void *arg);
/* Bytes used, and allowed (fallback for users without a quota of their own; 0: no limit). */
int store_get_quota(struct store_reader *reader, int64_t user_id, uint64_t fallback, uint64_t *ret_used, uint64_t *ret_quota);
/* EXISTS when the name is or ever was taken. password: crypt(5) hash or NULL. */
int store_add_user(struct store_writer *writer, const char *name, const char *password, int64_t now, int64_t *ret_user_id);

#define STORE_CODE_HASH_BYTES 32
struct store_invite {
	int64_t invite_id, user_id, expires, used;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];        /* device empty: the enroller chooses */
	enum store_state user_state;
};
int store_add_invite(struct store_writer *writer, int64_t user_id, const char *device, const uint8_t code_hash[STORE_CODE_HASH_BYTES],
                     int64_t now, int64_t expires);
/* BAD_LOGIN when there is none; an expired or used one is returned for the caller to judge. */
int store_find_invite(struct store_reader *reader, const uint8_t code_hash[STORE_CODE_HASH_BYTES], struct store_invite *ret_invite);
/* CONFLICT when it was used already. */
int store_use_invite(struct store_writer *writer, int64_t invite_id, int64_t now);
/* Removes invites that expired unused before now, telling fn whose each was. */
int store_expire_invites(struct store_writer *writer, int64_t now, void (*fn)(const char *user, void *arg), void *arg);

/* ------------------------------------------------ devices.c: devices and certificates ------------------------------------------------ */
struct store_certificate {
	int64_t device_id;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];        /* filled when listing only */
	enum store_state state;                                         /* of the device */
	enum store_state user_state;                                    /* filled when listing only */
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	struct span serial, der;
	int64_t not_before, not_after, revoked;
	unsigned reason;
};
/* CONFLICT when the user has or ever had a device of this name. */
int store_add_device(struct store_writer *writer, int64_t user_id, const char *name, int64_t now, int64_t *ret_device_id);
/* NO_INPUT when this user never had such a device. */
int store_find_device(struct store_reader *reader, int64_t user_id, const char *name, int64_t *ret_device_id, enum store_state *ret_state);
/* The first "device-N" that this user never had. */
int store_count_devices(struct store_reader *reader, int64_t user_id, uint64_t *ret_n);   /* live ones */
int store_free_device_name(struct store_reader *reader, int64_t user_id, char ret_name[NAME_MAX_TEXT + 1]);
int store_add_certificate(struct store_writer *writer, const struct store_certificate *certificate);
int store_set_key_statement(struct store_writer *writer, int64_t device_id, struct span text);
/* user_name NULL: everybody's. */
int store_list_certificates(struct store_reader *reader, const char *user_name,
                            int (*fn)(const struct store_certificate *certificate, void *arg), void *arg);
/* Newest first: a device has more than one after a renewal. */
int store_list_device_certificates(struct store_reader *reader, int64_t device_id,
                                   int (*fn)(const struct store_certificate *certificate, void *arg), void *arg);
/* Revoked certificates that have not expired at now: the entries of a CRL. */
int store_list_revoked(struct store_reader *reader, int64_t now, int (*fn)(const struct store_certificate *certificate, void *arg), void *arg);
/* endorser_id vouches for device_id; *ret_is_new is false when it had done so before. REVOKED when one of the two is not live. */
int store_set_endorsement(struct store_writer *writer, int64_t device_id, int64_t endorser_id, struct span text, bool *ret_is_new);
/* device_id 0: the user, every device and all invites. CONFLICT when it was revoked before. */
int store_revoke(struct store_writer *writer, int64_t user_id, int64_t device_id, unsigned reason, int64_t now, unsigned *ret_n_devices);
/* Of devices that were revoked before, for another reason: when stays as it was. CONFLICT when there is none. */
int store_change_reason(struct store_writer *writer, int64_t user_id, int64_t device_id, unsigned reason, unsigned *ret_n_devices);

/* -------------------------------------------------------- uploads.c: unfinished uploads ---------------------------------------------- */
#define STORE_UPLOAD_ID_TEXT 26
#define STORE_LENGTH_UNKNOWN UINT64_MAX
#define STORE_METADATA_TEXT 2048
#define STORE_UPLOAD_DIGEST_MAX 64
struct store_upload {
	char id[STORE_UPLOAD_ID_TEXT + 1];
	int64_t user_id, device_id, created;
	uint64_t length;                        /* bytes, or STORE_LENGTH_UNKNOWN */
	char item[ITEM_ID_TEXT + 1];            /* empty until it is committed */
	char metadata[STORE_METADATA_TEXT + 1]; /* a foreign client's own words, for itself: printable ASCII, never looked into */
	uint8_t digest[STORE_UPLOAD_DIGEST_MAX];        /* of the whole file, as announced: SHA-256 or SHA-512 by its size */
	size_t digest_size;                     /* 0: none was announced */
};
int store_add_upload(struct store_writer *writer, const struct store_upload *upload);
int store_update_upload(struct store_writer *writer, const struct store_upload *upload);
int store_remove_upload(struct store_writer *writer, const char *id);
int store_list_uploads(struct store_reader *reader, int (*fn)(const struct store_upload *upload, void *arg), void *arg);

/* Files under incoming/. A new one is ledger's alone (0640, the group reads it once it is an object). */
int store_create_incoming(struct store_writer *writer, const char *id, int *ret_fd);
int store_open_incoming(struct store_writer *writer, const char *id, bool writable, int *ret_fd);
/* The file that *fd reads is written by nobody any more: BUSY while anybody could. Where the file system cannot tell, *fd and the name become a copy's. */
int store_close_incoming(struct store_writer *writer, const char *id, int *fd);
/* How: the bytes into a file that nobody but this process ever had open. */
int store_replace_by_copy(struct store_writer *writer, const char *id, int *fd);
int store_remove_incoming(struct store_writer *writer, const char *id);

/* ---- unchecked.c: bytes that count only once they were compared with a digest ---- */
/* What comes from offset on does not count, also not after a crash, until the end was told: then what lies before size stays. */
int store_begin_unchecked(struct store_writer *writer, const char *id, uint64_t offset);
int store_end_unchecked(struct store_writer *writer, const char *id, uint64_t offset, uint64_t size);
bool store_is_unchecked_mark(const char *name);
int store_recover_unchecked(struct store_writer *writer, const char *name);

/* Whom a change concerns: who is to look for news. More than fit: everybody. */
#define STORE_TOLD_MAX 1024
struct store_told { unsigned n; int64_t user_id[STORE_TOLD_MAX]; };
void store_tell(struct store_told *told, int64_t user_id);
bool store_tells_all(const struct store_told *told);

/* -------------------------------------------------------------- items.c ---------------------------------------------------------------- */
struct store_new_grant {
	char recipient[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	struct span text;
	int64_t expires;                        /* 0: never */
	bool may_share;
};
struct store_new_item {
	uint8_t id[ITEM_ID_BYTES];
	int64_t user_id, device_id, received;
	struct span statement;
	uint8_t statement_hash[DIGEST_BYTES];
	uint64_t bytes;                         /* of the whole object file */
	struct store_part part[3];
	unsigned n_audience;
	char (*audience)[NAME_MAX_TEXT + 1];
	unsigned n_grants;
	const struct store_new_grant *grant;
	uint64_t quota;                         /* bytes, for users without one of their own; 0: no limit */
};
/* EXISTS (that item id), NO_USER, NO_KEY (no such live device), BAD_GRANT (two for one device), QUOTA, REVOKED (the owner, meanwhile). ret_who,
 * NAME_MAX_TEXT*2+2 bytes, names whom it is about, or is empty. */
#define STORE_WHO_TEXT (2 * NAME_MAX_TEXT + 2)
int store_add_item(struct store_writer *writer, const struct store_new_item *item, uint64_t *ret_sequence, struct store_told *told,
                   char ret_who[STORE_WHO_TEXT]);
/* The item that is there under this id already, when it is this very one: the same statement of the same user's device. Else NO_ITEM, whoever's it is. */
int store_find_same_item(struct store_reader *reader, const struct store_new_item *item, uint64_t *ret_sequence);
/* NO_ITEM when it is not this user's. The object's file is removed by store_remove_object after the commit. Every reader is told. */
int store_delete_item(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], int64_t user_id, uint64_t *ret_sequence, struct store_told *told);
/* Any thread: gives incoming/upload_id its second name objects/ab/ID and makes bytes and name durable. EXISTS never replaces. */
int store_link_object(struct store_writer *writer, const char *upload_id, const uint8_t id[ITEM_ID_BYTES], int fd);
/* A file of another directory becomes the object, durably. EXISTS never replaces. */
int store_take_object(struct store_writer *writer, int from_fd, const char *name, const uint8_t id[ITEM_ID_BYTES]);
int store_remove_object(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES]);

/* The Merkle root over a sealed part of the open file. Any thread. */
int store_part_root(int fd, uint64_t offset, uint64_t size, uint8_t ret_root[DIGEST_BYTES]);

struct store_totals { uint64_t n_users, n_devices, n_certificates, n_items, bytes, sequence; };
int store_count(struct store_reader *reader, struct store_totals *ret_totals);

/* ------------------------------------------ grants.c: sharing later, taking back ------------------------------------------ */
struct store_share {
	uint8_t id[ITEM_ID_BYTES];
	uint8_t statement_hash[DIGEST_BYTES];   /* of the statement that the grants were verified against */
	struct store_caller by;
	char recipient[NAME_MAX_TEXT + 1];      /* of all of them */
	int64_t now;
	unsigned n_grants;
	const struct store_new_grant *grant;
};
/* Who may: the owner anything; others for own devices within what they have, and, with a grant that says so, to read for somebody else. What somebody
 * else than the caller granted before stays, but for the owner's word and for own devices. NO_ITEM also when the caller may not see it; REVOKED (the
 * caller, meanwhile), NO_USER, NO_KEY, NOT_ALLOWED (ret_why then says why, statically), EXPIRED. ret_who as in store_add_item. */
int store_put_grants(struct store_writer *writer, const struct store_share *share, uint64_t *ret_sequence, struct store_told *told,
                     char ret_who[STORE_WHO_TEXT], const char **ret_why);
/* By the owner for another user, or by a reader for himself. NO_USER when there was nothing to end, NOT_ALLOWED. Uses id, by, recipient and now. */
int store_drop_grants(struct store_writer *writer, const struct store_share *share, uint64_t *ret_sequence, struct store_told *told,
                      const char **ret_why);

/* ------------------------------------------ expiry.c: what ends by itself ------------------------------------------ */
/* An item (user: its owner, its object's file is to be removed), or a reader's access to one. */
struct store_expired { bool is_item; uint8_t id[ITEM_ID_BYTES]; char user[NAME_MAX_TEXT + 1]; };
/* Ends what is due, at most limit items and as many grants, with fn for each that ended. ret_sequence is the last one used, or untouched. */
int store_expire(struct store_writer *writer, int64_t now, unsigned limit, struct store_told *told, uint64_t *ret_sequence,
                 int (*fn)(const struct store_expired *expired, void *arg), void *arg);
/* When the next thing ends; INT64_MAX: nothing will. */
int store_next_expiry(struct store_reader *reader, int64_t *ret_when);

/* -------------------------------------------------------------- events.c ---------------------------------------------------------------- */
/* event->sequence comes from store_next_sequence: one for a change, however many users are told; two events of one user need two. */
int store_add_event(struct store_writer *writer, const struct store_event *event);
/* The people who share an item with the user, whoever's it is: at most limit, by the newest items. fn non-zero ends. */
int store_list_acquaintances(struct store_reader *reader, int64_t user_id, unsigned limit, int (*fn)(int64_t user_id, void *arg), void *arg);
/* How many of the user's newest events, since the time, are about devices of his own. Looks at some hundreds only. */
int store_count_device_events(struct store_reader *reader, int64_t user_id, const char *name, int64_t since, unsigned *ret_n);
/* STORE_EVENT_REMOVED of this item to everybody who has it, one sequence number for all; before the item goes. */
int store_add_removal(struct store_writer *writer, int64_t item_row, const uint8_t id[ITEM_ID_BYTES], const char *what, const char *by, int64_t now,
                      uint64_t *ret_sequence, struct store_told *told);
/* True when there are events older than before that store_expire_events would remove. */
bool store_has_old_events(struct store_reader *reader, int64_t before);
int store_expire_events(struct store_writer *writer, int64_t before);

/* -------------------------------------------------------------- audit.c ---------------------------------------------------------------- */
struct store_audit {
	uint64_t sequence;
	int64_t time;
	const char *event, *role, *user, *device, *item, *peer, *text;  /* NULL or empty: absent */
};
int store_add_audit(struct store_writer *writer, const struct store_audit *audit);      /* at the end of the chain */
struct store_audit_filter {
	int64_t since, until;                   /* from since on, before until; until 0: without end */
	const char *user, *device, *item, *event;       /* NULL or empty: any */
};
/* In order, what the filter lets through with sequence > after and <= to, at most limit. */
int store_list_audit(struct store_reader *reader, const struct store_audit_filter *filter, uint64_t after, uint64_t to, unsigned limit,
                     int (*fn)(const struct store_audit *audit, void *arg), void *arg);
int store_last_audit(struct store_reader *reader, uint64_t *ret_sequence);

/* ---- audit_chain.c, audit_verify.c ---- */
struct store_audit_head { uint64_t number; uint8_t hash[DIGEST_BYTES]; };       /* of the last line; 0 and zeros before the first */
#define STORE_AUDIT_HEAD_TEXT (20 + 1 + 2 * DIGEST_BYTES)
int store_audit_head_parse(struct span text, struct store_audit_head *ret_head);        /* "NUMBER:HEX" */
void store_audit_head_print(const struct store_audit_head *head, char ret_text[STORE_AUDIT_HEAD_TEXT + 1]);
int store_get_audit_head(struct store_reader *reader, struct store_audit_head *ret_head);
/* Removes lines from the beginning up to the first that is not older than before, at most limit; the rest can still be verified. */
int store_trim_audit(struct store_writer *writer, int64_t before, unsigned limit, unsigned *ret_n);
struct store_audit_verdict { uint64_t n_lines, n_problems; struct store_audit_head anchor, last; };
/* True when there are lines and the head is gone, or no head: then no line can be added. store_verify_audit does not tell of it. */
int store_audit_head_is_missing(struct store_reader *reader, bool *ret_missing);
int store_mend_audit_head(struct store_writer *writer);
/* problem is called with one sentence for each run of lines that are not as they were written, and when known, a head noted before (NULL: none),
 * is not in the chain. Any thread with its own reader. */
int store_verify_audit(struct store_reader *reader, const struct store_audit_head *known, void (*problem)(const char *sentence, void *arg), void *arg,
                       struct store_audit_verdict *ret_verdict);

/* ------------------------------------------ operate.c: what only the administrator does ------------------------------------------ */
/* quota: bytes, 0 for no limit, -1 for the configured one. */
int store_set_quota(struct store_writer *writer, int64_t user_id, int64_t quota);
/* CONFLICT when the user is not in the state from. */
int store_set_user_state(struct store_writer *writer, int64_t user_id, enum store_state from, enum store_state to);
struct store_stored { uint8_t id[ITEM_ID_BYTES]; char owner[NAME_MAX_TEXT + 1]; int64_t received, expires; uint64_t bytes, n_readers; struct span statement; };
/* Newest first; user_id 0: everybody's; expires 0: never; n_readers besides the owner. */
int store_list_stored(struct store_reader *reader, int64_t user_id, unsigned limit, int (*fn)(const struct store_stored *item, void *arg), void *arg);
/* As store_delete_item, whoever's it is; who is told is told of nobody's name. */
int store_remove_item(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], char ret_owner[NAME_MAX_TEXT + 1], uint64_t *ret_sequence,
                      struct store_told *told);
/* Those that could be used now. */
int store_list_invites(struct store_reader *reader, int64_t now, int (*fn)(const struct store_invite *invite, int64_t created, void *arg), void *arg);
int store_find_open_invite(struct store_reader *reader, int64_t invite_id, int64_t *ret_user_id);       /* NO_INPUT */
/* invite_id 0: all of the user's. */
int store_drop_invites(struct store_writer *writer, int64_t user_id, int64_t invite_id, unsigned *ret_n);
/* ------------------------------------------------------ backup.c ------------------------------------------------------------------------ */
#define STORE_BACKUP_DATABASE ".backup.db"      /* under incoming/ */
#define STORE_BACKUP_LIST ".backup.list"
#define STORE_RESTORING "restoring"             /* under db/: sisctl is at it; then it renames it to */
#define STORE_RESTORED "restored"
/* A consistent copy of the database, while others write, and the list of its objects: lines "ID BYTES", by id. Any thread with a reader of its own. */
int store_backup(struct store_writer *writer, struct store_reader *reader, const char *state_dir, struct store_totals *ret_totals);
void store_backup_remove(struct store_writer *writer);
/* At start: in a store that `sisctl restore` made, numbers go on where none was ever given out, everybody is sent RESET, and open invites end.
 * INTERRUPTED when the restore was not completed. */
int store_begin_restored(struct store_writer *writer, const char *state_dir, bool *ret_restored);

/* ---------------------------------------------------- recover.c, check.c --------------------------------------------------------------- */
struct store_recovery { unsigned n_finished, n_undone, n_orphans, n_dropped; bool unclean; };
/* At start, before anything else: ends what an unclean stop left half done, and marks the database as in use. */
int store_recover(struct store_writer *writer, struct store_recovery *ret_recovery);
int store_mark_clean(struct store_writer *writer);      /* last thing before an orderly end */

/* ------------------------------------------------ check*.c: is all there, and as it was? ------------------------------------------------ */
enum store_problem_kind {
#define PROBLEM(name, mending, mend) PROBLEM_##name,
#include "store/problem.def"
#undef PROBLEM
	PROBLEM_END,
};
const char *store_problem_name(enum store_problem_kind kind);           /* "OBJECT_MISSING" */
const char *store_problem_mend(enum store_problem_kind kind);           /* what repairing does about it, or who else can */
bool store_problem_is_mended(enum store_problem_kind kind);             /* store_mend does */
bool store_problem_is_read_back(enum store_problem_kind kind);          /* … from its object, when store_mend is given the item */
bool store_problem_is_asked(enum store_problem_kind kind);              /* … only when the administrator says so */
bool store_problem_is_lost(enum store_problem_kind kind);               /* an item is: store_mend puts back what was staged, or, when told to, removes it */

#define STORE_PROBLEM_PATH 192
struct store_problem {
	enum store_problem_kind kind;
	char sentence[320];
	bool has_item;
	uint8_t item[ITEM_ID_BYTES];
	char user[NAME_MAX_TEXT + 1];           /* whose; empty: nobody's */
	int64_t received;                       /* of the item; 0: not known */
	char readers[8 * (NAME_MAX_TEXT + 1)];  /* who else can read it, with commas; empty: nobody */
	unsigned n_more_readers;
	/* for store_mend */
	int64_t row, user_id;
	char path[STORE_PROBLEM_PATH];
	uint8_t statement_hash[DIGEST_BYTES];   /* of an object that is read back */
};

void store_problem_add_reader(struct store_problem *about, unsigned n, const char *name);       /* the n-th, from 0 on */
#define STORE_WHY_TEXT 160

struct store_check_result { uint64_t n_items, bytes, n_problems; };
struct public_key;
struct store_check_options {
	bool full;                              /* every byte and every signature, too */
	bool alone;                             /* no daemon is at work: nothing is on its way */
	bool recover_items;                     /* objects in lost/, too */
	void (*problem)(const struct store_problem *problem, void *arg);
	void (*progress)(const struct store_check_result *result, void *arg);   /* NULL allowed */
	bool (*ends)(void *arg);                /* true: the check ends with INTERRUPTED; NULL allowed */
	bool (*is_kept)(const uint8_t id[ITEM_ID_BYTES]);       /* an object whose item is gone, and that is to stay for now; NULL: none */
	/* The key of the certificate; NULL: signatures are not verified. */
	int (*find_key)(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key);
	/* The item that an object holds, verified as at its upload: fills received, readers, n_more_readers and statement_hash. ret_why: what is wrong with it. NULL: objects
	 * without a row are only named. */
	int (*read_object)(struct store_reader *reader, int fd, struct store_problem *about, char ret_why[STORE_WHY_TEXT]);
	void *arg;
};
/* Any thread with its own reader, beside the ledger's work. What cannot be read is a problem, not a failure. */
int store_check(struct store_reader *reader, const struct store_check_options *options, struct store_check_result *ret_result);

/* ---- check_orphans.c ---- */
int store_open_orphan(struct store_reader *reader, const struct store_problem *problem, int *ret_fd);
/* Whose the object says that it is, by its statement: the user's name, and the certificate's fingerprint. BAD_FORMAT. */
struct store_object_owner { char user[NAME_MAX_TEXT + 1]; uint8_t fingerprint[STORE_FINGERPRINT_BYTES]; int64_t made; };
int store_read_object_owner(int fd, struct store_object_owner *ret_owner);
/* The device of a certificate, whatever has become of it. NO_KEY when there is none; *ret_state is the user's. */
int store_find_signer(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_signer, enum store_state *ret_state);
bool store_has_live_device(struct store_reader *reader, int64_t user_id, const char *device);

/* -------------------------------------------------------------- repair.c ---------------------------------------------------------------- */
#define STORE_STAGED ".restored."               /* incoming/.restored.ID: the bytes of a lost object, brought by who has a backup */
/* Is there what was lost, byte for byte? Any thread with its own reader. NO_INPUT when nothing was brought, MISMATCH when it is something else. */
int store_verify_staged(struct store_writer *writer, struct store_reader *reader, const uint8_t item[ITEM_ID_BYTES]);
struct store_mending {
	bool staged, remove_lost;               /* store_verify_staged has said yes; remove what is lost */
	const struct store_new_item *item;      /* to be read back, with its owner as its only reader; NULL: it is not */
};
struct store_mended { const char *deed; uint64_t sequence; struct store_told told; };
/* In a transaction: mends what was found, after looking again. deed: what was done, in words, for the log; NULL: it was gone already. Files that are moved go
 * to lost/. NOT_ALLOWED when this is nothing to mend, or not like that; BUSY when it may be under way. */
int store_mend(struct store_writer *writer, const struct store_problem *problem, const struct store_mending *mending, struct store_mended *ret_mended);

/* ------------------------------------------------------------- salvage.c ---------------------------------------------------------------- */
/* Nobody has the store open. What can be read of the damaged database becomes a new one; told is called for each table of which rows are lost. The damaged
 * one is kept in lost/. DAMAGED when not even its beginning can be read. When rows were lost, the next start tells everybody that the server went back. */
int store_salvage(const char *state_dir, void (*told)(const char *sentence, void *arg), void *arg);
