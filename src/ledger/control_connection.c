/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A connection on the control socket: messages in, replies (control_reply.c) out. One call at a time on a connection, in the order they came; what
 * comes behind it waits in the kernel. */
#include "ledger/control_connection.h"

#include "base/error.h"
#include "base/util.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_SLOW_S 30               /* for a message begun, and for replies to be taken */
#define CONTROL_IDLE_S 600

static struct control_connection *connections;
static unsigned n_connections;

/* ------------------------------------------------ a connection's life ------------------------------------------------ */

static void control_set_deadline(struct control_connection *connection)
{
	bool pending = connection->input_size > 0 || connection->output_size > 0 || connection->closing;
	connection->deadline = (int64_t)(time_monotonic_ns() / 1000000000u) + (pending && connection->call == NULL ? CONTROL_SLOW_S :
	                       connection->output_size > 0 ? CONTROL_SLOW_S : CONTROL_IDLE_S);
}

static void control_close(struct control_connection *connection)
{
	struct control_connection **at = &connections;
	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	n_connections--;
	loop_remove(connection->source);
	fd_close(connection->fd);
	struct control_call *call = connection->call;
	free(connection->input);
	free(connection->output);
	free(connection);
	if (call == NULL)
		return;
	call->connection = NULL;
	if (call->on_gone != NULL)
		call->on_gone(call);
}

void control_watch(struct control_connection *connection)
{
	uint32_t events = connection->output_size > 0 ? EPOLLOUT : 0;
	if (connection->call == NULL && !connection->closing)
		events |= EPOLLIN;
	/* While a call is answered its caller's going away is still heard (EPOLLHUP); one who only shut down his sending waits for the reply. */
	(void)loop_modify_io(connection->source, events);
	control_set_deadline(connection);
}

bool control_flush(struct control_connection *connection)
{
	while (connection->output_size > 0) {
		ssize_t n = write(connection->fd, connection->output + connection->output_sent, connection->output_size - connection->output_sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			control_close(connection);
			return false;
		}
		connection->output_sent += (size_t)n;
		if (connection->output_sent < connection->output_size)
			continue;
		free(connection->output);
		connection->output = NULL;
		connection->output_size = connection->output_sent = 0;
	}
	if (connection->closing) {
		control_close(connection);
		return false;
	}
	return true;
}

bool control_send(struct control_connection *connection, json_t *message)
{
	char *text = message != NULL ? json_print(message) : NULL;
	size_t size = text != NULL ? strlen(text) + 1 : 0;
	char *output = text != NULL ? realloc(connection->output, connection->output_size + size) : NULL;
	if (output == NULL) {
		free(text);
		control_close(connection);
		return false;
	}
	memcpy(output + connection->output_size, text, size);
	free(text);
	connection->output = output;
	connection->output_size += size;
	return true;
}

/* ------------------------------------------------ calls ------------------------------------------------ */

static void control_refuse_call(struct control_connection *connection, int error, const struct control_refusal *refusal, bool oneway)
{
	json_t *parameters = refusal->member != NULL ? json_pack("{s:s}", refusal->member, refusal->about) : json_object();
	if (refusal->member != NULL && strcmp(refusal->member, "detail") == 0)
		json_object_set_new(parameters, "error", json_string(error_name(error)));
	json_t *message = json_pack("{s:s, s:o}", "error", refusal->error, "parameters", parameters);
	connection->closing = error != -SIS_ERR_USAGE;
	if (!oneway && !control_send(connection, message)) {
		json_decref(message);
		return;
	}
	json_decref(message);
	if (control_flush(connection))
		control_next(connection);
}

static void control_begin_call(struct control_connection *connection, struct span text)
{
	struct control_refusal refusal = { 0 };
	bool oneway;
	struct control_call *call = calloc(1, sizeof(*call));
	int r = call == NULL ? -SIS_ERR_NO_MEMORY : control_call_parse(text, &call->text, &refusal, &oneway);
	if (call == NULL) {
		control_close(connection);
		return;
	}
	if (r < 0) {
		free(call);
		control_refuse_call(connection, r, &refusal, oneway);
		return;
	}
	call->connection = connection;
	memcpy(call->by, connection->by, sizeof(call->by));
	connection->call = call;
	control_watch(connection);
	control_dispatch(call);
}

void control_next(struct control_connection *connection)
{
	char *end = connection->input_size > 0 ? memchr(connection->input, '\0', connection->input_size) : NULL;
	if (connection->call != NULL || connection->closing || end == NULL) {
		if (connection->input_size > CONTROL_MESSAGE_MAX && end == NULL && connection->call == NULL) {
			struct control_refusal refusal = { CONTROL_INTERFACE ".Failed", "detail", "a message may have 65536 bytes" };
			connection->input_size = 0;
			control_refuse_call(connection, -SIS_ERR_TOO_LARGE, &refusal, false);
			return;
		}
		control_watch(connection);
		return;
	}
	size_t size = (size_t)(end - connection->input);
	CLEANUP_FREE char *text = malloc(size + 1);
	if (text == NULL) {
		control_close(connection);
		return;
	}
	memcpy(text, connection->input, size + 1);
	connection->input_size -= size + 1;
	memmove(connection->input, end + 1, connection->input_size);
	control_begin_call(connection, (struct span){ (const uint8_t *)text, size });
}

static void control_read(struct control_connection *connection)
{
	if (connection->input == NULL)
		connection->input = malloc(CONTROL_MESSAGE_MAX + 1);
	ssize_t n = connection->input == NULL ? 0 :
		recv(connection->fd, connection->input + connection->input_size, CONTROL_MESSAGE_MAX + 1 - connection->input_size, 0);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == 0 && connection->output_size > 0) {
		connection->closing = true;
		control_watch(connection);
		return;
	}
	if (n <= 0) {
		control_close(connection);
		return;
	}
	connection->input_size += (size_t)n;
	control_next(connection);
}

static void control_on_io(uint32_t events, void *arg)
{
	struct control_connection *connection = arg;
	/* Gone altogether; what was sent before that is still read, so that a oneway call followed by a close is heard. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
		control_close(connection);
		return;
	}
	if ((events & EPOLLOUT) != 0) {
		if (!control_flush(connection))
			return;
		control_watch(connection);
		if (connection->output_size == 0 && connection->call != NULL && connection->call->on_drained != NULL) {
			connection->call->on_drained(connection->call);
			return;
		}
	}
	if ((events & EPOLLIN) != 0 && connection->call == NULL && !connection->closing)
		control_read(connection);
}

/* ------------------------------------------------ all of them ------------------------------------------------ */

int control_connection_start(int fd, const char *by)
{
	struct control_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL || loop_add_io(ledger.role.loop, fd, EPOLLIN, control_on_io, connection, &connection->source) < 0) {
		free(connection);
		return -SIS_ERR_NO_MEMORY;
	}
	connection->fd = fd;
	snprintf(connection->by, sizeof(connection->by), "%s", by);
	connection->next = connections;
	connections = connection;
	n_connections++;
	control_set_deadline(connection);
	return 0;
}

unsigned control_connection_count(void)
{
	return n_connections;
}

void control_tick(void)
{
	int64_t now = (int64_t)(time_monotonic_ns() / 1000000000u);
	for (struct control_connection *connection = connections, *next; connection != NULL; connection = next) {
		next = connection->next;
		bool waits_for_us = connection->call != NULL && connection->output_size == 0;
		if (connection->deadline < now && !waits_for_us)
			control_close(connection);
	}
}
