/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers: heads, bodies, files, problem documents (RFC 9457). What is to be sent is one buffer, then one file. */
#include "http/internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MIN_S 1
#define RETRY_SPREAD_S 4

/* ------------------------------------------------ what is to be sent ------------------------------------------------ */

bool out_append(struct out_buffer *out, const void *data, size_t size)
{
	if (out->size + size > out->capacity) {
		size_t capacity = out->capacity == 0 ? 1024 : out->capacity;
		while (capacity < out->size + size)
			capacity *= 2;
		uint8_t *grown = realloc(out->data, capacity);
		if (grown == NULL)
			return false;
		out->data = grown;
		out->capacity = capacity;
	}
	if (size > 0)
		memcpy(out->data + out->size, data, size);
	out->size += size;
	return true;
}

void out_free(struct out_buffer *out)
{
	free(out->data);
	*out = (struct out_buffer){ 0 };
}

ssize_t response_gather(struct http_connection *connection, uint8_t *scratch, size_t capacity)
{
	struct out_buffer *out = &connection->out;
	struct http_request *request = connection->request;
	size_t size = out->size - out->sent;
	if (size > capacity)
		size = capacity;
	if (size > 0)
		memcpy(scratch, out->data + out->sent, size);
	if (request == NULL || request->file_left == 0 || size == capacity)
		return (ssize_t)size;
	size_t more = capacity - size;
	if (more > request->file_left)
		more = (size_t)request->file_left;
	/* Objects never change, so after -AGAIN the same bytes are read again, as tls_write wants them. */
	int error = fd_pread_all(request->file, scratch + size, more, request->file_offset);
	return error < 0 ? error : (ssize_t)(size + more);
}

void response_consume(struct http_connection *connection, size_t size)
{
	struct out_buffer *out = &connection->out;
	struct http_request *request = connection->request;
	size_t from_out = size < out->size - out->sent ? size : out->size - out->sent;
	out->sent += from_out;
	if (out->sent == out->size)
		out_free(out);
	if (request == NULL)
		return;
	request->file_offset += size - from_out;
	request->file_left -= size - from_out;
	request->body_sent += size - from_out;
}

/* ------------------------------------------------ heads ------------------------------------------------ */

static const char *status_words(unsigned status)
{
	return status == 104 ? "Upload Resumption Supported" : status == 460 ? "Checksum Mismatch" : http_status_str((enum http_status)status);
}

static bool put(struct out_buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool put(struct out_buffer *out, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return size >= 0 && (size_t)size < sizeof(text) && out_append(out, text, (size_t)size);
}

static bool put_headers(struct out_buffer *out, const struct http_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = headers[i].value;
		/* A value of ours is made from checked text; should one ever hold a line break, it must not become a second field. */
		if (value != NULL && (strpbrk(value, "\r\n") != NULL || !put(out, "%s: ", headers[i].name) || !out_append(out, value, strlen(value)) ||
		                      !out_append(out, "\r\n", 2)))
			return false;
	}
	return true;
}

