/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One request as handlers see it: what it says, and how its body reaches them. */
#include "http/internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void request_body_piece(const uint8_t *data, size_t size, void *arg);

struct http_request *request_new(struct http_connection *connection)
{
	struct http_request *request = calloc(1, sizeof(*request));
	if (request == NULL)
		return NULL;
	message_init(&request->message);
	request->connection = connection;
	request->file = -1;
	request->message.on_body = request_body_piece;
	request->message.arg = request;
	return request;
}

void request_free(struct http_request *request)
{
	message_free(&request->message);
	fd_closep(&request->file);
	free(request->body);
	free(request);
}

void request_gone(struct http_request *request)
{
	const struct http_server *server = request->connection->server;
	if (request->seen && request->answered && server->handler->on_sent != NULL)
		server->handler->on_sent(request, false, request->body_sent, server->arg);
	if (request->seen && !request->answered && server->handler->on_gone != NULL)
		server->handler->on_gone(request, server->arg);
	request_free(request);
}

void request_fault(struct http_request *request, struct http_fault fault)
{
	const struct http_server *server = request->connection->server;
	if (request->answered)
		return;
	if (request->seen && server->handler->on_gone != NULL)
		server->handler->on_gone(request, server->arg);
	request->seen = false;
	response_fault(request, fault);
}

static uint32_t whole_seconds(uint64_t ns)
{
	return (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

void request_too_soon(struct http_request *request, uint64_t wait_ns)
{
	char seconds[16];
	const struct http_header header = { "Retry-After", seconds };
	snprintf(seconds, sizeof(seconds), "%u", whole_seconds(wait_ns));
	http_respond_problem_with(request, &(struct http_problem){ .error = SIS_ERR_TOO_MANY, .title = "too many requests", .headers = &header, .n_headers = 1,
		.detail = "Too many requests came from this address in a short time: go on more slowly." });
}

/* ------------------------------------------------ the body ------------------------------------------------ */

bool request_wants_body(const struct http_request *request)
{
	return request->mode != BODY_UNDECIDED && !request->answered && !request->message.body_complete;
}

static void collect(struct http_request *request, const uint8_t *data, size_t size)
{
	if (size > request->body_max - request->body_size) {
		http_respond_problem(request, SIS_ERR_TOO_LARGE, "The body is larger than this resource takes.");
		return;
	}
	if (request->body_size + size > request->body_capacity) {
		size_t capacity = request->body_capacity == 0 ? 1024 : request->body_capacity;
		while (capacity < request->body_size + size)
			capacity *= 2;
		uint8_t *body = realloc(request->body, capacity);
		if (body == NULL) {
			http_respond_problem(request, SIS_ERR_NO_MEMORY, NULL);
			return;
		}
		request->body = body;
		request->body_capacity = capacity;
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size += size;
}

static void request_body_piece(const uint8_t *data, size_t size, void *arg)
{
	struct http_request *request = arg;
	struct http_server *server = request->connection->server;
	if (request->answered || request->connection->state == CONNECTION_CLOSED)
		return;
	request->body_received += size;
	if (request->mode == BODY_COLLECT)
		collect(request, data, size);
	else
		server->handler->on_body(request, data, size, server->arg);
	if (request->answered)
		message_pause(&request->message);
}

size_t request_feed(struct http_request *request, const uint8_t *data, size_t size)
{
	size_t used = message_feed_body(&request->message, data, size);
	if (request->message.fault.status != 0)
		request_fault(request, request->message.fault);
	else
		request_advance(request);
	return used;
}

bool request_advance(struct http_request *request)
{
	struct http_server *server = request->connection->server;
	if (request->mode == BODY_UNDECIDED || request->answered || request->body_ended || !request->message.body_complete)
		return false;
	request->body_ended = true;
	if (server->handler->on_body_end != NULL)
		server->handler->on_body_end(request, server->arg);
	return true;
}

static void begin_body(struct http_request *request, enum body_mode mode)
{
	if (request->answered || request->mode != BODY_UNDECIDED)
		return;
	request->mode = mode;
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (request->message.expects_continue && request->message.has_body && !out_append(&request->connection->out, go_on, sizeof(go_on) - 1))
		connection_close(request->connection, true);
	connection_run(request->connection);
}

void http_request_collect(struct http_request *request, size_t max_bytes)
{
	uint64_t limit = request->connection->server->limits.max_body_bytes, announced = request->message.body_size;
	request->body_max = max_bytes < limit || limit == 0 ? max_bytes : (size_t)limit;
	if (announced != UINT64_MAX && announced > request->body_max)
		http_respond_problem(request, SIS_ERR_TOO_LARGE, "The body is larger than this resource takes.");
	else
		begin_body(request, BODY_COLLECT);
}

void http_request_stream(struct http_request *request)
{
	begin_body(request, BODY_STREAM);
}

/* ------------------------------------------------ what it says ------------------------------------------------ */

const char *http_request_method(const struct http_request *request)
{
	return request->message.method;
}

const char *http_request_path(const struct http_request *request)
{
	return request->message.path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
	for (unsigned i = 0; i < request->message.n_query; i++)
		if (strcmp(request->message.query[i].name, name) == 0)
			return request->message.query[i].value;
	return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	return message_field(&request->message, name);
}

const char *http_request_peer(const struct http_request *request)
{
	return request->connection->peer;
}

bool http_request_has_body(const struct http_request *request)
{
	return request->message.has_body;
}

uint64_t http_request_body_size(const struct http_request *request)
{
	return request->message.body_size;
}

struct span http_request_certificate(const struct http_request *request)
{
	const struct http_connection *connection = request->connection;
	return connection->server->transport->peer_certificate(connection->session);
}

int http_request_certificate_error(const struct http_request *request)
{
	const struct http_connection *connection = request->connection;
	return connection->server->transport->peer_error(connection->session);
}

struct span http_request_body(const struct http_request *request)
{
	return (struct span){ request->body, request->body_size };
}

void *http_request_data(const struct http_request *request)
{
	return request->data;
}

void http_request_set_data(struct http_request *request, void *data)
{
	request->data = data;
}

void *http_request_tag(const struct http_request *request)
{
	return request->connection->tag;
}

void http_request_set_tag(struct http_request *request, void *tag)
{
	if (tag != request->connection->tag)
		free(request->connection->tag);
	request->connection->tag = tag;
}

enum limit http_request_set_account(struct http_request *request, uint64_t account, uint32_t *ret_wait_s)
{
	struct http_connection *connection = request->connection;
	if (!account_enter(connection, account)) {
		connection->close_after = true;
		*ret_wait_s = 1;
		return LIMIT_CONNECTIONS_PER_USER;
	}
	penalty_know(connection);
	uint64_t wait = rates_take_account_request(connection);
	if (wait == 0)
		return LIMIT_NONE;
	*ret_wait_s = whole_seconds(wait);
	return LIMIT_REQUESTS_PER_USER;
}

void http_request_penalise(struct http_request *request, enum http_offence offence)
{
	penalty_add(request->connection, offence);
}

bool http_request_is_surplus(const struct http_request *request)
{
	return request->connection->is_surplus;
}
