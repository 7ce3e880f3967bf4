/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The channels to the workers, and the table of what each message of theirs does. A worker is a stranger's likeliest way in: whatever it says about
 * who is asking is looked up again, and a worker that breaks the message table ends alone. */
#include "ledger/ledger.h"
#include "ledger/metrics.h"

#include "base/error.h"
#include "base/rate.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of sources that a worker calls known, beyond what a morning's first hour brings: each goes to all other workers, and who floods them would break their channels. */
#define SOURCES_PER_S 200
#define SOURCES_BURST_NS (10ull * NS_PER_S)

struct peer {
	uint64_t serial;                        /* never used twice, unlike a worker's number */
	uint32_t worker;
	struct channel *channel;
	uint64_t revoke_sent, revoke_answered;  /* the last REVOKE that it was sent, and that it has answered: they only grow */
	uint64_t sources_until_ns;              /* base/rate.h */
	struct peer *next;
};

static struct peer *peers;

typedef void peer_handler_fn(struct request request, struct cursor *payload);

/* handle_create(request, payload) decodes and hands on to uploads_handle_create(request, message). */
#define HANDLER(fn, name, on_message) \
	static void fn(struct request request, struct cursor *payload) \
	{ \
		struct message_##name message; \
		if (message_##name##_decode(payload, &message) == 0) \
			on_message(request, &message); \
	}
static void peers_revoke_done(struct request request, const struct message_revoke_done *message);
static void peers_pass_source(struct request request, const struct message_know_source *message);
HANDLER(handle_enroll, enroll, enroll_handle_enroll)
HANDLER(handle_renew, renew, enroll_handle_renew)
HANDLER(handle_publish_key, publish_key, devices_handle_publish_key)
HANDLER(handle_invite_device, invite_device, devices_handle_invite)
HANDLER(handle_endorse, endorse, endorse_handle)
HANDLER(handle_create, upload_create, uploads_handle_create)
HANDLER(handle_resume, upload_resume, uploads_handle_resume)
HANDLER(handle_query, upload_query, uploads_handle_query)
HANDLER(handle_close, upload_close, uploads_handle_close)
HANDLER(handle_commit, upload_commit, uploads_handle_commit)
HANDLER(handle_cancel, upload_cancel, uploads_handle_cancel)
HANDLER(handle_delete, item_delete, items_handle_delete)
HANDLER(handle_grants_put, grants_put, share_handle_put)
HANDLER(handle_grants_drop, grants_drop, share_handle_drop)
HANDLER(handle_metrics, metrics, metrics_handle_ask)
HANDLER(handle_know_source, know_source, peers_pass_source)
HANDLER(handle_revoke_done, revoke_done, peers_revoke_done)

static peer_handler_fn *const handlers[MESSAGE_END] = {
	[MESSAGE_ENROLL] = handle_enroll,
	[MESSAGE_RENEW] = handle_renew,
	[MESSAGE_PUBLISH_KEY] = handle_publish_key,
	[MESSAGE_INVITE_DEVICE] = handle_invite_device,
	[MESSAGE_ENDORSE] = handle_endorse,
	[MESSAGE_UPLOAD_CREATE] = handle_create,
	[MESSAGE_UPLOAD_RESUME] = handle_resume,
	[MESSAGE_UPLOAD_QUERY] = handle_query,
	[MESSAGE_UPLOAD_CLOSE] = handle_close,
	[MESSAGE_UPLOAD_COMMIT] = handle_commit,
	[MESSAGE_UPLOAD_CANCEL] = handle_cancel,
	[MESSAGE_ITEM_DELETE] = handle_delete,
	[MESSAGE_GRANTS_PUT] = handle_grants_put,
	[MESSAGE_GRANTS_DROP] = handle_grants_drop,
	[MESSAGE_METRICS] = handle_metrics,
	[MESSAGE_KNOW_SOURCE] = handle_know_source,
	[MESSAGE_REVOKE_DONE] = handle_revoke_done,
};

static void peers_on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	struct peer *peer = arg;
	peer_handler_fn *handler = handlers[packet->type];
	if (handler != NULL && !ledger.stopping)
		handler((struct request){ peer->serial, packet->id }, &packet->payload);
}

static void peers_drop(struct peer *peer)
{
	struct peer **at = &peers;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	uint64_t serial = peer->serial;
	channel_free(peer->channel);
	free(peer);
	uploads_peer_gone(serial);
	revoke_peer_gone();
}

