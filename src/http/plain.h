/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP without TLS, on the same machine, for two purposes: the page that `sis gallery` shows to a browser, and the figures that sisd tells Prometheus.
 * tests/check-rooms keeps this header from everything in the daemon but src/worker/metrics.c, whose listener reaches nothing else. */
#pragma once

#include "http/server.h"

/* Instead of http_server_set_identity, before the first connection. A connection that does not end on a loopback address is closed at once. */
void http_server_set_plain(struct http_server *server);
