/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The certificate revocation list, for whoever cannot ask the database: made anew at each revocation, and each day. A list has to fit a message,
 * some three thousand revoked certificates that have not expired; beyond that the one before stays, loudly: the server itself asks the database. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "pki/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRL_LIFETIME_S (7 * 86400)
#define CRL_RENEW_S 86400
#define CRL_ENTRIES_MAX (MESSAGE_MAX_BYTES - 4096)

struct crl_waiter { crl_done_fn *fn; void *arg; struct crl_waiter *next; };
struct crl_change {
	struct change change;
	uint8_t authority[STORE_FINGERPRINT_BYTES];
	bool is_in_force;                       /* by the authority in force, not by one that it has succeeded */
	int64_t number, next_update;
	size_t size;
	uint8_t der[];
};

static struct {
	bool ready, running, has_old;
	int64_t number, next_update;            /* of the one in force; while running, of the one being made */
	unsigned generation;                    /* whose list is being made: 0 is that of the authority in force, the others follow with the same number */
	int64_t stored_at;                      /* when the one in force was stored */
	int problem;                            /* why the newest could not be made; 0: it was */
	struct crl_waiter *waiting;             /* for the next one to start */
	struct crl_waiter *served;              /* by the one that is being made */
} crl;

static void crl_make(void);

static void crl_end(void)
{
	struct crl_waiter *waiter = crl.served;
	crl.served = NULL;
	crl.running = false;
	while (waiter != NULL) {
		struct crl_waiter *next = waiter->next;
		if (waiter->fn != NULL)
			waiter->fn(waiter->arg);
		free(waiter);
		waiter = next;
	}
	if (crl.waiting != NULL && !crl.running)
		crl_make();
	ledger_step();
}

/* A daemon without a new list serves all the same when it has an old one, and when there can be none: its own answers do not come from the list. */
static void crl_fail(int error)
{
	if (crl.problem != error)
		audit_event(&LOG(CRL_FAILED, .reason = error == -SIS_ERR_TOO_LARGE ? "more certificates are revoked than a list can hold" : error_text(error)));
	crl.problem = error;
	if (error == -SIS_ERR_TOO_LARGE || crl.has_old)
		crl.ready = true;
	crl_end();
}

int crl_problem(void)
{
	return crl.problem;
}

static int crl_add_entry(const struct store_certificate *certificate, void *arg)
{
	struct builder *entries = arg;
	if (certificate->serial.size == 0 || certificate->serial.size > SERIAL_MAX)
		return 0;
	builder_put_u8(entries, (uint8_t)certificate->serial.size);
	builder_put_bytes(entries, certificate->serial.data, certificate->serial.size);
	builder_put_u64(entries, (uint64_t)certificate->revoked);
	builder_put_u8(entries, (uint8_t)certificate->reason);
	return entries->failed ? -SIS_ERR_TOO_LARGE : 0;
}

static void crl_ask(void)
{
	int64_t now = time_now();
	CLEANUP_FREE uint8_t *data = malloc(CRL_ENTRIES_MAX);
	struct builder entries = builder_from(data, data != NULL ? CRL_ENTRIES_MAX : 0);
	int r = data == NULL ? -SIS_ERR_NO_MEMORY : store_list_revoked(ledger.view, now, crl_add_entry, &entries);
	if (r < 0) {
		crl_fail(r);
		return;
	}
	crl.next_update = now + CRL_LIFETIME_S;
	struct message_sign_crl message = { .number = (uint64_t)crl.number, .this_update = now, .next_update = crl.next_update,
	                                    .entries = { entries.data, entries.size } };
	memcpy(message.authority, authority_fingerprint(crl.generation), sizeof(message.authority));
	signer_sign_crl(&message);
}

static void crl_make(void)
{
	crl.running = true;
	crl.served = crl.waiting;
	crl.waiting = NULL;
	crl.generation = 0;
	crl.number++;
	crl_ask();
}

static int crl_run_store(struct store_writer *writer, struct change *change)
{
	struct crl_change *made = (struct crl_change *)change;
	struct span der = { made->der, made->size };
	int r = store_set_crl(writer, made->authority, der);
	if (!made->is_in_force)
		return r;
	if (r == 0)
		r = store_set_meta(writer, "crl", der);
	if (r == 0)
		r = store_set_meta_number(writer, "crl_number", made->number);
	return r < 0 ? r : store_set_meta_number(writer, "crl_next", made->next_update);
}

static void crl_done_store(struct completion *completion)
{
	struct crl_change *made = (struct crl_change *)completion;
	if (made->change.result < 0) {
		int error = made->change.result;
		audit_store_failed(error, "the revocation list was not stored");
		free(made);
		crl_fail(error);
		return;
	}
	if (++crl.generation < authority_n_living()) {
		free(made);
		crl_ask();
		return;
	}
	char number[24];
	snprintf(number, sizeof(number), "%lld", (long long)made->number);
	log_event(&LOG(CRL_PUBLISHED, .detail = number));
	crl.ready = crl.has_old = true;
	crl.problem = 0;
	crl.stored_at = time_now();
	free(made);
	crl_end();
}

void crl_handle_signed(const struct message_crl_signed *message)
{
	struct crl_change *made = message->status == 0 && crl.running ? malloc(sizeof(*made) + message->crl.size) : NULL;
	if (made == NULL) {
		if (crl.running)
			crl_fail(message->status != 0 ? -(int)message->status : -SIS_ERR_NO_MEMORY);
		return;
	}
	*made = (struct crl_change){ .change = { .run = crl_run_store, .completion.done = crl_done_store }, .number = crl.number,
	                             .next_update = crl.next_update, .is_in_force = crl.generation == 0, .size = message->crl.size };
	memcpy(made->authority, authority_fingerprint(crl.generation), sizeof(made->authority));
	memcpy(made->der, message->crl.data, made->size);
	transact_submit(&made->change);
}

void crl_publish(crl_done_fn *fn, void *arg)
{
	struct crl_waiter *waiter = calloc(1, sizeof(*waiter));
	if (waiter == NULL) {
		if (fn != NULL)
			fn(arg);
		return;
	}
	*waiter = (struct crl_waiter){ fn, arg, crl.waiting };
	crl.waiting = waiter;
	if (!crl.running)
		crl_make();
}

/* A new one at every start: it costs nothing, and the CA may be another; and when the CA has a successor. */
void crl_start(void)
{
	crl.number = store_get_meta_number(ledger.view, "crl_number", 0);
	crl.has_old = store_get_meta_number(ledger.view, "crl_next", 0) > time_now();
	crl_publish(NULL, NULL);
}

bool crl_is_ready(void)
{
	return crl.ready;
}

/* Also when the clock has gone back: the list would be of the future. */
void crl_tick(bool again)
{
	if (ledger.has_ca && !crl.running && (crl.problem != 0 ? again : time_now() - crl.stored_at >= CRL_RENEW_S || time_now() < crl.stored_at))
		crl_publish(NULL, NULL);
}
