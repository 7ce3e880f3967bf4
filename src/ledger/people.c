/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who is calling, and inviting people. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"
#include "crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_BYTES 16                   /* 128 bits, 26 characters */

static int people_find_user_to_invite(struct store_writer *writer, struct invite_order *order, int64_t *ret_user_id)
{
	if (order->add)
		return store_add_user(writer, order->user, NULL, order->now, ret_user_id);
	struct store_user user;
	int r = store_find_user(store_as_reader(writer), order->user, &user);
	if (r == 0 && user.state != STORE_LIVE)
		r = user.state == STORE_DISABLED ? -SIS_ERR_DISABLED : -SIS_ERR_REVOKED;
	if (r == 0)
		*ret_user_id = user.user_id;
	return r;
}

/* One that is live may be invited, too: whoever has its key (restored it, or let its certificate expire) gets it certified again (enroll.c). */
static int people_check_device(struct store_writer *writer, int64_t user_id, const char *device)
{
	int64_t device_id;
	enum store_state state;
	if (device[0] == '\0')
		return 0;
	int r = store_find_device(store_as_reader(writer), user_id, device, &device_id, &state);
	return r == 0 && state != STORE_LIVE ? -SIS_ERR_CONFLICT : r == -SIS_ERR_NO_INPUT ? 0 : r;
}

#define INVITE_EVENTS(order) \
	LOG(USER_ADDED, .user = (order)->user, .peer = (order)->by), LOG(INVITED, .user = (order)->user, .device = (order)->device, .peer = (order)->by)

static int people_run_invite(struct store_writer *writer, struct change *change)
{
	struct invite_order *order = (struct invite_order *)change;
	const struct log_args events[] = { INVITE_EVENTS(order) };
	int64_t user_id;
	int r = people_find_user_to_invite(writer, order, &user_id);
	if (r == 0)
		r = people_check_device(writer, user_id, order->device);
	if (r == 0)
		r = store_add_invite(writer, user_id, order->device, order->code_hash, order->now, order->expires);
	if (r == 0 && order->add)
		r = audit_write(writer, &events[0]);
	return r < 0 ? r : audit_write(writer, &events[1]);
}

static void people_end_invite(struct invite_order *order, int error)
{
	order->done(order, error, order->line, order->arg);
	secret_wipe(order, sizeof(*order));
	free(order);
}

static void people_done_invite(struct completion *completion)
{
	struct invite_order *order = (struct invite_order *)completion;
	const struct log_args events[] = { INVITE_EVENTS(order) };
	int error = order->change.result;
	for (int i = order->add ? 0 : 1; i < 2 && error == 0; i++)
		log_event(&events[i]);
	people_end_invite(order, error);
}

static int people_make_code(struct invite_order *order)
{
	uint8_t code[CODE_BYTES];
	char text[ITEM_ID_TEXT + 1], fingerprint[2 * STORE_FINGERPRINT_BYTES + 1];
	_Static_assert(CODE_BYTES == ITEM_ID_BYTES, "codes are written like item ids");
	int r = random_bytes(code, sizeof(code));
	if (r < 0)
		return r;
	item_id_encode(code, text);
	digest_sha256(text, ITEM_ID_TEXT, order->code_hash);
	hex_encode(ledger.ca_fingerprint, STORE_FINGERPRINT_BYTES, fingerprint);
	snprintf(order->line, sizeof(order->line), "sis://%s/%s#%s.%s", ledger.conf.public_address, order->user, text, fingerprint);
	secret_wipe(code, sizeof(code));
	secret_wipe(text, sizeof(text));
	return 0;
}

void people_order_invite(struct invite_order *order)
{
	int r = -SIS_ERR_BAD_NAME;
	if (name_is_valid(span_from_string(order->user)) && (order->device[0] == '\0' || name_is_valid(span_from_string(order->device))))
		r = people_make_code(order);
	if (r < 0) {
		people_end_invite(order, r);
		return;
	}
	order->now = time_now();
	order->expires = order->now + (int64_t)ledger.conf.invite_lifetime_s;
	order->change.run = people_run_invite;
	order->change.completion.done = people_done_invite;
	transact_submit(&order->change);
}

struct people_expiry { struct change change; struct store_writer *writer; int error; };

static void people_expired(const char *user, void *arg)
{
	struct people_expiry *expiry = arg;
	int r = audit_write(expiry->writer, &LOG(INVITE_EXPIRED, .user = user));
	if (expiry->error == 0)
		expiry->error = r;
}

static int people_run_expiry(struct store_writer *writer, struct change *change)
{
	struct people_expiry *expiry = (struct people_expiry *)change;
	expiry->writer = writer;
	int r = store_expire_invites(writer, time_now(), people_expired, expiry);
	return r < 0 ? r : expiry->error;
}

static void people_done_expiry(struct completion *completion)
{
	free(completion);
}

void people_tick(void)
{
	struct people_expiry *expiry = calloc(1, sizeof(*expiry));
	if (expiry == NULL)
		return;
	expiry->change.run = people_run_expiry;
	expiry->change.completion.done = people_done_expiry;
	transact_submit(&expiry->change);
}
