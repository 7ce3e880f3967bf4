/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an enrolled device does for itself and its user: it publishes its encryption key, and invites further devices where that is allowed. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "format/item.h"
#include "pki/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------ the encryption key ------------------------------------------------ */

struct publication {
	struct change change;
	struct request request;
	struct store_caller caller;
	size_t size;
	uint8_t text[KEY_STATEMENT_MAX_BYTES];
	struct device_news news;
};

static int publication_run(struct store_writer *writer, struct change *change)
{
	struct publication *publication = (struct publication *)change;
	int r = store_set_key_statement(writer, publication->caller.device_id, (struct span){ publication->text, publication->size });
	if (r == 0)
		r = devices_tell(writer, publication->caller.user_id, publication->caller.device, DEVICE_KEY, &publication->news);
	return r < 0 ? r : audit_write(writer, &LOG(KEY_PUBLISHED, .user = publication->caller.user, .device = publication->caller.device));
}

static void publication_done(struct completion *completion)
{
	struct publication *publication = (struct publication *)completion;
	if (publication->change.result == 0)
		log_event(&LOG(KEY_PUBLISHED, .user = publication->caller.user, .device = publication->caller.device));
	if (publication->change.result == 0)
		publish(publication->news.sequence, &publication->news.told);
	peers_answer_done(publication->request, publication->change.result, NULL);
	free(publication);
}

static int publication_check(const struct message_publish_key *message, struct store_caller *ret_caller, const char **ret_why)
{
	struct key_statement statement;
	struct public_key key;
	int r = callers_find(message->caller, ret_caller);
	if (r == 0)
		r = message->statement.size > KEY_STATEMENT_MAX_BYTES ? -SIS_ERR_TOO_LARGE : key_statement_parse(message->statement, &statement, ret_why);
	if (r < 0)
		return r;
	if (strcmp(statement.user, ret_caller->user) != 0 || strcmp(statement.device, ret_caller->device) != 0 ||
	    memcmp(statement.certificate, message->caller, DIGEST_BYTES) != 0) {
		*ret_why = "the key statement is about another user, device or certificate than the one that sends it";
		return -SIS_ERR_MISMATCH;
	}
	r = callers_find_key(message->caller, &key);
	return r < 0 ? r : key_statement_verify(message->statement, &statement, &key);
}

void devices_handle_publish_key(struct request request, const struct message_publish_key *message)
{
	const char *why = NULL;
	struct store_caller caller;
	int r = publication_check(message, &caller, &why);
	struct publication *publication = r == 0 ? malloc(sizeof(*publication)) : NULL;
	if (publication == NULL) {
		peers_answer_done(request, r < 0 ? r : -SIS_ERR_NO_MEMORY, why);
		return;
	}
	*publication = (struct publication){ .change = { .run = publication_run, .completion.done = publication_done },
	                                     .request = request, .caller = caller, .size = message->statement.size };
	memcpy(publication->text, message->statement.data, message->statement.size);
	transact_submit(&publication->change);
}

/* ------------------------------------------------ inviting ------------------------------------------------ */

static void invitation_answer(struct request request, int error, const char *detail, const char *invite, uint32_t retry_after_s)
{
	struct channel *channel = peers_find(request.peer);
	struct message_invited message = {
		.status = (uint32_t)-error, .detail = span_from_string(detail), .invite = span_from_string(invite), .retry_after_s = retry_after_s,
	};
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, invited, INVITED, &message);
}

static void invitation_done(struct invite_order *order, int error, const char *invite, void *arg)
{
	struct request *request = arg;
	const char *detail = error == -SIS_ERR_CONFLICT ? "you had a device of this name, which was revoked: choose another name" : NULL;
	invitation_answer(*request, error, detail, error == 0 ? invite : NULL, 0);
	free(request);
}

static struct invite_order *invitation_new(const struct store_caller *caller, struct span device, struct request request)
{
	struct invite_order *order = calloc(1, sizeof(*order));
	struct request *kept = malloc(sizeof(*kept));
	if (order == NULL || kept == NULL) {
		free(order);
		free(kept);
		return NULL;
	}
	*kept = request;
	order->done = invitation_done;
	order->arg = kept;
	memcpy(order->user, caller->user, sizeof(order->user));
	span_to_string(device, order->device, sizeof(order->device));
	snprintf(order->by, sizeof(order->by), "device %s", caller->device);
	return order;
}

/* Requests are not signed: a worker that was taken over can ask in the name of any live device. So this is for the administrator to allow, and even then
 * in measure; every invite stands in the audit log. */
void devices_handle_invite(struct request request, const struct message_invite_device *message)
{
	struct store_caller caller;
	int r = callers_find(message->caller, &caller);
	const char *detail = NULL;
	if (r == 0 && !ledger.conf.device_invites) {
		r = -SIS_ERR_NOT_ALLOWED;
		detail = "on this server only the administrator invites devices (sisctl invite)";
	}
	if (r == 0 && message->device.size != 0 && !name_is_valid(message->device))
		r = -SIS_ERR_BAD_NAME;
	uint32_t wait_s = r == 0 ? attempts_wait_s(ATTEMPTS_INVITES, caller.user) : 0;
	if (wait_s > 0) {
		char peer[80] = "";
		span_to_string(message->peer, peer, sizeof(peer));
		limits_tell(LIMIT_DEVICE_INVITES, caller.user, peer);
		r = -SIS_ERR_TOO_MANY;
		detail = "your devices have made too many invites lately: wait, or ask the administrator for one";
	}
	struct invite_order *order = r == 0 ? invitation_new(&caller, message->device, request) : NULL;
	if (order == NULL) {
		invitation_answer(request, r < 0 ? r : -SIS_ERR_NO_MEMORY, detail, NULL, wait_s);
		return;
	}
	attempts_add(ATTEMPTS_INVITES, caller.user);
	people_order_invite(order);
}
