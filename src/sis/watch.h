/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parts of `sis watch`: what to do with an event, and what to show of it. */
#pragma once

#include "sis/events.h"
#include "sis/programs.h"
#include "sis/recent.h"
#include "sis/visit.h"

struct watch_options { const char *directory, *command, *since; bool no_notify; };

struct watch {
	const struct sis *sis;
	const struct watch_options *options;
	struct visit *visit;
	struct events *events;
	struct programs programs;
	struct recent recent;                   /* since the last pause */
	uint64_t done, saved;                   /* everything up to here was shown; and that is in the profile */
	uint64_t checked_ns, away_ns, notified_ns;
	bool from_now, has_begun, is_away, may_notify;
	unsigned n_bad;
};

/* An event with what became of it: shown, and told to the command. item is NULL for all but items that hold. */
struct news {
	const struct event *event;
	const struct item *item;
	const char *path;                       /* of what was fetched; NULL: nothing was */
	int error;                              /* of an item that does not hold */
	const char *words;
};

/* watch_item.c: of an item's event; news gets the rest. INTERRUPTED, and errors that end the watch: not those of the item, which is shown as BAD. */
int watch_item(struct watch *watch, struct news *news, struct why *why);
/* A new list of revocations, if the server gives one. */
void watch_check_anew(struct watch *watch);

/* watch_show.c */
void watch_show(const struct watch *watch, const struct news *news);
int watch_run_command(struct watch *watch, const struct news *news, struct why *why);
void watch_notify(struct watch *watch, const struct news *news);
bool watch_can_notify(const struct watch *watch);
