/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to the ledger, and what it says. A request may be gone when its answer comes. */
#include "worker/tus.h"

#include "base/error.h"

#include <stdlib.h>

#define LOST_MS 500
#define LOST_GRACE_MS 5000

static struct exchange **waiting_slot(struct worker *worker, uint64_t id)
{
	struct exchange **slot = &worker->waiting[id % EXCHANGE_BUCKETS];
	while (*slot != NULL && (*slot)->question != id)
		slot = &(*slot)->next_waiting;
	return slot;
}

uint64_t ledger_expect(struct exchange *exchange, answer_fn *on_answer)
{
	struct worker *worker = exchange->worker;
	exchange->question = channel_next_id(worker->ledger);
	exchange->on_answer = on_answer;
	struct exchange **bucket = &worker->waiting[exchange->question % EXCHANGE_BUCKETS];
	exchange->next_waiting = *bucket;
	*bucket = exchange;
	worker->n_waiting++;
	return exchange->question;
}

void ledger_forget(struct exchange *exchange)
{
	if (exchange->question == 0)
		return;
	struct exchange **slot = waiting_slot(exchange->worker, exchange->question);
	if (*slot == exchange)
		*slot = exchange->next_waiting;
	exchange->question = 0;
	exchange->worker->n_waiting--;
}

void ledger_sent(struct exchange *exchange, int error)
{
	if (error == 0)
		return;
	ledger_forget(exchange);
	route_refuse(exchange, SIS_ERR_UNAVAILABLE, "The server is stopping or overloaded: try again later.");
}

/* Somebody asked for an upload and left: the ledger waits for the end of the writing that never began. */
static void close_orphan(struct worker *worker, struct channel_packet *packet)
{
	struct message_upload_opened message;
	if (packet->type != MESSAGE_UPLOAD_OPENED || packet->n_fds == 0 || message_upload_opened_decode(&packet->payload, &message) != 0)
		return;
	(void)CHANNEL_SEND(worker->ledger, 0, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){
		.upload = message.upload, .offset = message.offset, .length = message.length });
}

static void on_answer(struct worker *worker, struct channel_packet *packet)
{
	struct exchange *exchange = packet->id != 0 ? *waiting_slot(worker, packet->id) : NULL;
	if (exchange == NULL) {
		close_orphan(worker, packet);
		return;
	}
	ledger_forget(exchange);
	exchange->on_answer(exchange, packet);
}

void ledger_on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	struct worker *worker = arg;
	switch (packet->type) {
	case MESSAGE_REVOKE:
		revoke_on_message(worker, packet);
		break;
	case MESSAGE_UPLOAD_RELEASE:
		uploads_release(worker, packet);
		break;
	case MESSAGE_SOURCE_KNOWN:
		load_source_known(worker, packet);
		break;
	case MESSAGE_PUBLISHED:
		events_published(worker, packet);
		break;
	case MESSAGE_METRICS_TEXT:
		metrics_on_text(worker, packet);
		break;
	default:
		on_answer(worker, packet);
	}
}

static void leave_alone(void *arg)
{
	worker_leave(arg, LOST_GRACE_MS);
}

/* When the ledger has died, the master stops us; until then everything that needs no ledger is served. When it has dropped us alone, nobody does, and
 * watchers would be told of nothing any more: so we go, and another worker comes. */
void ledger_on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	struct worker *worker = arg;
	worker->ledger_lost = true;
	if (loop_add_timer(worker->loop, LOST_MS, leave_alone, worker, NULL) < 0)
		leave_alone(worker);
	for (unsigned i = 0; i < EXCHANGE_BUCKETS; i++) {
		struct exchange *exchange;
		while ((exchange = worker->waiting[i]) != NULL) {
			ledger_forget(exchange);
			route_refuse(exchange, SIS_ERR_UNAVAILABLE, "The server is stopping: try again later.");
		}
	}
	metrics_lose_ledger(worker);
}

void ledger_answer_done(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_done message;
	char detail[512];
	if (packet->type != MESSAGE_DONE || message_done_decode(&packet->payload, &message) != 0)
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
	else if (message.status == 0)
		http_respond(exchange->request, 204, &(struct http_header){ "Tus-Resumable", TUS_VERSION }, exchange->upload.is_tus ? 1 : 0, NULL, 0);
	else
		route_refuse(exchange, (int)message.status, span_to_string(message.detail, detail, sizeof(detail)) ? detail : NULL);
}
