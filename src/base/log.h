/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Structured events (event.def). A role calls log_event(); where the line goes is the sink's matter: roles send it to the master as a
 * LOG message, the master writes to the journal or standard error. Field values are made harmless (text_for_terminal) by the master. */
#pragma once

#include <stdint.h>

enum event {
#define EVENT(name, id, priority, audited, roles, text) EVENT_##name,
#include "base/event.def"
#undef EVENT
	EVENT_END,
};

/* Usage: log_event(&LOG(UPLOADED, .user = "alice", .bytes = 12)); unset members are absent. */
struct log_args {
	enum event event;
	const char *user, *device, *item, *peer, *reason, *role, *route, *detail;
	int64_t bytes, pid, status, count;      /* 0 is shown only where the text names it */
};
#define LOG(name, ...) ((struct log_args){ .event = EVENT_##name, __VA_ARGS__ })

typedef void log_sink_fn(const struct log_args *args, void *arg);
void log_set_sink(log_sink_fn *sink, void *arg);        /* default: nothing is logged (libraries never print) */
void log_set_level(int max_priority);                   /* syslog(3) priority, LOG_INFO at start */
/* Drops what the level does not allow, except audited events: a sink that also prints asks log_level_allows() first. From the main thread only. */
void log_event(const struct log_args *args);
int log_level_allows(enum event event);

const char *event_name(enum event event);               /* "UPLOADED" */
const char *event_message_id(enum event event);
int event_names(enum event event, const char *field);   /* does its text say this member, "count"? */
int event_priority(enum event event);
int event_is_audited(enum event event);
int event_allowed_for(enum event event, char role_letter);              /* 'M', 'S', 'L', 'W' */
/* The ledger writes its own deeds into the audit table itself, in the deed's transaction; what every role may raise it does not. */
int event_is_kept_by(enum event event, char role_letter);
/* Fills the event's text with the args, harmless for a terminal; always NUL-terminated. */
void event_format(const struct log_args *args, char *ret_text, uint32_t capacity);
