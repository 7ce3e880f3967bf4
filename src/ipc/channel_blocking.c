/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A channel without a loop: a call waits for its answer. */
#include "ipc/channel_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

static int wait_for(const struct channel *channel, short events, uint64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = channel->fd, .events = events };
	for (;;) {
		uint64_t now = time_monotonic_ns();
		int n = poll(&pollfd, 1, now >= deadline_ns ? 0 : (int)((deadline_ns - now + 999999) / 1000000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return error_from_errno(errno);
		if (n == 0)
			return -SIS_ERR_TIMEOUT;
	}
}

static int receive_until(struct channel *channel, uint64_t deadline_ns, struct channel_packet *ret_packet)
{
	assert(channel->loop == NULL);
	if (channel->dead)
		return -SIS_ERR_CLOSED;
	for (;;) {
		const char *reason;
		struct channel_packet packet;
		int error = packet_receive(channel, channel->own_buffer, &packet, &reason);
		if (error == 0) {
			*ret_packet = packet;
			return 0;
		}
		if (error == -SIS_ERR_AGAIN)
			error = wait_for(channel, POLLIN, deadline_ns);
		else
			channel_break_with(channel, error, reason);
		if (error != 0)
			return error;
	}
}

static uint64_t deadline_in(int timeout_ms)
{
	return time_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
}

int channel_receive(struct channel *channel, int timeout_ms, struct channel_packet *ret_packet)
{
	return receive_until(channel, deadline_in(timeout_ms), ret_packet);
}

static int send_until(struct channel *channel, enum message_type type, uint64_t id, const struct builder *payload, uint64_t deadline_ns)
{
	for (;;) {
		int error = channel_send(channel, type, id, payload, NULL, 0);
		if (error != -SIS_ERR_AGAIN)
			return error;
		error = wait_for(channel, POLLOUT, deadline_ns);
		if (error != 0)
			return error;
	}
}

int channel_call(struct channel *channel, enum message_type type, const struct builder *payload, enum message_type wanted, int timeout_ms,
                 struct channel_packet *ret_packet)
{
	uint64_t id = channel_next_id(channel), deadline_ns = deadline_in(timeout_ms);
	int error = send_until(channel, type, id, payload, deadline_ns);
	while (error == 0) {
		struct channel_packet packet;
		error = receive_until(channel, deadline_ns, &packet);
		if (error != 0)
			break;
		if (packet.id == id && packet.type == wanted) {
			*ret_packet = packet;
			return 0;
		}
		if (channel->on_packet != NULL)
			channel->on_packet(channel, &packet, channel->arg);
		channel_packet_close_fds(&packet);
		bool late = packet.id > 0 && packet.id < id;    /* the answer to a call that timed out is no offence */
		if (channel->on_packet == NULL && !late) {
			channel_break(channel, "an answer that nobody asked for");
			return -SIS_ERR_PROTOCOL;
		}
	}
	return error;
}
