/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP Basic (RFC 7617): what a stranger says to enroll with. Without sockets, so that the fuzzer can feed it. */
#pragma once

#include <stdbool.h>

#define CREDENTIALS_MAX 512

/* authorization: the field's value, or NULL. Fills user, which is not empty, and password, which is UTF-8, both NUL-terminated and in credentials, a secret
 * to be wiped by the caller also after false. */
bool credentials_parse(const char *authorization, char credentials[CREDENTIALS_MAX + 1], const char **ret_user, const char **ret_password);
