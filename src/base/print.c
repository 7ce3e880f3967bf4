/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Folded text, and what is made from the table of events. */
#include "base/print.h"
#include "base/log.h"
#include "base/util.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <syslog.h>

#define CATALOG_WIDTH 100

void print_folded(FILE *out, const char *prefix, const char *text, size_t size, size_t width)
{
	const char *end = text + size;
	size_t column = 0;

	while (text < end) {
		size_t word = strcspn(text, " ");

		if (word > (size_t)(end - text))
			word = (size_t)(end - text);
		if (column > 0 && column + 1 + word > width) {
			fputc('\n', out);
			column = 0;
		}
		fputs(column == 0 ? prefix : " ", out);
		column += (column == 0 ? strlen(prefix) : 1) + word;
		fwrite(text, 1, word, out);
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void print_sentences(FILE *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, ". ");
		size_t size = end ? (size_t)(end - text) + 1 : strlen(text);

		print_folded(out, "", text, size, PRINT_MAN_WIDTH);
		text += size + strspn(text + size, " ");
	}
}

static const struct event_help { const char *meaning, *action; } helps[] = {
#define EVENT_HELP(name_, meaning_, action_) [EVENT_##name_] = { (meaning_), (action_) },
#include "base/event_help.def"
#undef EVENT_HELP
};
/* No row is missing, and none there twice. */
enum {
#define EVENT_HELP(name_, meaning_, action_) EVENT_HELP_##name_,
#include "base/event_help.def"
#undef EVENT_HELP
	EVENT_HELPS,
};
static_assert((int)EVENT_HELPS == (int)EVENT_END, "event_help.def has a row for each of event.def");

static const char *const texts[] = {
#define EVENT(name_, id_, priority_, audited_, roles_, text_) [EVENT_##name_] = (text_),
#include "base/event.def"
#undef EVENT
};

/* "user {user} added" with each field written as put_field does. */
static void print_text(FILE *out, const char *text, void (*put_field)(FILE *out, const char *name, size_t size))
{
	for (const char *at = text; *at != '\0'; at++) {
		size_t size = *at == '{' ? strcspn(at + 1, "}") : 0;

		if (*at != '{') {
			fputc(*at, out);
			continue;
		}
		put_field(out, at + 1, size);
		at += size + 1;
	}
}

static void put_upper(FILE *out, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fputc(toupper((unsigned char)name[i]), out);
}

static void put_catalog_field(FILE *out, const char *name, size_t size)
{
	fputs("@SIS_", out);
	put_upper(out, name, size);
	fputc('@', out);
}

static void put_man_field(FILE *out, const char *name, size_t size)
{
	fputc('<', out);
	fwrite(name, 1, size, out);
	fputc('>', out);
}

void print_events_catalog(FILE *out)
{
	fputs("# SPDX-License-Identifier: GPL-3.0-or-later\n# What journalctl -x says about each event of sisd. Made by: sisd --print-events catalog\n", out);
	for (int i = 0; i < EVENT_END; i++) {
		fprintf(out, "\n-- %s\nSubject: ", event_message_id((enum event)i));
		print_text(out, texts[i], put_catalog_field);
		fputs("\nDefined-By: sis\nDocumentation: man:sisd-events(7)\n\n", out);
		print_folded(out, "", helps[i].meaning, strlen(helps[i].meaning), CATALOG_WIDTH);
		fputs("\nWhat to do:\n", out);
		print_folded(out, "", helps[i].action, strlen(helps[i].action), CATALOG_WIDTH);
	}
}

static void print_raisers(FILE *out, enum event event)
{
	static const struct { char letter; const char *name; } roles[] = { { 'M', "master" }, { 'S', "signer" }, { 'L', "ledger" }, { 'W', "workers" } };
	const char *comma = "";

	fputs("raised by ", out);
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (!event_allowed_for(event, roles[i].letter))
			continue;
		fprintf(out, "%s%s", comma, roles[i].name);
		comma = ", ";
	}
}

/* A field that the text names twice is told once. */
static void print_fields(FILE *out, const char *text)
{
	bool any = false;

	for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
		size_t size = strcspn(at, "}") + 1;
		const char *first = memmem(text, strlen(text), at, size);

		if (first != at)
			continue;
		fputs(any ? " , " : "Fields:\n.Va ", out);
		fputs("SIS_", out);
		put_upper(out, at + 1, size - 2);
		any = true;
	}
	if (any)
		fputs(" .\n", out);
}

void print_events_man(FILE *out)
{
	static const char *const priorities[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

	fputs(".Bl -tag -width Ds\n", out);
	for (int i = 0; i < EVENT_END; i++) {
		fprintf(out, ".It Dv %s\n.Dq ", event_name((enum event)i));
		print_text(out, texts[i], put_man_field);
		fprintf(out, "\n.br\n.Li %s ,\npriority %s, %s,\n", event_message_id((enum event)i), priorities[event_priority((enum event)i)],
		        event_is_audited((enum event)i) ? "audited" : "not audited");
		print_raisers(out, (enum event)i);
		fputs(".\n", out);
		print_fields(out, texts[i]);
		fputs(".Pp\n", out);
		print_sentences(out, helps[i].meaning);
		fputs(".br\n.Em What to do :\n", out);
		print_sentences(out, helps[i].action);
	}
	fputs(".El\n", out);
}
