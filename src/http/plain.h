/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP without TLS, for one purpose: the page that `sis gallery` shows to a browser on the same machine. tests/check-rooms keeps this header from every
 * role of the daemon, and so the code from their programs. */
#pragma once

#include "http/server.h"

/* Instead of http_server_set_identity, before the first connection. A connection that does not end on a loopback address is closed at once. */
void http_server_set_plain(struct http_server *server);
