/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Revocation, in the order that leaves no gap: first the database, which decides at every request; then every worker closes the connections that
 * were let in before; then the list for those who cannot ask. Only then is the administrator told that it is done.
 *
 * Disabling a user goes the same way without the list, because the certificates stay good; what uploads have brought stays, too. Disconnecting is
 * the closing alone. */
#include "ledger/figures.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVOKE_WAIT_MS 2000
/* RFC 5280 §5.3.1 */
#define REASON_KEY_COMPROMISE 1
#define REASON_CESSATION 5

static struct revoke_order *orders;

/* Who was revoked may still turn out to have been robbed: that the key was compromised is told afterwards, too, and never taken back. */
static int revoke_check_state(struct revoke_order *order, bool is_revoked)
{
	order->is_afterwards = is_revoked && order->what == REVOKE_FOR_GOOD && order->compromised;
	return is_revoked && !order->is_afterwards ? -SIS_ERR_REVOKED : 0;
}

static int revoke_find(struct store_writer *writer, struct revoke_order *order)
{
	struct store_user user;
	enum store_state state;
	int r = store_find_user(store_as_reader(writer), order->user, &user);
	if (r < 0)
		return r;
	order->user_id = user.user_id;
	order->was_disabled = user.state == STORE_DISABLED;
	if (order->device[0] == '\0')
		return revoke_check_state(order, user.state == STORE_REVOKED);
	r = store_find_device(store_as_reader(writer), user.user_id, order->device, &order->device_id, &state);
	return r < 0 ? r : revoke_check_state(order, state != STORE_LIVE);
}

struct revoke_telling { struct store_writer *writer; struct revoke_order *order; };

static int revoke_tell(const struct store_device *device, void *arg)
{
	struct revoke_telling *telling = arg;
	struct revoke_order *order = telling->order;
	if (order->device_id != 0 && order->device_id != device->device_id)
		return 0;
	return devices_tell(telling->writer, order->user_id, device->device, DEVICE_REVOKED, &order->news);
}

/* Who is disabled has no devices for anybody: for the telling they are live once more, in this transaction. */
static int revoke_run_for_good(struct store_writer *writer, struct revoke_order *order)
{
	struct revoke_telling telling = { writer, order };
	unsigned reason = order->compromised ? REASON_KEY_COMPROMISE : REASON_CESSATION;
	int r = order->was_disabled ? store_set_user_state(writer, order->user_id, STORE_DISABLED, STORE_LIVE) : 0;
	if (r < 0)
		return r;
	/* While they are still among the live ones; those of a user who is revoked already are listed no more. */
	r = store_list_devices(store_as_reader(writer), order->user, revoke_tell, &telling);
	if (r == 0 || r == -SIS_ERR_NO_USER)
		r = store_revoke(writer, order->user_id, order->device_id, reason, order->now, &order->n_devices);
	if (r == 0 && order->was_disabled && order->device_id != 0)
		r = store_set_user_state(writer, order->user_id, STORE_LIVE, STORE_DISABLED);
	return r;
}

static int revoke_run(struct store_writer *writer, struct change *change)
{
	struct revoke_order *order = (struct revoke_order *)change;
	int r = revoke_find(writer, order);
	if (r == 0 && order->is_afterwards) {
		r = store_change_reason(writer, order->user_id, order->device_id, REASON_KEY_COMPROMISE, &order->n_devices);
		return r == -SIS_ERR_CONFLICT ? -SIS_ERR_REVOKED : r;
	}
	if (r == 0 && order->what == REVOKE_FOR_GOOD)
		r = revoke_run_for_good(writer, order);
	else if (r == 0 && order->what == REVOKE_DISABLE)
		r = store_set_user_state(writer, order->user_id, STORE_LIVE, STORE_DISABLED);
	return r;
}