static const char *date_text(void)
{
	static char text[40];
	static time_t made_at = -1;
	time_t now = time(NULL);
	struct tm tm;
	/* Names of days and months are those of the C locale, in which every role runs. */
	if (now != made_at && gmtime_r(&now, &tm) != NULL && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		made_at = now;
	return text;
}

static bool put_length(struct out_buffer *out, uint64_t size)
{
	return size == LENGTH_UNKNOWN ? put(out, "Transfer-Encoding: chunked\r\n") : put(out, "Content-Length: %llu\r\n", (unsigned long long)size);
}

bool response_put_head(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, uint64_t size)
{
	struct http_connection *connection = request->connection;
	struct out_buffer *out = &connection->out;
	const struct http_server *server = connection->server;
	if (!request->message.body_complete || !request->message.keep_alive || server->draining || connection->is_surplus ||
	    (connection->account == 0 && CROWDED(server->n_connections, server->limits.max_connections)))
		connection->close_after = true;
	bool has_length = status != 204 && status != 304;
	return put(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status, status_words(status), date_text()) && put_headers(out, headers, n_headers) &&
	       (!has_length || put_length(out, size)) &&
	       (!connection->close_after || put(out, "Connection: close\r\n")) && out_append(out, "\r\n", 2);
}

bool response_sends_body(const struct http_request *request, unsigned status)
{
	return status != 204 && status != 304 && (request->message.method == NULL || strcmp(request->message.method, "HEAD") != 0);
}

static void give_up(struct http_request *request)
{
	connection_close(request->connection, true);
	connection_run(request->connection);
}

/* ------------------------------------------------ answers ------------------------------------------------ */

int http_inform(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers)
{
	struct out_buffer *out = &request->connection->out;
	if (request->answered)
		return -SIS_ERR_CONFLICT;
	if (!put(out, "HTTP/1.1 %u %s\r\n", status, status_words(status)) || !put_headers(out, headers, n_headers) || !out_append(out, "\r\n", 2)) {
		connection_close(request->connection, true);
		connection_make_ready(request->connection);
		return -SIS_ERR_NO_MEMORY;
	}
	connection_make_ready(request->connection);
	return 0;
}

void http_respond(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, const void *body, size_t size)
{
	if (request->answered)
		return;
	request->answered = true;
	bool with_body = response_sends_body(request, status);
	if (!response_put_head(request, status, headers, n_headers, size) || (with_body && !out_append(&request->connection->out, body, size))) {
		give_up(request);
		return;
	}
	request->body_sent = with_body ? size : 0;
	connection_run(request->connection);
}

void http_respond_file(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, int fd, uint64_t offset,
                       uint64_t length)
{
	if (request->answered) {
		fd_close(fd);
		return;
	}
	request->answered = true;
	request->file = fd;
	if (!response_put_head(request, status, headers, n_headers, length)) {
		give_up(request);
		return;
	}
	request->file_offset = offset;
	request->file_left = response_sends_body(request, status) ? length : 0;
	connection_run(request->connection);
}

static void type_from_error(int error, char *ret_type, size_t capacity)
{
	int size = snprintf(ret_type, capacity, "urn:sis:error:%s", error_name(error));
	for (int i = 0; i < size && (size_t)i < capacity; i++) {
		if (ret_type[i] == '_')
			ret_type[i] = '-';
		else if (ret_type[i] >= 'A' && ret_type[i] <= 'Z')
			ret_type[i] = (char)(ret_type[i] - 'A' + 'a');
	}
}

static char *problem_text(const struct http_problem *problem, unsigned status)
{
	char type[96];
	type_from_error(problem->error, type, sizeof(type));
	CLEANUP_JSON json_t *json = json_object();
	json_object_set_new(json, "type", json_string(problem->type != NULL ? problem->type : type));
	json_object_set_new(json, "title", json_string(problem->title != NULL ? problem->title : error_text(problem->error)));
	json_object_set_new(json, "status", json_integer((json_int_t)status));
	if (problem->detail != NULL && *problem->detail != '\0')
		json_object_set_new(json, "detail", json_string(problem->detail));
	for (size_t i = 0; i < problem->n_members; i++)
		json_object_set_new(json, problem->members[i].name, json_integer((json_int_t)problem->members[i].value));
	return json_print(json);
}

static bool has_header(const struct http_problem *problem, const char *name)
{
	for (size_t i = 0; i < problem->n_headers; i++)
		if (strcmp(problem->headers[i].name, name) == 0)
			return true;
	return false;
}

/* Spread, so that those who are refused together do not come back together. */
static const char *retry_seconds(char ret_text[16])
{
	snprintf(ret_text, 16, "%u", RETRY_MIN_S + (unsigned)(time_monotonic_ns() / 1000 % RETRY_SPREAD_S));
	return ret_text;
}

void http_respond_problem_with(struct http_request *request, const struct http_problem *problem)
{
	unsigned status = problem->status != 0 ? problem->status : (unsigned)error_http_status(problem->error);
	struct http_header headers[10] = { { "Content-Type", "application/problem+json" }, { "Cache-Control", "no-store" } };
	char seconds[16];
	size_t n = 2;
	for (size_t i = 0; i < problem->n_headers && n < ARRAY_SIZE(headers) - 1; i++)
		headers[n++] = problem->headers[i];
	if ((status == 429 || status == 503) && !has_header(problem, "Retry-After"))
		headers[n++] = (struct http_header){ "Retry-After", retry_seconds(seconds) };
	CLEANUP_FREE char *text = problem_text(problem, status);
	http_respond(request, status, headers, n, text != NULL ? text : "{}", text != NULL ? strlen(text) : 2);
}

void http_respond_problem(struct http_request *request, int error, const char *detail)
{
	http_respond_problem_with(request, &(struct http_problem){ .error = error, .detail = detail });
}

/* Where requests end can no longer be told after a fault, so the connection ends with the answer. */
void response_fault(struct http_request *request, struct http_fault fault)
{
	static const struct { unsigned status; int error; } errors[] = {
		{ 408, SIS_ERR_TIMEOUT }, { 414, SIS_ERR_TOO_LARGE }, { 431, SIS_ERR_TOO_LARGE }, { 503, SIS_ERR_NO_MEMORY },
	};
	int error = SIS_ERR_PROTOCOL;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].status == fault.status)
			error = errors[i].error;
	struct http_server *server = request->connection->server;
	request->connection->close_after = true;
	if (error == SIS_ERR_PROTOCOL || error == SIS_ERR_TOO_LARGE)
		penalty_add(request->connection, OFFENCE_REQUEST);
	if (server->handler->on_refused != NULL)
		server->handler->on_refused(request->connection->peer, fault.words, server->arg);
	http_respond_problem_with(request, &(struct http_problem){ .error = error, .status = fault.status, .detail = fault.words });
}

void http_close(struct http_request *request)
{
	request->answered = true;
	give_up(request);
}
