/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A connection through a balancer: before TLS begins, the balancer says for whom it connects. From then on the connection is that peer's, in limits, log and
 * audit trail. Not one byte beyond the header is read. */
#include "http/internal.h"
#include "http/proxy.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>

struct proxy_reading { size_t size, wanted; uint8_t data[PROXY_MAX_BYTES]; };

int announce_begin(struct http_connection *connection)
{
	connection->proxy = calloc(1, sizeof(*connection->proxy));
	if (connection->proxy == NULL)
		return -SIS_ERR_NO_MEMORY;
	connection->proxy->wanted = PROXY_START_BYTES;
	return 0;
}

void announce_end(struct http_connection *connection)
{
	free(connection->proxy);
	connection->proxy = NULL;
}

static void refuse(struct http_connection *connection, int error)
{
	static const struct { int error; const char *words; } reasons[] = {
		{ -SIS_ERR_UNKNOWN_SUITE, "this balancer speaks version 1 of the PROXY protocol: set it to version 2" },
		{ -SIS_ERR_TOO_LARGE, "this balancer's PROXY header is too large" },
		{ -SIS_ERR_BAD_ROOT, "the checksum of this balancer's PROXY header does not hold" },
	};
	const char *words = "it is named in proxy_from, but sent no PROXY header (version 2, TCP)";
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].error == error)
			words = reasons[i].words;
	connection_refuse(connection, words);
}

static void take_header(struct http_connection *connection)
{
	struct sockaddr_storage address;
	bool announced = false;
	int error = proxy_parse((struct span){ connection->proxy->data, connection->proxy->size }, &announced, &address);
	announce_end(connection);
	if (error < 0) {
		refuse(connection, error);
		return;
	}
	if (announced)
		connection_set_peer(connection, (const struct sockaddr *)&address);
	enum limit limit = connection_admit(connection);
	if (limit != LIMIT_NONE) {
		connection_hit(connection, limit);
		connection_close(connection, false);
		return;
	}
	connection_enter(connection, CONNECTION_HANDSHAKE);
}

bool step_announce(struct http_connection *connection)
{
	struct proxy_reading *reading = connection->proxy;
	ssize_t n = recv(connection->fd, reading->data + reading->size, reading->wanted - reading->size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		connection_close(connection, false);
		return true;
	}
	reading->size += (size_t)n;
	if (reading->size < reading->wanted)
		return true;
	if (reading->wanted == PROXY_START_BYTES) {
		int error = proxy_size(reading->data, &reading->wanted);
		if (error < 0)
			refuse(connection, error);
	}
	if (connection->state == CONNECTION_PROXY && reading->size == reading->wanted)
		take_header(connection);
	return true;
}
