/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A blocking Varlink client: JSON objects ended by NUL over a Unix socket (https://varlink.org/Method-Call). What the other side says is
 * parsed within limits: the daemon is trusted with a lot, but not with this tool's memory. */
#pragma once

#include "base/json.h"

#include <stdbool.h>

#define VARLINK_MAX_BYTES (64u << 20)           /* one reply */

struct varlink;

struct varlink_reply {
	json_t *parameters;                     /* owned: always an object */
	char error[128];                        /* "" when it is none, else "io.sis.control.NoSuchUser" */
	bool continues;                         /* another reply to the same call follows */
};
void varlink_reply_clear(struct varlink_reply *reply);
#define CLEANUP_REPLY __attribute__((cleanup(varlink_reply_clear)))

/* -NO_INPUT no such socket, -UNAVAILABLE nobody listens, -NOT_ALLOWED no permission, -BAD_NAME longer than a socket's path can be, -SYSTEM. */
int varlink_connect(const char *path, struct varlink **ret_varlink);
struct varlink *varlink_from_fd(int fd);                                /* takes fd, from which replies come; aborts on no memory */
void varlink_free(struct varlink *varlink);                             /* accepts NULL */
/* Borrows parameters. more: every reply up to one without `continues` is wanted. CLOSED, IO, NO_MEMORY. */
int varlink_send(struct varlink *varlink, const char *method, json_t *parameters, bool more);
/* Is there something to receive, within so many milliseconds? Also true when only receiving can tell what is wrong. */
bool varlink_wait(const struct varlink *varlink, int timeout_ms);
/* CLOSED when the other side has ended, PROTOCOL for anything that is no reply, TOO_LARGE, INTERRUPTED by a signal. */
int varlink_receive(struct varlink *varlink, struct varlink_reply *ret_reply);