static void revoke_log(const struct revoke_order *order)
{
	const char *device = order->device[0] != '\0' ? order->device : "*";
	if (order->what == REVOKE_DISABLE)
		audit_event(&LOG(USER_DISABLED, .user = order->user, .peer = order->by, .count = order->n_connections));
	else if (order->what == REVOKE_DISCONNECT)
		audit_event(&LOG(DISCONNECTED, .user = order->user, .device = device, .peer = order->by, .count = order->n_connections));
	else
		audit_event(&LOG(REVOKED, .user = order->user, .device = device, .peer = order->by, .count = order->n_connections,
		                 .reason = order->reason[0] != '\0' ? order->reason : order->compromised ? "the key was compromised" : "no reason was given"));
}

static void revoke_end(struct revoke_order *order, int error)
{
	loop_remove(order->timer);
	struct revoke_order **at = &orders;
	while (*at != NULL && *at != order)
		at = &(*at)->next;
	if (*at == order)
		*at = order->next;
	if (error == 0)
		revoke_log(order);
	if (error == 0 && order->what == REVOKE_FOR_GOOD)
		figures_observe(FIGURES_REVOCATION, order->started_ns);
	order->done(order, error, order->n_devices, order->n_connections, order->arg);
	free(order);
}

static void revoke_check_end(struct revoke_order *order)
{
	if (order->crl_done && !peers_owe_revoke(order->id))
		revoke_end(order, 0);
}

/* An answer settles earlier orders, too: a worker that came after one was sent has only the later ones to answer, and owes that one until then. */
static void revoke_check_all(void)
{
	for (struct revoke_order *order = orders, *next; order != NULL; order = next) {
		next = order->next;
		revoke_check_end(order);
	}
}

static struct revoke_order *revoke_lookup(uint64_t id)
{
	struct revoke_order *order = orders;
	while (order != NULL && order->id != id)
		order = order->next;
	return order;
}

/* The order may have ended by then: it is told by its number. */
static void revoke_crl_done(void *arg)
{
	struct revoke_order *order = revoke_lookup((uint64_t)(uintptr_t)arg);
	if (order == NULL)
		return;
	order->crl_done = true;
	revoke_check_end(order);
}

/* A worker that hangs must not hold up the administrator; its requests are refused by the database all the same. */
static void revoke_timed_out(void *arg)
{
	struct revoke_order *order = arg;
	if (peers_owe_revoke(order->id))
		log_event(&LOG(DIAGNOSTIC, .detail = "a worker did not say in time that it closed the connections of who was revoked"));
	revoke_end(order, 0);
}

static void revoke_done(struct completion *completion)
{
	static uint64_t last_id;
	struct revoke_order *order = (struct revoke_order *)completion;
	callers_forget();
	if (order->change.result < 0) {
		revoke_end(order, order->change.result);
		return;
	}
	order->id = ++last_id;
	order->next = orders;
	orders = order;
	(void)loop_add_timer(ledger.role.loop, REVOKE_WAIT_MS, revoke_timed_out, order, &order->timer);
	peers_broadcast_revoke(order->id, order->user_id, order->device_id);
	if (order->what != REVOKE_FOR_GOOD) {
		order->crl_done = true;
		revoke_check_end(order);
		return;
	}
	uploads_revoke(order->user_id, order->device_id);
	publish(order->news.sequence, &order->news.told);
	crl_publish(revoke_crl_done, (void *)(uintptr_t)order->id);
}

void revoke_start(struct revoke_order *order)
{
	order->now = time_now();
	order->started_ns = time_monotonic_ns();
	order->change.run = revoke_run;
	order->change.completion.done = revoke_done;
	transact_submit(&order->change);
}

void revoke_answered(uint64_t id, unsigned n_closed)
{
	struct revoke_order *order = revoke_lookup(id);
	if (order != NULL)
		order->n_connections += n_closed;
	revoke_check_all();
}

/* A worker that is gone has no connections. */
void revoke_peer_gone(void)
{
	revoke_check_all();
}
