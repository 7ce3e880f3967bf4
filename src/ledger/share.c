/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sharing later and taking back. The loop thread finds the item as the caller sees it, a pool thread verifies the signatures, the transaction decides
 * about the rights: what it was asked for may have changed in between. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct share {
	struct job job;
	struct change change;
	struct request request;
	struct store_share share;
	struct signers signers;
	struct statement statement;
	struct share_check check;
	size_t size;
	uint8_t *text;                          /* the one copy that is believed */
	uint64_t sequence;
	struct store_told told;
	bool is_drop;
	char item[ITEM_ID_TEXT + 1], peer[80], detail[256];
};

#define SHARE_GRANTED(share_) LOG(GRANTED, .user = (share_)->share.by.user, .device = (share_)->share.by.device, .item = (share_)->item, \
	.detail = (share_)->share.recipient, .peer = (share_)->peer)
#define SHARE_ENDED(share_) LOG(UNSHARED, .user = (share_)->share.by.user, .device = (share_)->share.by.device, .item = (share_)->item, \
	.detail = (share_)->share.recipient, .peer = (share_)->peer)

static void share_free(struct share *share)
{
	if (share != NULL)
		free(share->text);
	free(share);
}

static struct share *share_of(struct change *change)
{
	return (struct share *)((char *)change - offsetof(struct share, change));
}

/* ------------------------------------------------ pool thread ------------------------------------------------ */

static void share_work(struct job *job)
{
	struct share *share = (struct share *)job;
	int r = share_check(&share->check, (struct span){ share->text, share->size });
	share->share.grant = share->check.grant;
	share->share.n_grants = share->check.n;
	share->change.result = r;
	if (r == 0)
		job->then = &share->change;
	else if (share->check.why != NULL)
		snprintf(share->detail, sizeof(share->detail), "%s", share->check.why);
}

/* ------------------------------------------------ transaction thread ------------------------------------------------ */

static void share_say_why(struct share *share, int error, const char *who, const char *why)
{
	const char *words = why != NULL ? why : error_text(error);
	snprintf(share->detail, sizeof(share->detail), "%s%s%s", who, who[0] != '\0' ? ": " : "", words);
}

static int share_run(struct store_writer *writer, struct change *change)
{
	struct share *share = share_of(change);
	char who[STORE_WHO_TEXT] = "";
	const char *why = NULL;
	int r = share->is_drop ? store_drop_grants(writer, &share->share, &share->sequence, &share->told, &why)
	                       : store_put_grants(writer, &share->share, &share->sequence, &share->told, who, &why);
	if (r < 0 && (why != NULL || who[0] != '\0'))
		share_say_why(share, r, who, why);
	if (r == 0)
		r = share->is_drop ? audit_write(writer, &SHARE_ENDED(share)) : audit_write(writer, &SHARE_GRANTED(share));
	return r;
}

/* ------------------------------------------------ loop thread ------------------------------------------------ */

static void share_end(struct share *share, int error)
{
	if (error == 0) {
		log_event(share->is_drop ? &SHARE_ENDED(share) : &SHARE_GRANTED(share));
		publish(share->sequence, &share->told);
		for (unsigned i = 0; i < share->share.n_grants; i++)
			expiry_note(share->share.grant[i].expires);
	} else if (error != -SIS_ERR_NO_ITEM) {
		audit_refusal(&LOG(SHARE_REFUSED, .user = share->share.by.user, .device = share->share.by.device, .item = share->item,
		                   .detail = share->share.recipient, .reason = share->detail[0] != '\0' ? share->detail : error_text(error)));
	}
	peers_answer_done(share->request, error, share->detail[0] != '\0' ? share->detail : NULL);
	share_free(share);
}

static void share_done_change(struct completion *completion)
{
	struct share *share = share_of((struct change *)completion);
	share_end(share, share->change.result);
}

/* Only what was refused comes back from the pool thread. */
static void share_done_work(struct completion *completion)
{
	struct share *share = (struct share *)completion;
	share_end(share, share->change.result);
}

static int share_take_item(const struct store_item *item, void *arg)
{
	struct share *share = arg;
	digest_sha256(item->statement.data, item->statement.size, share->share.statement_hash);
	return statement_parse(item->statement, &share->statement, NULL);
}

static int share_prepare(struct share *share, const uint8_t *caller, struct span item, struct span user, struct span peer)
{
	int r = callers_find(caller, &share->share.by);
	if (r == 0 && item_id_decode(item, share->share.id) < 0)
		r = -SIS_ERR_NO_ITEM;
	if (r == 0 && (!name_is_valid(user) || !span_to_string(user, share->share.recipient, sizeof(share->share.recipient))))
		r = -SIS_ERR_NO_USER;
	if (r < 0)
		return r;
	item_id_encode(share->share.id, share->item);
	span_to_string(peer, share->peer, sizeof(share->peer));
	share->share.now = time_now();
	share->change.run = share_run;
	share->change.completion.done = share_done_change;
	share->job.work = share_work;
	share->job.completion.done = share_done_work;
	return 0;
}

static int share_prepare_check(struct share *share, struct span grants)
{
	if (grants.size > (size_t)SHARE_GRANTS_MAX * GRANT_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	int r = store_get_item(ledger.view, share->share.by.user_id, share->share.id, share_take_item, share);
	if (r == 0)
		r = callers_list_signers(share->share.by.device_id, &share->signers);
	if (r == 0 && (share->text = malloc(grants.size + 1)) == NULL)
		r = -SIS_ERR_NO_MEMORY;
	if (r < 0)
		return r;
	memcpy(share->text, grants.data, grants.size);
	share->size = grants.size;
	share->check = (struct share_check){
		.statement = &share->statement, .statement_hash = share->share.statement_hash, .signers = &share->signers,
		.granter = share->share.by.user, .recipient = share->share.recipient, .now = share->share.now,
	};
	return 0;
}

void share_handle_put(struct request request, const struct message_grants_put *message)
{
	struct share *share = calloc(1, sizeof(*share));
	int r = share == NULL ? -SIS_ERR_NO_MEMORY : share_prepare(share, message->caller, message->item, message->user, message->peer);
	if (r == 0)
		r = share_prepare_check(share, message->grants);
	if (r < 0) {
		peers_answer_done(request, r, NULL);
		share_free(share);
		return;
	}
	share->request = request;
	pool_submit(&share->job);
}

void share_handle_drop(struct request request, const struct message_grants_drop *message)
{
	struct share *share = calloc(1, sizeof(*share));
	int r = share == NULL ? -SIS_ERR_NO_MEMORY : share_prepare(share, message->caller, message->item, message->user, message->peer);
	if (r < 0) {
		peers_answer_done(request, r, NULL);
		share_free(share);
		return;
	}
	share->is_drop = true;
	share->request = request;
	transact_submit(&share->change);
}
