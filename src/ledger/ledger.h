/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ledger: the only writer of database and objects. One loop thread decides and answers; it never waits for a disk. Two kinds of threads wait
 * for it: the pool reads and flushes files, the transaction thread owns the writing connection and commits whatever has gathered, together. */
#pragma once

#include "base/json.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/loop.h"
#include "crypto/sign.h"
#include "format/item.h"
#include "ipc/role.h"
#include "store/writer.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger {
	struct role_setup role;
	struct store_writer *writer;            /* the transaction thread's; its directory descriptors are everybody's */
	struct store_reader *view;              /* the loop thread's */
	char state_dir[2048];
	uint32_t own_uid;                       /* who started sisd */
	bool configured, ready, stopping;
	struct {
		bool open_registration, device_invites;
		char public_address[300];       /* "host:port", for invites */
		uint64_t invite_lifetime_s, certificate_lifetime_s, max_item_bytes, quota_bytes, upload_lifetime_s, audit_lifetime_s, new_uploads_per_user;
		uint32_t uploads_per_user, enroll_failures_per_source, enroll_failures_per_name, registrations_per_source, device_invites_per_user;
	} conf;
	bool has_ca;
	uint8_t ca_fingerprint[STORE_FINGERPRINT_BYTES];
};
extern struct ledger ledger;            /* the process's one */

void ledger_step(void);                 /* after anything that may have been waited for: says READY, or ends when stopping and idle */

/* ---- completion.c: work that other threads have ended comes back to the loop thread ---- */
struct completion { void (*done)(struct completion *completion); struct completion *next; };
int completion_start(struct loop *loop);
void completion_expect(void);                                   /* at submission: one more will be posted */
void completion_post(struct completion *completion);            /* any thread */
unsigned completion_n_expected(void);                           /* submitted anywhere and not yet done */

/* ---- pool.c: threads for blocking work ---- */
struct job {
	struct completion completion;           /* first; done runs on the loop thread and owns the job again */
	void (*work)(struct job *job);          /* on a pool thread: touches nothing but the job and the writer's descriptors */
	struct change *then;                    /* set by work: goes on to the transaction thread; done of the job is not called */
	struct job *next;
};
void pool_submit(struct job *job);

/* ---- roots.c: large files are read by two threads ---- */
/* As store_part_root. Pool thread. */
int roots_of_part(int fd, uint64_t offset, uint64_t size, uint8_t ret_root[DIGEST_BYTES]);

/* ---- sweep.c: names that are needed no more ---- */
void sweep_incoming(const char *upload_id);                     /* removes incoming/<upload id>, soon, without waiting for the disk */
void sweep_end(void);                                           /* removes what has gathered, now */

/* ---- transact.c: group commit ---- */
struct change {
	struct completion completion;           /* first; done runs on the loop thread, after the commit */
	int (*run)(struct store_writer *writer, struct change *change);        /* on the transaction thread; undone alone when it fails */
	int result;                             /* of run, or of the commit when that failed */
	struct change *next;
};
int transact_start(struct store_writer *writer);
void transact_submit(struct change *change);
void transact_pass(struct change *change);                      /* the same from a pool thread, whose job is expected already */
void transact_stop(void);                                       /* commits what is queued and ends the thread */
struct transact_figures { uint64_t n_batches, n_changes, largest; };
struct transact_figures transact_figures(void);
bool transact_is_short_of_room(uint64_t *ret_free_bytes);       /* the disk is nearly full: nothing may be added */

/* ---- room.c ---- */
void room_tick(void);

/* ---- holder.c ---- */
void holder_tick(void);

/* ---- peers.c: the workers ---- */
struct request { uint64_t peer, id; };                          /* whom to answer, if he still lives; peer 0: nobody */
void peers_add(uint32_t worker, int fd);
struct channel *peers_find(uint64_t peer);                      /* NULL when it is gone */
uint32_t peers_worker(uint64_t peer);                           /* its number, for the log */
void peers_broadcast_published(uint64_t sequence, struct span users);
/* Sends REVOKE to every worker; revoke_answered(id, ...) hears of each. */
void peers_broadcast_revoke(uint64_t id, int64_t user_id, int64_t device_id);
bool peers_owe_revoke(uint64_t id);                              /* somebody has not answered that one */
void peers_answer_done(struct request request, int error, const char *detail);

