/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The Varlink client of sisctl. */
#include "sisctl/varlink.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct varlink {
	int fd;
	char *data;                             /* bytes received and not yet given out */
	size_t size, capacity;
	size_t searched;                        /* no NUL in the first so many bytes */
};

static int error_from_connect(int errno_value)
{
	switch (errno_value) {
	case ENOENT:
	case ENOTDIR:
		return -SIS_ERR_NO_INPUT;
	case ECONNREFUSED:
		return -SIS_ERR_UNAVAILABLE;
	case EACCES:
	case EPERM:
		return -SIS_ERR_NOT_ALLOWED;
	default:
		return error_from_errno(errno_value);
	}
}

int varlink_connect(const char *path, struct varlink **ret_varlink)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return -SIS_ERR_BAD_NAME;
	strcpy(address.sun_path, path);

	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_from_errno(errno);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_from_connect(errno);

	*ret_varlink = varlink_from_fd(fd_take(&fd));
	return 0;
}

struct varlink *varlink_from_fd(int fd)
{
	struct varlink *varlink = xcalloc(1, sizeof(*varlink));
	varlink->fd = fd;
	return varlink;
}

void varlink_free(struct varlink *varlink)
{
	if (varlink == NULL)
		return;
	fd_close(varlink->fd);
	free(varlink->data);
	free(varlink);
}

void varlink_reply_clear(struct varlink_reply *reply)
{
	json_decref(reply->parameters);
	*reply = (struct varlink_reply){ 0 };
}

static int send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? -SIS_ERR_CLOSED : -SIS_ERR_IO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int varlink_send(struct varlink *varlink, const char *method, json_t *parameters, bool more)
{
	CLEANUP_JSON json_t *call = json_pack("{s:s, s:O}", "method", method, "parameters", parameters);
	if (call == NULL || (more && json_object_set_new(call, "more", json_true()) < 0))
		return -SIS_ERR_NO_MEMORY;
	CLEANUP_FREE char *text = json_print(call);
	if (text == NULL)
		return -SIS_ERR_NO_MEMORY;
	return send_all(varlink->fd, text, strlen(text) + 1);           /* the NUL ends the message */
}

bool varlink_wait(const struct varlink *varlink, int timeout_ms)
{
	struct pollfd pollfd = { .fd = varlink->fd, .events = POLLIN };
	return varlink->size > 0 || poll(&pollfd, 1, timeout_ms) != 0;
}

static int receive_more(struct varlink *varlink)
{
	if (varlink->size == varlink->capacity) {
		if (varlink->capacity >= VARLINK_MAX_BYTES)
			return -SIS_ERR_TOO_LARGE;
		size_t capacity = varlink->capacity > 0 ? varlink->capacity * 2 : 16384;
		char *data = realloc(varlink->data, capacity);
		if (data == NULL)
			return -SIS_ERR_NO_MEMORY;
		varlink->data = data;
		varlink->capacity = capacity;
	}
	ssize_t n = read(varlink->fd, varlink->data + varlink->size, varlink->capacity - varlink->size);
	if (n < 0 && errno == EINTR)
		return -SIS_ERR_INTERRUPTED;
	if (n < 0 && errno != ECONNRESET)
		return -SIS_ERR_IO;
	if (n <= 0)
		return -SIS_ERR_CLOSED;
	varlink->size += (size_t)n;
	return 0;
}

/* Waits for a whole message; its text stays in the buffer until drop_message(). */
static int receive_message(struct varlink *varlink, struct span *ret_text)
{
	for (;;) {
		const char *start = varlink->data, *end = NULL;
		if (varlink->size > varlink->searched)
			end = memchr(start + varlink->searched, '\0', varlink->size - varlink->searched);
		if (end != NULL) {
			*ret_text = (struct span){ .data = (const uint8_t *)start, .size = (size_t)(end - start) };
			return 0;
		}
		varlink->searched = varlink->size;
		int r = receive_more(varlink);
		if (r < 0)
			return r;
	}
}

static void drop_message(struct varlink *varlink, size_t size)
{
	varlink->size -= size + 1;
	varlink->searched = 0;
	memmove(varlink->data, varlink->data + size + 1, varlink->size);
}

static int read_reply(const json_t *message, struct varlink_reply *ret_reply)
{
	if (!json_is_object(message))
		return -SIS_ERR_PROTOCOL;
	const json_t *error = json_object_get(message, "error");
	json_t *parameters = json_object_get(message, "parameters");
	if ((error != NULL && !json_is_string(error)) || (parameters != NULL && !json_is_object(parameters) && !json_is_null(parameters)))
		return -SIS_ERR_PROTOCOL;
	if (error != NULL && (json_string_length(error) == 0 || json_string_length(error) >= sizeof(ret_reply->error)))
		return -SIS_ERR_PROTOCOL;

	struct varlink_reply reply = { .continues = json_member_bool(message, "continues", false) };
	if (error != NULL)
		strcpy(reply.error, json_string_value(error));
	reply.parameters = json_is_object(parameters) ? json_incref(parameters) : json_object();
	if (reply.parameters == NULL)
		return -SIS_ERR_NO_MEMORY;
	*ret_reply = reply;
	return 0;
}

int varlink_receive(struct varlink *varlink, struct varlink_reply *ret_reply)
{
	struct span text;
	int r = receive_message(varlink, &text);
	if (r < 0)
		return r;
	CLEANUP_JSON json_t *message = NULL;
	r = json_parse(text, VARLINK_MAX_BYTES, &message);
	drop_message(varlink, text.size);
	if (r == -SIS_ERR_NO_MEMORY)
		return r;
	return r < 0 ? -SIS_ERR_PROTOCOL : read_reply(message, ret_reply);
}
