/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of a channel share. */
#pragma once

#include "ipc/channel.h"

#include <sys/uio.h>

struct outgoing {                       /* a packet that waits for the peer to read */
	struct outgoing *next;
	size_t size;
	unsigned n_fds;
	int fds[MESSAGE_MAX_FDS];
	uint8_t data[];
};

struct channel {
	struct loop *loop;
	struct loop_source *source, *doom_timer;
	channel_packet_fn *on_packet;
	channel_broken_fn *on_broken;
	void *arg;
	uint8_t *own_buffer;            /* blocking channels only: their packets live longer than one callback */
	struct outgoing *first, **last;
	size_t queued_bytes;            /* bookkeeping included: small packets cost more than they hold */
	unsigned queued_fds;
	uint64_t last_id;
	const char *doom;               /* why the channel breaks as soon as the loop is back */
	int fd;
	enum role self, peer;
	unsigned in_callback;
	bool dead, freed;
};

/* channel_packet.c. Sends at once or not at all: 0, AGAIN, or another error. */
int packet_send(int fd, struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds);

/* One packet into buffer (MESSAGE_MAX_BYTES). 0, AGAIN, CLOSED, PROTOCOL or another error, with the reason; descriptors are only owned by the packet on
 * success. */
int packet_receive(const struct channel *channel, uint8_t *buffer, struct channel_packet *packet, const char **ret_reason);

void channel_break_with(struct channel *channel, int error, const char *reason);