/* ---- publish.c: telling the workers who has something new; loop thread, after the commit ---- */
void publish(uint64_t sequence, const struct store_told *told);
void publish_tick(void);                                        /* forgets events that are too old */

/* ---- device_news.c: telling people of devices ---- */
enum device_what { DEVICE_ENROLLED, DEVICE_RENEWED, DEVICE_KEY, DEVICE_ENDORSED, DEVICE_REVOKED };
struct device_news { uint64_t sequence; struct store_told told; };      /* to publish() after the commit */
/* In a transaction: rows for the user and, but for renewals, for the people who share an item with him. Adds to *news. */
int  devices_tell(struct store_writer *writer, int64_t user_id, const char *device, enum device_what what, struct device_news *news);

/* ---- people.c ---- */
struct invite_order {                   /* AddUser, Invite */
	struct change change;
	void (*done)(struct invite_order *order, int error, const char *invite, void *arg);     /* the invite line is borrowed; it is wiped after */
	void *arg;
	bool add;                               /* a new user; else one that is there */
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], by[64];
	char line[512];
	uint8_t code_hash[STORE_CODE_HASH_BYTES];
	int64_t now, expires;
};
/* Takes the order (malloc'd); done is always called, and the order freed after it. */
void people_order_invite(struct invite_order *order);
void people_tick(void);                                         /* drops expired invites */

/* ---- callers.c: who is calling, and with which keys ---- */
#define SIGNERS_MAX 32                  /* as many as a device may have that are valid (enroll.c): each of them may sign */
struct signers { unsigned n; struct { uint8_t fingerprint[STORE_FINGERPRINT_BYTES]; struct public_key key; } one[SIGNERS_MAX]; };
/* As store_find_caller, from memory when it was asked before. */
int  callers_find(const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_caller);
/* The key of this certificate, whoever's it is. */
int  callers_find_key(const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key);
int  callers_read_key(struct span der, int64_t revoked, unsigned reason, void *arg);   /* for store_find_certificate; arg: struct public_key *; any thread */
/* The keys of the device's newest certificates. */
int  callers_list_signers(int64_t device_id, struct signers *ret_signers);
void callers_forget(void);                                      /* after a change of users, devices or certificates */

/* MISMATCH when none of them has this fingerprint. (share_check.c) */
int  signers_find(const struct signers *signers, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key);

/* ---- limits.c: limits that are kept here, for all workers ---- */
void limits_hit(enum limit limit);                              /* counts; that somebody was refused is logged by who refuses */
void limits_tell(enum limit limit, const char *user, const char *peer);         /* counts, and logs LIMIT_HIT in measure */
void limits_add(json_t *rows);                                  /* ours to the workers', of `sisctl status` */
/* Whether this user may begin one more upload; counts it when so. */
bool limits_take_upload(int64_t user_id);

/* ---- attempts.c: who may try again to log in ---- */
/* A source ("address:port"; IPv6 counts by /64), or the name whose password is tried, from wherever, or the name that devices invite devices for. Failures
 * (of the last kind: invites) wear off with time. */
enum attempts_kind { ATTEMPTS_SOURCE, ATTEMPTS_NAME, ATTEMPTS_INVITES, ATTEMPTS_REGISTRATIONS };
uint32_t attempts_wait_s(enum attempts_kind kind, const char *who);     /* 0, or the seconds to wait */
void attempts_add(enum attempts_kind kind, const char *who);
void attempts_forgive(enum attempts_kind kind, const char *who);        /* takes one back: the login was right */

/* ---- enroll.c ---- */
void enroll_handle_enroll(struct request request, const struct message_enroll *message);
void enroll_handle_renew(struct request request, const struct message_renew *message);

/* ---- devices.c ---- */
void devices_handle_publish_key(struct request request, const struct message_publish_key *message);
void devices_handle_invite(struct request request, const struct message_invite_device *message);

/* ---- endorse.c: devices that vouch for each other ---- */
void endorse_handle(struct request request, const struct message_endorse *message);

