/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines, fields, events. */
#include "sis/sse.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static int text_append(struct sse_text *text, const void *data, size_t size)
{
	if (size > SSE_LINE_MAX - text->size)
		return -SIS_ERR_TOO_LARGE;
	if (text->size + size > text->capacity) {
		size_t capacity = text->capacity == 0 ? 1024 : text->capacity;
		while (capacity < text->size + size)
			capacity *= 2;
		uint8_t *grown = realloc(text->data, capacity);
		if (grown == NULL)
			return -SIS_ERR_NO_MEMORY;
		text->data = grown;
		text->capacity = capacity;
	}
	if (size > 0)
		memcpy(text->data + text->size, data, size);
	text->size += size;
	return 0;
}

void sse_free(struct sse *sse)
{
	free(sse->line.data);
	free(sse->data.data);
	*sse = (struct sse){ 0 };
}

static int take_kind(struct sse *sse, struct span value)
{
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < 'a' || value.data[i] > 'z')
			return -SIS_ERR_PROTOCOL;
	}
	return value.size > 0 && span_to_string(value, sse->event.kind, sizeof(sse->event.kind)) ? 0 : -SIS_ERR_PROTOCOL;
}

static int take_id(struct sse *sse, struct span value)
{
	sse->event.has_id = true;
	return span_to_u64(value, INT64_MAX, &sse->event.id) ? 0 : -SIS_ERR_PROTOCOL;
}

static int take_data(struct sse *sse, struct span value)
{
	int r = sse->has_data ? text_append(&sse->data, "\n", 1) : 0;
	sse->has_data = true;
	return r < 0 ? r : text_append(&sse->data, value.data, value.size);
}

static const struct { const char *name; int (*take)(struct sse *sse, struct span value); } fields[] = {
	{ "event", take_kind }, { "id", take_id }, { "data", take_data },
};

static int take_field(struct sse *sse, struct span line)
{
	const uint8_t *colon = memchr(line.data, ':', line.size);
	struct span name = { line.data, colon != NULL ? (size_t)(colon - line.data) : line.size };
	struct span value = { line.data + line.size, 0 };
	if (colon != NULL) {
		size_t skip = name.size + 1 < line.size && colon[1] == ' ' ? 2 : 1;
		value = (struct span){ line.data + name.size + skip, line.size - name.size - skip };
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (span_equals(name, fields[i].name))
			return fields[i].take(sse, value);
	}
	return 0;                       /* a comment (no name), retry, or of a later version */
}

static int finish_event(struct sse *sse, int (*fn)(const struct sse_event *event, void *arg), void *arg)
{
	int r = 0;
	sse->event.data = (struct span){ sse->data.data, sse->data.size };
	if (sse->event.kind[0] == '\0')
		strcpy(sse->event.kind, "message");
	if (sse->has_data)
		r = fn(&sse->event, arg);
	sse->event = (struct sse_event){ 0 };
	sse->data.size = 0;
	sse->has_data = false;
	return r;
}

static int take_line(struct sse *sse, int (*fn)(const struct sse_event *event, void *arg), void *arg)
{
	struct span line = { sse->line.data, sse->line.size };
	sse->line.size = 0;
	if (line.size > 0 && line.data[line.size - 1] == '\r')
		line.size--;
	if (line.size == 0)
		return finish_event(sse, fn, arg);
	if (memchr(line.data, '\r', line.size) != NULL || memchr(line.data, '\0', line.size) != NULL)
		return -SIS_ERR_PROTOCOL;
	return take_field(sse, line);
}

int sse_feed(struct sse *sse, const uint8_t *data, size_t size, int (*fn)(const struct sse_event *event, void *arg), void *arg)
{
	int r = sse->failed ? -SIS_ERR_PROTOCOL : 0;
	while (size > 0 && r == 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end != NULL ? (size_t)(end - data) : size;
		r = text_append(&sse->line, data, n);
		if (r == 0 && end != NULL)
			r = take_line(sse, fn, arg);
		n += end != NULL;
		data += n;
		size -= n;
	}
	sse->failed = sse->failed || r != 0;
	return r;
}
