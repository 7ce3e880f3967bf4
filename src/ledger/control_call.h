/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control interface as data: one table gives each method, its parameters and its reply. The introspection text is made from it and calls are
 * checked against it. (Varlink: https://varlink.org/; JSON objects ended by NUL.) */
#pragma once

#include "base/cursor.h"
#include "base/json.h"
#include "base/text.h"

#include <stdbool.h>

#define CONTROL_MESSAGE_MAX 65536       /* bytes of one message, without the NUL */
#define CONTROL_INTERFACE "io.sis.control"

enum control_method {
	CONTROL_GET_INFO, CONTROL_GET_INTERFACE_DESCRIPTION,
	CONTROL_ADD_USER, CONTROL_INVITE, CONTROL_LIST_USERS, CONTROL_REVOKE, CONTROL_LIST_CERTIFICATES, CONTROL_LOGS, CONTROL_STATUS, CONTROL_CHECK,
	CONTROL_AUDIT_VERIFY,
	CONTROL_LIST_QUOTAS, CONTROL_SET_QUOTA, CONTROL_LIST_ITEMS, CONTROL_REMOVE_ITEM, CONTROL_LIST_INVITES, CONTROL_REVOKE_INVITES,
	CONTROL_DISABLE_USER, CONTROL_ENABLE_USER, CONTROL_DISCONNECT,
	CONTROL_BACKUP, CONTROL_BACKUP_END, CONTROL_METRICS,
	CONTROL_LIST_AUTHORITIES, CONTROL_ROLL_OVER, CONTROL_ACCEPT_CLOCK,
	CONTROL_METHODS,
};

struct control_call_text {
	enum control_method method;
	json_t *parameters;                     /* an object, checked against the table; owned */
	bool oneway, more;
};

/* What a refused call is answered with: the error's full name, and the member of its parameters (NULL: none) that says about what. */
struct control_refusal { const char *error, *member; char about[128]; };

/* One message without its NUL. On failure ret_refusal says what to answer; BAD_FORMAT means that the other side does not speak Varlink, and the
 * connection is closed after the answer; USAGE that only this call is refused. ret_oneway is set whenever it could be read. */
int control_call_parse(struct span text, struct control_call_text *ret_call, struct control_refusal *ret_refusal, bool *ret_oneway);

/* The interface in Varlink's language: malloc'd; NULL on no memory or when there is no such interface. */
char *control_describe(const char *interface);
