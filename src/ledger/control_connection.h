/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What control_connection.c and control_reply.c share: a connection, and how a reply goes out on it. */
#pragma once

#include "base/loop.h"
#include "ledger/control.h"

struct control_connection {
	int fd;
	struct loop_source *source;
	char by[64];
	char *input;                            /* CONTROL_MESSAGE_MAX + 1 bytes, made with the first byte */
	size_t input_size;
	char *output;
	size_t output_size, output_sent;
	struct control_call *call;              /* the one that is being answered */
	bool closing;                           /* after the output is taken */
	int64_t deadline;
	struct control_connection *next;
};

/* Queues one message (borrowed); false when the connection is gone. */
bool control_send(struct control_connection *connection, json_t *message);
/* Writes what is queued, as far as the socket takes it; false when the connection is gone. */
bool control_flush(struct control_connection *connection);
/* What the loop is to say of it, and until when; after every change of what it has or owes. */
void control_watch(struct control_connection *connection);
/* Goes on with the next whole message of its input, if there is one. The connection may be gone afterwards. */
void control_next(struct control_connection *connection);
