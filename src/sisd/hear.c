/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the roles say to the master. A role may be compromised: it can log only the events that are its own, only so many of them, and
 * whatever it says that the table does not allow ends it. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/text.h"
#include "base/util.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LOG_FIELD_MAX 512

typedef int hear_fn(struct process *process, struct channel_packet *packet);

static int role_broke_protocol(struct process *process, const char *detail)
{
	if (!process->broke_protocol) {
		process->broke_protocol = true;
		MASTER_LOG(process->master, ROLE_PROTOCOL, .role = process_name(process), .pid = process->pid, .detail = detail);
		supervise_kill(process, SIGKILL, "it sent a message that it may not send");
	}
	return -SIS_ERR_PROTOCOL;
}

/* Cut and made harmless: log fields are data from who may be a stranger. Empty means absent. */
static const char *field_copy(struct span span, char ret_text[LOG_FIELD_MAX])
{
	text_for_terminal(span, ret_text, LOG_FIELD_MAX);
	return *ret_text ? ret_text : NULL;
}

static int hear_ready(struct process *process, struct channel_packet *packet)
{
	struct message_ready message;

	if (message_ready_decode(&packet->payload, &message) < 0 || process->state == PROCESS_READY || process->state == PROCESS_RETIRING)
		return -SIS_ERR_PROTOCOL;
	if (process->state == PROCESS_STOPPING)         /* it was told to stop while it started */
		return 0;
	text_for_terminal(message.sandbox, process->sandbox, sizeof process->sandbox);
	master_role_ready(process);
	return 0;
}

static int hear_log(struct process *process, struct channel_packet *packet)
{
	char user[LOG_FIELD_MAX], device[LOG_FIELD_MAX], item[LOG_FIELD_MAX], peer[LOG_FIELD_MAX], reason[LOG_FIELD_MAX], role[LOG_FIELD_MAX],
		route[LOG_FIELD_MAX], detail[LOG_FIELD_MAX];
	struct message_log message;
	struct log_args args;

	if (message_log_decode(&packet->payload, &message) < 0 || message.event >= EVENT_END)
		return -SIS_ERR_PROTOCOL;
	if (!event_allowed_for((enum event)message.event, role_letter(process->role)))
		return role_broke_protocol(process, event_name((enum event)message.event));
	if (++process->n_events > EVENTS_PER_ROUND)
		return 0;
	args = (struct log_args){
		.event = (enum event)message.event, .user = field_copy(message.user, user), .device = field_copy(message.device, device),
		.item = field_copy(message.item, item), .peer = field_copy(message.peer, peer), .reason = field_copy(message.reason, reason),
		.role = field_copy(message.role, role), .route = field_copy(message.route, route), .detail = field_copy(message.detail, detail),
		.bytes = message.bytes, .pid = message.pid, .status = message.status, .count = message.count,
	};
	journal_log(process->master, process->role, &args);
	return 0;
}

static int hear_serving(struct process *process, struct channel_packet *packet)
{
	struct message_serving message;

	if (message_serving_decode(&packet->payload, &message) < 0)
		return -SIS_ERR_PROTOCOL;
	text_for_terminal(message.route, process->route, sizeof process->route);
	text_for_terminal(message.peer, process->peer, sizeof process->peer);
	process->connections = message.connections;
	return 0;
}

/* A worker may lie about what it counts; that is all that it can do with it. */
static int hear_figures(struct process *process, struct channel_packet *packet)
{
	struct message_figures message;

	if (message_figures_decode(&packet->payload, &message) < 0 || message.refusals.size != 8 * SIS_ERR_END || message.limits.size != 8 * LIMIT_END)
		return -SIS_ERR_PROTOCOL;
	process->watchers = message.watchers;
	process->penalised = message.penalised;
	process->master->server_not_after = message.server_not_after;
	process->master->external_not_after = message.external_not_after;
	struct cursor cursor = cursor_from(message.refusals.data, message.refusals.size);
	for (unsigned i = 0; i < SIS_ERR_END; i++)
		status_count(&process->master->refusals[i], cursor_get_u64(&cursor));
	cursor = cursor_from(message.limits.data, message.limits.size);
	for (unsigned i = 0; i < LIMIT_END; i++)
		status_count(&process->master->limits[i], cursor_get_u64(&cursor));
	return 0;
}

static int hear_pong(struct process *process, struct channel_packet *packet)
{
	struct message_pong message;

	return message_pong_decode(&packet->payload, &message);         /* that something came was noted for any packet */
}

static int hear_role_status(struct process *process, struct channel_packet *packet)
{
	struct message_role_status message;
	CLEANUP_FREE char *json = NULL;

	if (message_role_status_decode(&packet->payload, &message) < 0)
		return -SIS_ERR_PROTOCOL;
	json = status_print(process->master);
	CHANNEL_SEND(process->channel, packet->id, role_status_reply, ROLE_STATUS_REPLY,
	             &(struct message_role_status_reply){ .json = span_from_string(json ? json : "{}") });
	return 0;
}

/* The ledger's word ends a worker, which is replaced, and nobody else: no more than the ledger can do to it anyway. */
static int hear_lock_held(struct process *ledger, struct channel_packet *packet)
{
	struct message_lock_held message;
	struct process *process;

	if (message_lock_held_decode(&packet->payload, &message) < 0)
		return -SIS_ERR_PROTOCOL;
	MASTER_FOR_EACH(ledger->master, process)
		if (process->role == ROLE_WORKER && process->pid > 0 && process->pid == message.pid)
			supervise_kill(process, SIGKILL, "it kept the database locked, which no worker has a use for");
	return 0;
}

static int hear_identity_checked(struct process *process, struct channel_packet *packet)
{
	struct message_identity_checked message;
	char detail[LOG_FIELD_MAX];

	if (message_identity_checked_decode(&packet->payload, &message) < 0 || !process->master->alone)
		return -SIS_ERR_PROTOCOL;
	text_for_terminal(message.detail, detail, sizeof detail);
	check_identity_heard(process->master, message.status, detail);
	return 0;
}

static hear_fn *const handlers[MESSAGE_END] = {
	[MESSAGE_READY] = hear_ready,
	[MESSAGE_LOG] = hear_log,
	[MESSAGE_SERVING] = hear_serving,
	[MESSAGE_FIGURES] = hear_figures,
	[MESSAGE_PONG] = hear_pong,
	[MESSAGE_ROLE_STATUS] = hear_role_status,
	[MESSAGE_IDENTITY_CHECKED] = hear_identity_checked,
	[MESSAGE_LOCK_HELD] = hear_lock_held,
};

void hear_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	struct process *process = arg;
	hear_fn *handler = handlers[packet->type];

	process->heard = true;
	if (process->broke_protocol)
		return;
	if (!handler || handler(process, packet) < 0)
		role_broke_protocol(process, message_name(packet->type));
}

void hear_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	struct process *process = arg;

	if (error == -SIS_ERR_PROTOCOL || error == SIS_ERR_PROTOCOL)
		role_broke_protocol(process, reason);
	channel_free(channel);
	process->channel = NULL;
	supervise_check_ended(process);
}
