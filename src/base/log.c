/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The event table of event.def, the filter, and the text of an event. */
#include "base/log.h"
#include "base/cursor.h"
#include "base/text.h"
#include "base/util.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

static const struct event_row {
	const char *name, *message_id, *roles, *text;
	int priority, audited;
} rows[] = {
#define EVENT(name_, id_, priority_, audited_, roles_, text_) \
	[EVENT_##name_] = { .name = #name_, .message_id = (id_), .roles = #roles_, .text = (text_), .priority = (priority_), .audited = (audited_) },
#include "base/event.def"
#undef EVENT
};

static const struct field_row {
	const char *name;
	size_t offset;
	int is_number;
} fields[] = {
#define TEXT(name_) { #name_, offsetof(struct log_args, name_), 0 }
#define NUMBER(name_) { #name_, offsetof(struct log_args, name_), 1 }
	TEXT(user), TEXT(device), TEXT(item), TEXT(peer), TEXT(reason), TEXT(role), TEXT(route), TEXT(detail),
	NUMBER(bytes), NUMBER(pid), NUMBER(status), NUMBER(count),
};

static log_sink_fn *the_sink;
static void *the_sink_arg;
static int max_priority = LOG_INFO;

static const struct event_row *row_of(enum event event)
{
	assert(event >= 0 && event < EVENT_END);
	return &rows[event];
}

void log_set_sink(log_sink_fn *sink, void *arg)
{
	the_sink = sink;
	the_sink_arg = arg;
}

void log_set_level(int max)
{
	max_priority = max;
}

int log_level_allows(enum event event)
{
	return event_priority(event) <= max_priority;
}

void log_event(const struct log_args *args)
{
	/* The audit trail must not have holes because somebody wanted a quieter journal. */
	if (the_sink != NULL && (log_level_allows(args->event) || event_is_audited(args->event)))
		the_sink(args, the_sink_arg);
}

const char *event_name(enum event event)
{
	return row_of(event)->name;
}

const char *event_message_id(enum event event)
{
	return row_of(event)->message_id;
}

int event_names(enum event event, const char *field)
{
	char wanted[32];
	snprintf(wanted, sizeof(wanted), "{%s}", field);
	return strstr(row_of(event)->text, wanted) != NULL;
}

int event_priority(enum event event)
{
	return row_of(event)->priority;
}

int event_is_audited(enum event event)
{
	return row_of(event)->audited;
}

int event_allowed_for(enum event event, char role_letter)
{
	return role_letter != 0 && strchr(row_of(event)->roles, role_letter) != NULL;
}

int event_is_kept_by(enum event event, char role_letter)
{
	return role_letter == 'L' && event_allowed_for(event, 'L') && !event_allowed_for(event, 'S');
}

static const struct field_row *field_find(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == size && memcmp(fields[i].name, name, size) == 0)
			return &fields[i];
	assert(!"event.def names a field that struct log_args has not");
	return NULL;
}

/* Appends what fits of one field's value; the builder keeps a byte for the NUL. */
static void put_field(struct builder *builder, const struct field_row *field, const struct log_args *args)
{
	char value[1024];
	const char *member = (const char *)args + field->offset, *text;
	int64_t number;
	if (field->is_number) {
		memcpy(&number, member, sizeof(number));
		snprintf(value, sizeof(value), "%lld", (long long)number);
	} else {
		memcpy(&text, member, sizeof(text));
		text_for_terminal(span_from_string(text != NULL && *text != 0 ? text : "-"), value, sizeof(value));
	}
	char cut[sizeof(value)];
	size_t room = builder->capacity - builder->size;
	text_for_terminal(span_from_string(value), cut, room + 1 < sizeof(cut) ? room + 1 : sizeof(cut));
	builder_put_bytes(builder, cut, strlen(cut));
}

void event_format(const struct log_args *args, char *ret_text, uint32_t capacity)
{
	if (capacity == 0)
		return;
	struct builder builder = builder_from(ret_text, capacity - 1);
	for (const char *at = row_of(args->event)->text; *at != 0 && !builder.failed; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		if (end != NULL) {
			put_field(&builder, field_find(at + 1, (size_t)(end - at - 1)), args);
			at = end;
		} else {
			builder_put_u8(&builder, (uint8_t)*at);
		}
	}
	ret_text[builder.size] = 0;
}
