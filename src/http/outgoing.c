/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The client's request on its way out: the head, made and checked, and then the body piece by piece. */
#include "http/client_internal.h"

#include "base/error.h"

#include <string.h>

#define HEAD_MAX_BYTES 8192

/* Where a server sends us next is the server's word: it must not be able to write a request of its own through it. */
static bool target_is_clean(const char *target)
{
	for (const char *c = target; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	}
	return target[0] == '/' && strlen(target) <= 2048;
}

static bool value_is_clean(const char *value)
{
	for (const char *c = value; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	}
	return true;
}

static bool call_has_body(const struct http_call *call)
{
	return call->body_size > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 || strcmp(call->method, "PATCH") == 0;
}

static int client_write_head(struct http_client *client, const struct http_call *call, size_t *ret_size)
{
	if (!target_is_clean(call->target))
		return client_fail(client, -SIS_ERR_PROTOCOL, "the server named an address that is none");
	struct builder head = builder_from(client->first, HEAD_MAX_BYTES);
	bool six = strchr(client->host, ':') != NULL;
	builder_printf(&head, "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: sis/%s\r\n", call->method, call->target, six ? "[" : "", client->host,
	               six ? "]" : "", client->port, PACKAGE_VERSION);
	for (size_t i = 0; i < call->n_headers; i++) {
		if (!value_is_clean(call->headers[i].value))
			return client_fail(client, -SIS_ERR_PROTOCOL, "a field of the request would hold a control character");
		builder_printf(&head, "%s: %s\r\n", call->headers[i].name, call->headers[i].value);
	}
	if (call_has_body(call))
		builder_printf(&head, "Content-Length: %llu\r\n", (unsigned long long)call->body_size);
	builder_printf(&head, "\r\n");
	if (head.failed)
		return client_fail(client, -SIS_ERR_TOO_LARGE, "the head of the request is too long");
	*ret_size = head.size;
	return 0;
}

int outgoing_begin(struct http_client *client, const struct http_call *call, struct outgoing *ret_out)
{
	size_t size;
	int r = client_write_head(client, call, &size);
	if (r < 0)
		return r;
	*ret_out = (struct outgoing){ 0 };
	if (call->body_fn != NULL) {
		ret_out->left = call->body_size;
	} else if (call->body_size <= sizeof(client->first) - size) {
		if (call->body_size > 0)
			memcpy(client->first + size, call->body, call->body_size);
		size += call->body_size;
	} else {
		ret_out->body = (struct span){ call->body, call->body_size };
	}
	ret_out->now = (struct span){ client->first, size };
	return 0;
}

int outgoing_refill(struct outgoing *out, const struct http_call *call)
{
	if (out->now.size > 0 || out->stopped)
		return 0;
	if (out->body.size > 0) {
		out->now = out->body;
		out->body = (struct span){ 0 };
		return 0;
	}
	while (out->left > 0 && out->now.size == 0) {
		int r = call->body_fn(&out->now.data, &out->now.size, call->arg);
		if (r < 0)
			return r;
		if (out->now.size == 0 || out->now.size > out->left)
			return -SIS_ERR_INTERNAL;
		out->left -= out->now.size;
	}
	return 0;
}

bool outgoing_done(const struct outgoing *out)
{
	return out->stopped || (out->now.size == 0 && out->body.size == 0 && out->left == 0);
}