/* ---- signer.c: the channel to the signer ---- */
int signer_connect(int fd);
typedef void signer_minted_fn(const struct message_minted *minted, void *arg);          /* NULL: the signer did not answer */
void signer_mint(const struct message_mint *mint, signer_minted_fn *fn, void *arg);
/* One at a time: BUSY. detail: why not, or "". The authority itself comes before, by authority_handle_ca. */
typedef void signer_rolled_over_fn(int error, const char *detail, void *arg);
void signer_roll_over(signer_rolled_over_fn *fn, void *arg);
void signer_sign_crl(const struct message_sign_crl *crl);       /* crl_handle_signed hears of it */

/* ---- authority.c: the certificate authority and its successors ---- */
unsigned authority_n_living(void);                              /* generations that have not ended, 1 at least */
const uint8_t *authority_fingerprint(unsigned generation);      /* 0 is the one in force, then those before it */
void authority_handle_ca(const struct message_ca *message);     /* the signer has another one, or has begun */
void authority_tick(void);                                      /* the successor, when two thirds of its life are over */

/* ---- crl.c ---- */
typedef void crl_done_fn(void *arg);
void crl_start(void);                   /* after the CA is known */
bool crl_is_ready(void);                /* one is stored and current, or nothing can be done about it */
int  crl_problem(void);                 /* why the newest list could not be made; 0: it was */
void crl_publish(crl_done_fn *fn, void *arg);                   /* makes and stores a new one; fn (NULL allowed) is told in the end, come what may */
void crl_handle_signed(const struct message_crl_signed *message);
void crl_tick(bool again);              /* again: also when the last one could not be made */

/* ---- uploads.c: the uploads under way ---- */
struct upload;
int  uploads_load(void);
void uploads_handle_create(struct request request, const struct message_upload_create *message);
void uploads_handle_resume(struct request request, const struct message_upload_resume *message);
void uploads_handle_query(struct request request, const struct message_upload_query *message);
void uploads_handle_close(struct request request, const struct message_upload_close *message);
void uploads_handle_commit(struct request request, const struct message_upload_commit *message);
void uploads_handle_cancel(struct request request, const struct message_upload_cancel *message);
void uploads_peer_gone(uint64_t peer);
void uploads_revoke(int64_t user_id, int64_t device_id);        /* device_id 0: all of the user's */
void uploads_tick(void);
unsigned uploads_count(void);
uint64_t uploads_reserved_by(int64_t user_id);                   /* bytes that the user's unfinished uploads may still become */

/* ---- bundle.c: is the file what it says it is (pool thread) ---- */
struct bundle {
	/* in */
	struct store_caller caller;
	struct signers signers;                 /* of the caller's device: the statement is signed with one of them */
	uint64_t length;                        /* bytes that the file must have */
	bool one_thread;                        /* nobody waits for it */
	/* out */
	struct store_new_item item;             /* its texts borrow from the members below */
	char detail[160];                       /* a sentence on failure; may be empty */
	uint8_t *text;
	struct statement *statement;
	struct store_new_grant *grants;
};
int  bundle_verify(struct bundle *bundle, int fd);
/* RFC 9530: what the client announced for the whole, reckoned over the file that nobody can write to any more. SHA-256 or SHA-512, by its size. */
int  bundle_verify_digest(struct bundle *bundle, int fd, const uint8_t *wanted, size_t size);
void bundle_release(struct bundle *bundle);                     /* frees what it owns */

/* ---- commit.c ---- */
typedef void commit_done_fn(struct upload *upload, int error, const char *detail, const uint8_t item[ITEM_ID_BYTES], uint64_t sequence);
/* Verifies, makes durable, makes visible. fn is always called, in the loop thread; the upload must live until then. keep_row: its row gets the item. */
void commit_start(struct upload *upload, const struct store_upload *row, bool keep_row, const struct store_caller *caller, uint64_t length,
                  const char *peer, uint32_t worker, commit_done_fn *fn);
unsigned commit_n_running(void);

/* ---- items.c ---- */
void items_handle_delete(struct request request, const struct message_item_delete *message);

/* ---- share_check.c: are grants what their sender may send (any thread, no state) ---- */
#define SHARE_GRANTS_MAX 64
#define SHARE_CLOCK_SECONDS 3600        /* a grant is made just before it is sent; so far may clocks differ */
struct share_check {
	/* in */
	const struct statement *statement;
	const uint8_t *statement_hash;
	const struct signers *signers;          /* of the device that sends */
	const char *granter, *recipient;
	int64_t now;
	/* out */
	unsigned n;
	struct store_new_grant grant[SHARE_GRANTS_MAX];         /* their texts borrow */
	const char *why;                        /* a static sentence on failure */
};
int  share_check(struct share_check *check, struct span text);

