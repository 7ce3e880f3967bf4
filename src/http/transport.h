/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How the bytes of a connection get in and out: the one place where TLS and plain sockets differ. Parsing, limits and deadlines are above it and the same. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_server;

/* The results are those of tls/tls.h. */
struct http_transport {
	int (*open)(const struct http_server *server, int fd, void **ret_session);
	void (*close)(void *session);           /* accepts NULL; not the descriptor */
	int (*handshake)(void *session);
	bool (*has_begun)(const void *session);         /* the peer has said something */
	bool (*wants_write)(const void *session);
	ssize_t (*read)(void *session, void *ret_data, size_t capacity);
	ssize_t (*write)(void *session, const void *data, size_t size);
	size_t (*pending)(const void *session);
	void (*shutdown)(void *session);
	struct span (*peer_certificate)(const void *session);
	int (*peer_error)(const void *session);
	const char *(*words)(const void *session);
	void (*end)(struct http_server *server);        /* frees what the server holds for it */
};
