/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device vouches for another of the same user. What is kept was signed by the key of the caller's own certificate, over the key that the other
 * device has now: a worker can make up neither. Readers check it once more; that it is checked here keeps rubbish out of every answer about a user. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <stdlib.h>
#include <string.h>

struct vouching {
	struct change change;
	struct request request;
	struct store_caller caller;
	int64_t device_id;
	char device[NAME_MAX_TEXT + 1], peer[80];
	bool is_new;
	struct device_news news;
	size_t size;
	uint8_t text[ENDORSEMENT_MAX_BYTES];
};

#define ENDORSE_ENDORSED(vouching) LOG(ENDORSED, .user = (vouching)->caller.user, .device = (vouching)->caller.device, .detail = (vouching)->device, \
	.peer = (vouching)->peer)

static int endorse_run(struct store_writer *writer, struct change *change)
{
	struct vouching *vouching = (struct vouching *)change;
	const struct store_caller *caller = &vouching->caller;
	int r = store_set_endorsement(writer, vouching->device_id, caller->device_id, (struct span){ vouching->text, vouching->size }, &vouching->is_new);
	/* Said again is no news: nobody can be kept busy with it. */
	if (r < 0 || !vouching->is_new)
		return r;
	r = devices_tell(writer, caller->user_id, vouching->device, DEVICE_ENDORSED, &vouching->news);
	return r < 0 ? r : audit_write(writer, &ENDORSE_ENDORSED(vouching));
}

static void endorse_done(struct completion *completion)
{
	struct vouching *vouching = (struct vouching *)completion;
	if (vouching->change.result == 0 && vouching->is_new) {
		log_event(&ENDORSE_ENDORSED(vouching));
		publish(vouching->news.sequence, &vouching->news.told);
	}
	peers_answer_done(vouching->request, vouching->change.result, NULL);
	free(vouching);
}

static bool endorse_keys_equal(const struct public_key *a, const struct public_key *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, public_key_size(a->algorithm)) == 0;
}

/* The endorser is the certificate that calls; the other device's newest key is the one vouched for. */
static int endorse_check_keys(const struct message_endorse *message, const struct endorsement *endorsement, const struct store_caller *caller,
                              int64_t device_id, const char **ret_why)
{
	struct signers own, others;
	int r = callers_list_signers(caller->device_id, &own);
	if (r == 0)
		r = callers_list_signers(device_id, &others);
	if (r < 0)
		return r;
	bool is_own = false;
	for (unsigned i = 0; i < own.n; i++)
		is_own |= memcmp(own.one[i].fingerprint, message->caller, sizeof(message->caller)) == 0 && endorse_keys_equal(&own.one[i].key, &endorsement->endorser);
	if (is_own && others.n > 0 && endorse_keys_equal(&others.one[0].key, &endorsement->key))
		return 0;
	*ret_why = is_own ? "the endorsement is of another key than the device has now" : "the endorsement is not by the key of the certificate that sends it";
	return -SIS_ERR_MISMATCH;
}

static int endorse_check(const struct message_endorse *message, struct vouching *vouching, const char **ret_why)
{
	struct endorsement endorsement;
	enum store_state state = STORE_LIVE;
	int r = callers_find(message->caller, &vouching->caller);
	if (r == 0)
		r = message->text.size > sizeof(vouching->text) ? -SIS_ERR_TOO_LARGE : endorsement_parse(message->text, &endorsement, ret_why);
	if (r == 0 && (strcmp(endorsement.user, vouching->caller.user) != 0 || !span_equals(message->device, endorsement.device))) {
		*ret_why = "the endorsement is of another user or device";
		r = -SIS_ERR_MISMATCH;
	}
	if (r == 0)
		r = store_find_device(ledger.view, vouching->caller.user_id, endorsement.device, &vouching->device_id, &state);
	if (r == -SIS_ERR_NO_INPUT)
		*ret_why = "you have no such device";
	if (r == 0 && state != STORE_LIVE)
		r = -SIS_ERR_REVOKED;
	if (r == 0)
		r = endorse_check_keys(message, &endorsement, &vouching->caller, vouching->device_id, ret_why);
	if (r == 0)
		r = endorsement_verify(message->text, &endorsement);
	if (r == 0)
		memcpy(vouching->device, endorsement.device, sizeof(vouching->device));
	return r;
}

void endorse_handle(struct request request, const struct message_endorse *message)
{
	const char *why = NULL;
	struct vouching *vouching = calloc(1, sizeof(*vouching));
	int r = vouching != NULL ? endorse_check(message, vouching, &why) : -SIS_ERR_NO_MEMORY;
	if (r < 0) {
		peers_answer_done(request, r, why);
		free(vouching);
		return;
	}
	vouching->change = (struct change){ .run = endorse_run, .completion.done = endorse_done };
	vouching->request = request;
	vouching->size = message->text.size;
	memcpy(vouching->text, message->text.data, message->text.size);
	span_to_string(message->peer, vouching->peer, sizeof(vouching->peer));
	transact_submit(&vouching->change);
}
