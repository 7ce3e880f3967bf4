/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The log's end: the journal with its fields, or the same as one line on standard error. Audited events also go to the ledger, whatever
 * the log level. */
#include "sisd/master.h"
#include "base/text.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define TEXT_MAX 1024
#define LINE_MAX_BYTES 8192

static bool to_journal;
static int64_t n_lost;                  /* lines that neither journal nor standard error took */

static char held_complaint[TEXT_MAX];
static bool hold_complaints;

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(held_complaint, sizeof held_complaint, format, args);
	va_end(args);
	if (!hold_complaints)
		fprintf(stderr, "sisd: %s\n", held_complaint);
}

/* Without a name before it: FILE:LINE first, for editors. */
void complain_as_is(const char *text)
{
	snprintf(held_complaint, sizeof held_complaint, "%s", text);
	if (!hold_complaints)
		fprintf(stderr, "%s\n", text);
}

void complain_hold(bool hold)
{
	hold_complaints = hold;
}

const char *complain_held(void)
{
	return held_complaint;
}

/* $JOURNAL_STREAM names the stream that systemd connected; when standard error has been redirected since, that is what is wanted. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device
		&& st.st_ino == inode;
}

static const char *priority_name(int priority)
{
	static const char *const names[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

	return priority >= LOG_EMERG && priority <= LOG_DEBUG ? names[priority] : "info";
}

static int level_of(const struct master *master)
{
	static const char *const names[] = { "err", "warning", "notice", "info", "debug" };

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (master->conf && strcmp(names[i], master->conf->log_level) == 0)
			return LOG_ERR + i;
	return LOG_INFO;
}

/* "SIS_USER=alice\nSIS_ITEM=...\n" : made harmless, so no value holds a line feed. */
static void fields_put_text(struct builder *fields, const char *name, const char *value)
{
	char harmless[TEXT_MAX];

	if (!value)
		return;
	text_for_terminal(span_from_string(value), harmless, sizeof harmless);
	builder_printf(fields, "SIS_%s=%s\n", name, harmless);
}

/* A 0 only where the text says it: the catalog puts the field in. */
static void fields_put_number(struct builder *fields, enum event event, const char *member, const char *name, int64_t value)
{
	if (value != 0 || event_names(event, member))
		builder_printf(fields, "SIS_%s=%lld\n", name, (long long)value);
}

static void fields_fill(struct builder *fields, const struct log_args *args)
{
	fields_put_text(fields, "USER", args->user);
	fields_put_text(fields, "DEVICE", args->device);
	fields_put_text(fields, "ITEM", args->item);
	fields_put_text(fields, "PEER", args->peer);
	fields_put_text(fields, "REASON", args->reason);
	fields_put_text(fields, "ROLE", args->role);
	fields_put_text(fields, "ROUTE", args->route);
	fields_put_text(fields, "DETAIL", args->detail);
	fields_put_number(fields, args->event, "bytes", "BYTES", args->bytes);
	fields_put_number(fields, args->event, "pid", "PID", args->pid);
	fields_put_number(fields, args->event, "status", "STATUS", args->status);
	fields_put_number(fields, args->event, "count", "COUNT", args->count);
}

/* Quoted where a space would make it look like two. */
static void line_put_fields(struct builder *line, const char *fields, size_t size)
{
	for (size_t at = 0; at < size; ) {
		int length = (int)strcspn(fields + at, "\n"), name = (int)strcspn(fields + at, "=") + 1;
		bool quote = memchr(fields + at, ' ', (size_t)length) != NULL;

		builder_printf(line, " %.*s%s%.*s%s", name, fields + at, quote ? "\"" : "", length - name, fields + at + name, quote ? "\"" : "");
		at += (size_t)length + 1;
	}
}

static bool stderr_write(const char *event, int priority, const char *text, const char *fields, size_t size)
{
	char buffer[LINE_MAX_BYTES], when[TIME_TEXT + 1] = "";
	struct builder line = builder_from(buffer, sizeof buffer - 1);

	time_encode(time_now(), when);
	builder_printf(&line, "%s %s %s %s", when, priority_name(priority), event, text);
	line_put_fields(&line, fields, size);
	buffer[line.size] = '\n';
	return stderr_send(buffer, line.size + 1);
}

static bool journal_write(enum role sender, const struct log_args *args, const char *text)
{
	char buffer[LINE_MAX_BYTES];
	struct builder all = builder_from(buffer, sizeof buffer - 1);
	int priority = event_priority(args->event);
	size_t head;

	builder_printf(&all, "MESSAGE=%s\nMESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=sisd\nSIS_EVENT=%s\nSIS_SENDER=%s\n", text,
	               event_message_id(args->event), priority, event_name(args->event), role_name(sender));
	head = all.size;
	fields_fill(&all, args);
	buffer[all.size] = '\0';
	if (to_journal && journal_send(buffer, all.size))
		return true;
	return stderr_write(event_name(args->event), priority, text, buffer + head, all.size - head);
}

static void audit(struct master *master, enum role sender, const struct log_args *args, const char *text)
{
	struct message_audit message = {
		.event = span_from_string(event_name(args->event)), .time = time_now(), .role = span_from_string(role_name(sender)),
		.user = span_from_string(args->user), .device = span_from_string(args->device), .item = span_from_string(args->item),
		.peer = span_from_string(args->peer), .text = span_from_string(text),
	};

	if (master->ledger.channel)
		CHANNEL_SEND(master->ledger.channel, 0, audit, AUDIT, &message);
}

void journal_log(struct master *master, enum role sender, const struct log_args *args)
{
	char text[TEXT_MAX];

	master->n_events[args->event]++;
	if (args->event == EVENT_LIMIT_HIT && args->count > 0)
		status_count(&master->n_left_out, (uint64_t)args->count);
	event_format(args, text, sizeof text);
	if (event_priority(args->event) <= level_of(master)) {
		if (journal_write(sender, args, text))
			journal_tell_lost(master);
		else
			n_lost++;
	}
	if (event_is_audited(args->event) && !event_is_kept_by(args->event, role_letter(sender)))
		audit(master, sender, args, text);
}

/* Told when lines are taken again, and from the audit trail, where none of the audited ones is missing. */
void journal_tell_lost(struct master *master)
{
	struct log_args args = LOG(LOG_LOST, .count = n_lost);
	char text[TEXT_MAX];

	if (n_lost == 0)
		return;
	event_format(&args, text, sizeof text);
	if (!journal_write(ROLE_MASTER, &args, text))
		return;
	n_lost = 0;
	audit(master, ROLE_MASTER, &args, text);
}

static void sink(const struct log_args *args, void *arg)
{
	journal_log(arg, ROLE_MASTER, args);
}

void journal_begin(struct master *master)
{
	to_journal = !master->options.log_to_stderr && stderr_is_journal();
	log_set_level(LOG_DEBUG);               /* decided here, after the audit */
	log_set_sink(sink, master);
}
