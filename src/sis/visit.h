/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every command that reads items holds: the profile, its pins, a connection, and the acceptor that checks what comes. */
#pragma once

#include "sis/horizon.h"
#include "sis/item.h"
#include "sis/pins.h"
#include "sis/profile.h"
#include "sis/session.h"
#include "sis/sis.h"

struct visit {
	struct profile *profile;
	struct pins *pins;
	struct session *session;                /* may be taken: then set it to NULL */
	struct acceptor acceptor;
	struct horizon horizon;
};

/* On failure, too, what was opened is freed by CLEANUP_VISIT, after visit_end. */
int visit_begin(const struct sis *sis, struct visit *visit, struct why *why);
/* Keeps what was learned of contacts, also when error is not 0: what was seen is what can be accepted. Reports and returns the error in force. */
int visit_end(const struct sis *sis, struct visit *visit, int error, struct why *why);
void visit_free(struct visit *visit);
#define CLEANUP_VISIT __attribute__((cleanup(visit_free)))
