/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Waiting when the server asks for it: 429 and 503 with Retry-After (RFC 9110, section 10.2.3), a few times and not for long, since the server may be hostile. */
#pragma once

#include "http/client.h"

#include <stdatomic.h>

struct patience { unsigned n; };        /* of one call; zero at its beginning */

/* Told before each wait, from any thread; NULL for nobody. */
void patience_set_teller(void (*tell)(unsigned status, unsigned seconds, void *arg), void *arg);
/* Seconds that this reply asks to wait; 0: it does not. */
unsigned patience_asked_s(const struct http_reply *reply);
/* Waits as asked, and a little longer by chance, so that not everybody comes back at once. False, at once, when nothing was asked, it has been tried often
 * enough, or it would take too long; and when cancelled. */
bool patience_wait(struct patience *patience, const struct http_reply *reply, const atomic_bool *cancelled);
/* Waits for so long, and up to half as long again by chance. False, at once, when cancelled; cancelled may be NULL. */
bool patience_pause(unsigned ms, const atomic_bool *cancelled);
