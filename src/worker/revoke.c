/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The end of a device or user: its connections are closed at once, whatever they are doing; its uploads end with them. */
#include "worker/worker.h"

static bool is_revoked(const void *tag, void *arg)
{
	const struct caller_tag *caller = tag;
	const struct message_revoke *message = arg;
	return caller->user_id == (int64_t)message->user_id && (message->device_id == 0 || caller->device_id == (int64_t)message->device_id);
}

void revoke_on_message(struct worker *worker, struct channel_packet *packet)
{
	struct message_revoke message;
	if (message_revoke_decode(&packet->payload, &message) != 0)
		return;
	unsigned n = http_server_close_if(worker->server, is_revoked, &message);
	(void)CHANNEL_SEND(worker->ledger, packet->id, revoke_done, REVOKE_DONE, &(struct message_revoke_done){ .n_closed = n });
}
