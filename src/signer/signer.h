/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The signer: holds the CA key and the server's TLS key, and signs nothing but TLS 1.3 handshakes for workers, and certificates and CRLs
 * for the ledger. It never reads a byte from the network, and after its start it opens nothing. */
#pragma once

#include "ipc/channel.h"
#include "ipc/role.h"
#include "pki/pki.h"

#include <sys/types.h>

#define TICKET_KEY_BYTES 64
#define CHAIN_MAX_CERTIFICATES 8
#define CHAIN_MAX_BYTES (CHAIN_MAX_CERTIFICATES * (CERTIFICATE_MAX_BYTES + 4))
#define REFUSALS_LOGGED_PER_MINUTE 10

struct identity {                       /* a server key and its certificate chain; absent when generation is 0 */
	uint32_t generation;
	struct signing_key key;
	struct blob chain;              /* u32-sized DER, leaf first */
	int64_t not_after;
	int64_t made, renew_at;         /* of our own: that of tls_certificate nobody here can renew */
};

/* Of what, and how urgently that was told already (ending.c). */
struct ending { int64_t not_after; unsigned warned; };

/* A key of the authority. The last one is in force; the others are there for what they have signed, and for who knows only them. */
#define GENERATIONS_MAX AUTHORITIES_MAX
#define GENERATIONS_LIVING_MAX 4        /* with all that they sign for each other, no more certificates than a client takes in a handshake */
struct generation {
	struct pki_ca *ca;
	struct blob root, cross;        /* its own certificate, and the one that the generation before signed for it (none for the first) */
	int64_t not_before, not_after;
	struct ending ending;
};

struct worker {
	uint32_t number;
	struct signer *signer;
	struct channel *channel;
	struct worker *next;
};

struct signer {
	struct role_setup setup;
	int keys_fd, ledger_fd;         /* until confined */
	uid_t uid;
	gid_t gid;
	bool is_ready;
	struct generation generations[GENERATIONS_MAX];
	unsigned n_generations;
	struct pki_ca *ca;              /* of the last generation */
	struct blob bundle;             /* what cacerts gives */
	int next_fd;                    /* "next", for a successor's key: nothing is opened later; -1: none can be stored */
	uint64_t ca_lifetime_s;
	struct channel *ledger;
	struct worker *workers;

	uint32_t generation;                    /* the last one that was given */
	struct identity identity, previous;     /* connections that began with the one before may still ask for it */
	struct identity external, external_previous;    /* from tls_certificate: what clients without the own authority are shown */
	uint8_t ticket_key[TICKET_KEY_BYTES];   /* of all workers; a new one when a worker is gone */
	char *server_names;
	uint64_t server_lifetime_s;
	struct loop_source *renewal;
	bool renewal_failed;
	int64_t renewal_told;           /* when that was last logged */
	struct ending server_ending, external_ending;

	uint64_t refusals_since_ns;
	unsigned n_refusals;
};

/* keys.c. Loads ca.key and ca.pem beneath dir_fd, or makes them, as whoever we are, when neither is there. CONFIG with a sentence in *ret_reason. */
int keys_load(int dir_fd, uint64_t lifetime_s, struct pki_ca **ret_ca, const char **ret_reason);
bool keys_is_private(int dir_fd, const char *name);

/* generations.c. All keys of the authority: the first (keys.c) and its successors, ca-2.pem and so on. CONFIG with a sentence in *ret_reason. */
int generations_load(struct signer *signer, const char **ret_reason);
int generations_add(struct signer *signer, struct pki_ca *ca, struct blob *cross);    /* takes both, when it succeeds */
/* What is shown besides a leaf: for who knows only a former generation, the way from there; then each that lives, for who knows its fingerprint. */
void generations_put_chain(const struct signer *signer, int64_t now, struct builder *chain);
int generations_roots(const struct signer *signer, struct blob *ret_set);       /* the last one first */
void generations_wipe(struct signer *signer);

/* rollover.c. */
int rollover_begin(struct signer *signer, const char **ret_reason);
void rollover_answer(struct signer *signer, struct channel_packet *packet);
void rollover_tell_ledger(struct signer *signer);

/* identity.c. A new generation; the one in force becomes the previous one. The old stays in force on failure. */
int identity_make(struct signer *signer, const char **ret_reason);
int identity_take(struct signer *signer, int chain_fd, int key_fd, const char **ret_reason);
void identity_drop_external(struct signer *signer);     /* the configuration names none any more */
void identity_announce(struct signer *signer, struct channel *worker);
void identity_announce_all(struct signer *signer);
void identity_wipe(struct identity *identity);
#define CLEANUP_IDENTITY __attribute__((cleanup(identity_wipe)))
const struct identity *identity_find(const struct signer *signer, uint32_t generation);         /* NULL when unknown or too old */

/* external.c. read: *ret_reason is a sentence on failure. doubt: a sentence about why those who are shown it will refuse it, or NULL. check: answers
 * CHECK_IDENTITY, and ends. */
int external_read(int chain_fd, int key_fd, struct identity *identity, const char **ret_reason);
const char *external_doubt(const struct identity *identity, const char *names, int64_t now);
void external_check(struct signer *signer, struct channel *master, struct channel_packet *packet);

/* renewal.c. Looks at the clock at least once a minute: what has to be renewed, and what has to be warned of. */
void renewal_start(struct signer *signer);
void renewal_tick(void *signer);

/* ending.c. CERTIFICATE_ENDS at 30, 7 and 1 days before the end and at the end, each once, and at the first look when that is within. */
void ending_look(struct ending *ending, const char *what, int64_t not_after, int64_t now, const char *advice);
void ending_forget(struct ending *ending);

/* handshake.c, mint.c: answers to the requests of workers and ledger. */
void handshake_sign(struct worker *worker, struct channel_packet *packet);
void mint_certificate(struct signer *signer, struct channel_packet *packet);
void mint_crl(struct signer *signer, struct channel_packet *packet);
/* What may be signed for a TLS 1.3 server, RFC 8446 §4.4.3: NULL, or why not. */
const char *handshake_refusal(enum key_algorithm algorithm, struct span data);
