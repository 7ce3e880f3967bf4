/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who may ask the gallery for what. Anybody on this machine can connect, any page in the browser can make it send requests here, and names can be bound
 * to 127.0.0.1 (DNS rebinding). So: the Host must be the very one that was printed; what changes something must come from our own page (Origin,
 * Sec-Fetch-Site); and everything but the page's own files needs both halves of a session:
 *
 * - a cookie (HttpOnly, SameSite=Strict). Cookies know no ports: another server on this machine would be sent it, too. It is therefore worth nothing without
 * - the page's key, which is kept in sessionStorage (bound to the port) and sent as a header, which no other page can set.
 *
 * The page gets both once, for the token in the printed link. That is in the link's fragment, which browsers never send. */
#pragma once

#include "base/text.h"

#include <stdbool.h>

#define GATE_SECRET_BYTES 16
#define GATE_SECRET_TEXT (2 * GATE_SECRET_BYTES)
#define GATE_KEY_HEADER "Sis-Page-Key"

struct gate {
	char host[64], origin[80];              /* "127.0.0.1:4711", "http://127.0.0.1:4711" */
	char cookie_name[32];
	char token[GATE_SECRET_TEXT + 1];       /* empty: used */
	char cookie[GATE_SECRET_TEXT + 1], key[GATE_SECRET_TEXT + 1];
	bool is_open;                           /* the token was used: there is a session */
};

/* What one request says of itself; NULL: absent. */
struct gate_request {
	const char *method, *host, *origin, *fetch_site, *fetch_mode, *cookie, *key;
};
enum gate_need {
	GATE_PAGE,                              /* the page's files: for whoever asks the right host */
	GATE_ENTER,                             /* exchanging the token */
	GATE_COOKIE,                            /* a download by ticket: the browser fetches it, so there is no key */
	GATE_SESSION,                           /* everything else */
};

int gate_open(struct gate *gate, const char *host);
/* 0, or the status to refuse with: 421, 403 or 401. ret_why gets one sentence. */
unsigned gate_check(const struct gate *gate, enum gate_need need, const struct gate_request *request, const char **ret_why);
/* Takes the token, once. */
bool gate_enter(struct gate *gate, const char *token);
void gate_cookie_text(const struct gate *gate, char *ret_text, size_t capacity);        /* the value of Set-Cookie */