/* ---- share.c ---- */
void share_handle_put(struct request request, const struct message_grants_put *message);
void share_handle_drop(struct request request, const struct message_grants_drop *message);

/* ---- expiry.c ---- */
void expiry_note(int64_t when);                                 /* something ends then; 0: never */
void expiry_tick(void);

/* ---- revoke.c: closing connections, for good, for a time, or once ---- */
enum revoke_what { REVOKE_FOR_GOOD, REVOKE_DISABLE, REVOKE_DISCONNECT };
struct revoke_order {
	struct change change;
	enum revoke_what what;
	void (*done)(struct revoke_order *order, int error, unsigned n_devices, unsigned n_connections, void *arg);
	void *arg;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], by[64], reason[128];
	bool compromised, is_afterwards;        /* the latter: was revoked before, and is now known to have been compromised */
	/* its own */
	int64_t user_id, device_id, now;
	unsigned n_devices, n_connections;
	struct device_news news;
	uint64_t id;
	uint64_t started_ns;
	bool was_disabled, crl_done;
	struct loop_source *timer;
	struct revoke_order *next;
};
void revoke_start(struct revoke_order *order);                  /* takes the order (malloc'd); done is always called */
void revoke_answered(uint64_t id, unsigned n_closed);
void revoke_peer_gone(void);

/* ---- audit.c ---- */
/* An event of the ledger itself, to the log and, when it is an audited one, to the audit table with the next batch. */
void audit_event(const struct log_args *args);
/* The same for what strangers can cause as often as they like: in measure, and what was left out is counted. */
void audit_refusal(const struct log_args *args);
/* The same, inside a transaction: the line is there exactly when the deed is. Log it with log_event() when it is done. */
int  audit_write(struct store_writer *writer, const struct log_args *args);
void audit_sum_dropped(bool at_once);                           /* LIMIT_HIT for what was dropped, also when nothing further happens */
void audit_handle(const struct message_audit *message);
void audit_flush(void);

/* ---- audit_chain.c ---- */
void audit_head_log(struct store_reader *reader);               /* AUDIT_HEAD: number and hash of the last line, to the log alone */
void audit_chain_tick(void);                                    /* once a day the head; and what audit_lifetime ends */
/* Calls fn once: problems owned by it. known NULL: no head to compare with. BUSY while another runs. */
typedef void audit_verified_fn(int error, json_t *problems, const struct store_audit_verdict *verdict, void *arg);
int audit_verify_start(const struct store_audit_head *known, audit_verified_fn *fn, void *arg);

/* ---- audit.c, still ---- */
/* A failure of the store, at most once in ten seconds. */
void audit_store_failed(int error, const char *what);

/* ---- control.c ---- */
void control_prepare(int listener_fd);  /* before the sandbox: looks up the socket's group */
int  control_start(void);
void control_tick(void);
void control_stop(void);

/* ---- logs.c ---- */
void logs_wake(void);                                           /* the audit table has grown */

/* ---- clock.c: is the time of day to be believed ---- */
void clock_start(void);                                         /* when the store is open */
void clock_tick(void);
void clock_end(void);                                           /* keeps the time; when the transaction thread has ended */
bool clock_is_doubtful(void);                                   /* nothing that has ended may be removed */
bool clock_makes_no_certificates(void);                         /* their dates would be wrong */
void clock_add_status(json_t *status);

/* ---- ending.c ---- */
void ending_add(json_t *status);                                /* warnings of certificates that end, from the times that stand in it */

/* ---- status.c ---- */
void status_handle_reply(uint64_t id, const struct message_role_status_reply *message);

/* ---- backup.c ---- */
/* Removes the object of an item that is gone; while a backup is made, at its end. Any thread. */
void backup_remove_object(const uint8_t id[ITEM_ID_BYTES]);
bool backup_keeps(const uint8_t id[ITEM_ID_BYTES]);             /* it is removed, but at the end of the backup; any thread */
void backup_stop(void);                                         /* the end of the ledger */

/* ---- check.c ---- */
void check_tick(void);
int  check_alone(const struct message_check_store *message, int fd);   /* check_alone.c: the exit status */
void check_stop(void);                                          /* the one under way ends soon */