static void peers_on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	struct peer *peer = arg;
	if (error == -SIS_ERR_PROTOCOL)
		log_event(&LOG(ROLE_PROTOCOL, .role = "worker", .detail = reason));
	peers_drop(peer);
}

void peers_add(uint32_t worker, int fd)
{
	static uint64_t last_serial;
	struct peer *peer = calloc(1, sizeof(*peer));
	if (peer == NULL || channel_new(ledger.role.loop, fd, ROLE_LEDGER, ROLE_WORKER, peers_on_packet, peers_on_broken, peer, &peer->channel) < 0) {
		close(fd);              /* the worker sees its channel end, dies, and is started again */
		free(peer);
		return;
	}
	peer->serial = ++last_serial;
	peer->worker = worker;
	peer->next = peers;
	peers = peer;
	/* The worker may serve watchers already, who would not have heard of what was published before we knew it: let them look. */
	(void)CHANNEL_SEND(peer->channel, 0, published, PUBLISHED, &(struct message_published){ 0 });
}

static struct peer *peers_get(uint64_t serial)
{
	struct peer *peer = peers;
	while (peer != NULL && peer->serial != serial)
		peer = peer->next;
	return peer;
}

struct channel *peers_find(uint64_t serial)
{
	struct peer *peer = peers_get(serial);
	return peer != NULL ? peer->channel : NULL;
}

uint32_t peers_worker(uint64_t serial)
{
	struct peer *peer = peers_get(serial);
	return peer != NULL ? peer->worker : 0;
}

/* A send may find a peer broken and drop it: the next one is looked up before. */
#define PEERS_EACH(peer) for (struct peer *peer = peers, *next_ = NULL; peer != NULL && ((next_ = peer->next), true); peer = next_)

void peers_broadcast_published(uint64_t sequence, struct span users)
{
	PEERS_EACH(peer)
		(void)CHANNEL_SEND(peer->channel, 0, published, PUBLISHED, &(struct message_published){ .sequence = sequence, .users = users });
}

static bool may_tell_source(uint64_t serial)
{
	struct peer *peer = peers_get(serial);
	uint64_t now = time_monotonic_ns();
	if (peer == NULL || rate_wait_ns(peer->sources_until_ns, SOURCES_PER_S, SOURCES_BURST_NS, now) > 0)
		return false;
	rate_take(&peer->sources_until_ns, SOURCES_PER_S, 1, now);
	return true;
}

/* Whose device came from there, and so whose share of the places this takes, is looked up. */
static void peers_pass_source(struct request request, const struct message_know_source *message)
{
	struct store_caller caller;
	if (!may_tell_source(request.peer) || callers_find(message->caller, &caller) != 0)
		return;
	struct message_source_known known = { .user_id = (uint64_t)caller.user_id };
	memcpy(known.address, message->address, sizeof(known.address));
	PEERS_EACH(peer)
		if (peer->serial != request.peer)
			(void)CHANNEL_SEND(peer->channel, 0, source_known, SOURCE_KNOWN, &known);
}

void peers_broadcast_revoke(uint64_t id, int64_t user_id, int64_t device_id)
{
	struct message_revoke message = { .user_id = (uint64_t)user_id, .device_id = (uint64_t)device_id };
	PEERS_EACH(peer)
		if (CHANNEL_SEND(peer->channel, id, revoke, REVOKE, &message) == 0)
			peer->revoke_sent = id;
}

/* Once, and for itself: a worker that was taken over must not have the administrator told that others have closed what they have not. */
static void peers_revoke_done(struct request request, const struct message_revoke_done *message)
{
	struct peer *peer = peers_get(request.peer);
	if (peer == NULL || request.id <= peer->revoke_answered || request.id > peer->revoke_sent)
		return;
	peer->revoke_answered = request.id;
	revoke_answered(request.id, message->n_closed);
}

bool peers_owe_revoke(uint64_t id)
{
	for (const struct peer *peer = peers; peer != NULL; peer = peer->next)
		if (peer->revoke_sent >= id && peer->revoke_answered < id)
			return true;
	return false;
}

void peers_answer_done(struct request request, int error, const char *detail)
{
	struct channel *channel = peers_find(request.peer);
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, done, DONE,
		                   &(struct message_done){ .status = (uint32_t)-error, .detail = span_from_string(detail) });
}
