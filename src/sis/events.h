/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Being told what is new: one event stream over a connection of its own, that comes back by itself where it was. What the server sends is checked for
 * order here (nothing twice, nothing older, no beginning elsewhere than asked); what an event says is for its reader to check. */
#pragma once

#include "base/json.h"
#include "sis/profile.h"
#include "sis/sis.h"

struct events;
struct event { uint64_t sequence; char kind[16]; json_t *data; };       /* owned: event_free */
void event_free(struct event *event);

/* from_now: what comes after the first connection; else what has a number greater than after. include: "manifest", "content", or NULL. The profile must
 * outlive it. Connects at the first events_next. */
int events_open(const struct sis *sis, const struct profile *profile, bool from_now, uint64_t after, const char *include, struct events **ret_events,
                struct why *why);
/* 1: an event ("hello" after each connection, and then what ARCHITECTURE.md, "The wire", lists); 0: nothing within timeout_ms, also while the server is away.
 * INTERRUPTED on ^C; other errors only when coming back makes no sense: REVOKED and the like, UNTRUSTED, ROLLED_BACK, PROTOCOL. */
int events_next(struct events *events, int timeout_ms, struct event *ret_event, struct why *why);
/* To poll for POLLIN beside other descriptors, after events_next has given 0; -1 while disconnected: then call it again soon. */
int events_fd(const struct events *events);
/* Why the server is away, one clause; NULL while connected. */
const char *events_trouble(const struct events *events);
void events_free(struct events *events);                /* accepts NULL */
