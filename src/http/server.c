/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server as a whole: limits, drain, and the closing of a revoked peer's connections. */
#include "http/internal.h"

#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <unistd.h>

#define DRAIN_UNUSED_MS 2000            /* for the handshake and the request of who has just connected: nobody else can accept it any more */

static void server_drain_unused(void *arg);

/* 16384 sources, as many that are known (1.3 MiB each, touched as they come), and 2048 accounts. */
#define SOURCE_TABLE_BITS 11
#define KNOWN_TABLE_BITS 11
#define ACCOUNT_TABLE_BITS 8

static void server_run_ready(void *arg)
{
	struct http_server *server = arg;
	unsigned n = 0;
	/* Those that come back to the list while it is worked off wait for the next round, so that the loop hears the others in between. */
	for (struct http_connection *connection = server->ready; connection != NULL; connection = connection->next_ready)
		n++;
	while (n-- > 0 && server->ready != NULL) {
		struct http_connection *connection = server->ready;
		server->ready = connection->next_ready;
		if (server->ready == NULL)
			server->ready_end = &server->ready;
		connection->is_ready = false;
		connection->next_ready = NULL;
		connection_run(connection);
	}
	if (server->ready != NULL)
		loop_timer_set(server->ready_timer, 0);
}

int http_server_new(struct loop *loop, const struct http_handler *handler, void *arg, struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));
	if (server == NULL)
		return -SIS_ERR_NO_MEMORY;
	*server = (struct http_server){ .loop = loop, .handler = handler, .arg = arg, .ready_end = &server->ready };
	server->limits = (struct http_limits){ .max_connections = 1024, .max_connections_per_source = 256,
		.max_connections_per_account = 256, .header_timeout_ms = 15000,
		.idle_timeout_ms = 300000, .min_rate_bytes_s = 1024, .max_body_bytes = 65536, .max_head_bytes = 16384 };
	server->read_scratch = malloc(SCRATCH_BYTES);
	server->write_scratch = malloc(SCRATCH_BYTES);
	if (server->read_scratch == NULL || server->write_scratch == NULL || random_bytes(server->hash_key, sizeof(server->hash_key)) < 0 ||
	    rate_table_new(SOURCE_TABLE_BITS, server->hash_key, &server->sources) < 0 || rate_table_new(KNOWN_TABLE_BITS, server->hash_key, &server->known) < 0 ||
	    rate_table_new(ACCOUNT_TABLE_BITS, server->hash_key, &server->accounts) < 0 ||
	    loop_add_timer(loop, -1, server_run_ready, server, &server->ready_timer) < 0 ||
	    loop_add_timer(loop, -1, server_drain_unused, server, &server->drain_timer) < 0 ||
	    loop_add_timer(loop, -1, server_resume_accepting, server, &server->accept_timer) < 0) {
		http_server_free(server);
		return -SIS_ERR_NO_MEMORY;
	}
	*ret_server = server;
	return 0;
}

void http_server_free(struct http_server *server)
{
	if (server == NULL)
		return;
	if (server->accept_timer != NULL)
		http_server_stop_listening(server);
	server->drained = NULL;
	for (struct http_connection *connection = server->connections, *next; connection != NULL; connection = next) {
		next = connection->next;
		connection_close(connection, false);
		connection_run(connection);
	}
	loop_remove(server->ready_timer);
	loop_remove(server->accept_timer);
	loop_remove(server->drain_timer);
	if (server->transport != NULL)
		server->transport->end(server);
	holders_free(server);
	rate_table_free(server->sources);
	rate_table_free(server->known);
	rate_table_free(server->accounts);
	free(server->read_scratch);
	free(server->write_scratch);
	free(server);
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
	server->limits = *limits;
}

unsigned http_server_n_connections(const struct http_server *server)
{
	return server->n_connections;
}

void connection_check_drained(struct http_server *server)
{
	if (!server->draining || server->n_connections > 0 || server->drained == NULL)
		return;
	void (*fn)(void *arg) = server->drained;
	server->drained = NULL;
	fn(server->drained_arg);
}

static void close_when(struct http_server *server, bool (*match)(const struct http_connection *connection))
{
	for (struct http_connection *connection = server->connections, *next; connection != NULL; connection = next) {
		next = connection->next;
		if (!match(connection))
			continue;
		connection_close(connection, false);
		connection_run(connection);
	}
}

static bool is_idle(const struct http_connection *connection)
{
	return connection->state == CONNECTION_IDLE && connection->served_one;
}

/* Without a request, or not even there yet. */
static bool is_unused(const struct http_connection *connection)
{
	return connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HANDSHAKE || connection->state == CONNECTION_PROXY;
}

static void server_drain_unused(void *arg)
{
	struct http_server *server = arg;
	close_when(server, is_unused);
	connection_check_drained(server);
}

void http_server_drain(struct http_server *server, bool patient, void (*fn)(void *arg), void *arg)
{
	server->draining = true;
	server->drained = fn;
	server->drained_arg = arg;
	for (struct http_connection *connection = server->connections; connection != NULL; connection = connection->next)
		if (stream_is_open(connection->request))
			connection_make_ready(connection);
	if (!patient) {
		close_when(server, is_idle);
		loop_timer_set(server->drain_timer, DRAIN_UNUSED_MS);
	}
	connection_check_drained(server);
}

unsigned http_server_close_if(struct http_server *server, bool (*match)(const void *tag, void *match_arg), void *match_arg)
{
	unsigned n = 0;
	for (struct http_connection *connection = server->connections, *next; connection != NULL; connection = next) {
		next = connection->next;
		if (connection->tag == NULL || connection->state == CONNECTION_CLOSED || !match(connection->tag, match_arg))
			continue;
		n++;
		connection_close(connection, true);
		connection_run(connection);
	}
	return n;
}
