/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The audit table. What belongs to a deed is written in the deed's transaction; the rest, the other roles' events included, is gathered and goes with
 * the next batch. A full disk costs audit lines, never service: the journal still has them. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_DELAY_MS 25
#define AUDIT_BATCH 256
#define REFUSALS_BURST 200.0
#define REFUSALS_PER_S 20.0
#define SUM_EVERY_NS 5000000000u
#define FAILURE_EVERY_S 10
#define ROOM_FOR_LINES 262144           /* on a disk with less, what is left is for deeds and their own lines */
#define AUDIT_MAX_WAITING 8192          /* lines; more are lost, and counted */

struct audit_line {
	struct audit_line *next;
	int64_t time;
	char event[32], role[16], user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], item[ITEM_ID_TEXT + 1], peer[80];
	char *text;
};
struct audit_change { struct change change; struct audit_line *first; };

static struct {
	struct audit_line *first, **last;
	unsigned n_waiting, n_running;
	uint64_t n_lost;
	struct loop_source *timer;
	bool failing;                           /* the last batch was not written */
	int64_t last_failure, lost_told, n_untold_failures;
} audit = { .last = &audit.first };

static void audit_free_lines(struct audit_line *line)
{
	while (line != NULL) {
		struct audit_line *next = line->next;
		free(line->text);
		free(line);
		line = next;
	}
}

static int audit_run(struct store_writer *writer, struct change *change)
{
	uint64_t free_bytes;
	int r = transact_is_short_of_room(&free_bytes) && free_bytes < ROOM_FOR_LINES ? -SIS_ERR_NO_SPACE : 0;
	for (struct audit_line *line = ((struct audit_change *)change)->first; line != NULL && r == 0; line = line->next)
		r = store_add_audit(writer, &(struct store_audit){ .time = line->time, .event = line->event, .role = line->role, .user = line->user,
		                                                   .device = line->device, .item = line->item, .peer = line->peer, .text = line->text });
	return r;
}

static void audit_done(struct completion *completion)
{
	struct audit_change *change = (struct audit_change *)completion;
	audit.n_running--;
	audit.failing = change->change.result < 0;
	for (struct audit_line *line = audit.failing ? change->first : NULL; line != NULL; line = line->next)
		audit.n_lost++;
	if (audit.failing)
		audit_store_failed(change->change.result, "lines of the audit log are only in the journal");
	else
		logs_wake();
	audit_free_lines(change->first);
	free(change);
}

void audit_flush(void)
{
	struct audit_change *change = audit.first != NULL ? calloc(1, sizeof(*change)) : NULL;
	if (change == NULL)
		return;
	change->first = audit.first;
	audit.first = NULL;
	audit.last = &audit.first;
	audit.n_waiting = 0;
	audit.n_running++;
	change->change.run = audit_run;
	change->change.completion.done = audit_done;
	transact_submit(&change->change);
}

static void audit_on_timer(void *arg)
{
	audit_flush();
}

static void audit_queue(struct audit_line *line)
{
	if (audit.n_waiting >= AUDIT_MAX_WAITING) {
		audit.n_lost++;
		audit_free_lines(line);
		return;
	}
	*audit.last = line;
	audit.last = &line->next;
	if (audit.timer == NULL)
		(void)loop_add_timer(ledger.role.loop, -1, audit_on_timer, NULL, &audit.timer);
	if (audit.n_waiting++ == 0 && audit.timer != NULL)
		loop_timer_set(audit.timer, AUDIT_DELAY_MS);
	/* While one batch is being made durable the next gathers, however large. */
	if (audit.n_waiting >= AUDIT_BATCH && audit.n_running == 0)
		audit_flush();
}

static void audit_copy(struct span from, char *to, size_t capacity)
{
	if (!span_to_string(from, to, capacity))
		to[0] = '\0';
}

void audit_handle(const struct message_audit *message)
{
	char event[32] = "", role[16] = "";
	audit_copy(message->event, event, sizeof(event));
	audit_copy(message->role, role, sizeof(role));
	struct audit_line *line = calloc(1, sizeof(*line));
	if (line == NULL)
		return;
	line->time = message->time;
	memcpy(line->event, event, sizeof(line->event));
	memcpy(line->role, role, sizeof(line->role));
	audit_copy(message->user, line->user, sizeof(line->user));
	audit_copy(message->device, line->device, sizeof(line->device));
	audit_copy(message->item, line->item, sizeof(line->item));
	audit_copy(message->peer, line->peer, sizeof(line->peer));
	line->text = strndup(message->text.data != NULL ? (const char *)message->text.data : "", message->text.size);
	audit_queue(line);
}

void audit_event(const struct log_args *args)
{
	log_event(args);
	struct audit_line *line = event_is_audited(args->event) ? calloc(1, sizeof(*line)) : NULL;
	if (line == NULL)
		return;
	char text[512];
	event_format(args, text, sizeof(text));
	line->time = time_now();
	line->text = strdup(text);
	snprintf(line->event, sizeof(line->event), "%s", event_name(args->event));
	snprintf(line->role, sizeof(line->role), "ledger");
	audit_copy(span_from_string(args->user), line->user, sizeof(line->user));
	audit_copy(span_from_string(args->device), line->device, sizeof(line->device));
	audit_copy(span_from_string(args->item), line->item, sizeof(line->item));
	audit_copy(span_from_string(args->peer), line->peer, sizeof(line->peer));
	audit_queue(line);
}

/* Each kind of refusal in its own measure: nobody hides the one behind the other. The last row is for all others. */
static struct audit_limiter { enum event event; const char *summed; double tokens; uint64_t at_ns, summed_ns; int64_t n_dropped; } limiters[] = {
	{ EVENT_UPLOAD_REFUSED, "refused uploads are noted in measure" }, { EVENT_ENROLL_REFUSED, "refused enrollments are noted in measure" },
	{ EVENT_LIMIT_HIT, "reached limits are noted in measure" }, { EVENT_END, "refusals are noted in measure" },
};

static bool audit_limiter_allows(struct audit_limiter *limiter)
{
	uint64_t now = time_monotonic_ns();
	limiter->tokens += limiter->at_ns == 0 ? REFUSALS_BURST : (double)(now - limiter->at_ns) / 1e9 * REFUSALS_PER_S;
	limiter->at_ns = now;
	if (limiter->tokens > REFUSALS_BURST)
		limiter->tokens = REFUSALS_BURST;
	if (limiter->tokens < 1) {
		limiter->n_dropped++;
		return false;
	}
	limiter->tokens -= 1;
	return true;
}

void audit_refusal(const struct log_args *args)
{
	struct audit_limiter *limiter = limiters;
	while (limiter->event != args->event && limiter->event != EVENT_END)
		limiter++;
	if (audit_limiter_allows(limiter))
		audit_event(args);
}

static void audit_limiter_sum(struct audit_limiter *limiter, bool at_once)
{
	uint64_t now = time_monotonic_ns();
	if (limiter->n_dropped == 0 || (!at_once && now - limiter->summed_ns < SUM_EVERY_NS))
		return;
	audit_event(&LOG(LIMIT_HIT, .peer = "many", .reason = limiter->summed, .count = limiter->n_dropped));
	limiter->n_dropped = 0;
	limiter->summed_ns = now;
}

void audit_sum_dropped(bool at_once)
{
	int64_t now = time_now();
	for (unsigned i = 0; i < ARRAY_SIZE(limiters); i++)
		audit_limiter_sum(&limiters[i], at_once);
	if (audit.n_untold_failures > 0 && (at_once || now - audit.last_failure >= FAILURE_EVERY_S)) {
		log_event(&LOG(LIMIT_HIT, .peer = "ledger", .reason = "failures of the store are told once in ten seconds", .count = audit.n_untold_failures));
		audit.n_untold_failures = 0;
	}
	/* While nothing can be written, trying again is for once a minute. */
	if (audit.n_lost == 0 || (audit.failing && !at_once && now - audit.lost_told < 60))
		return;
	audit.lost_told = now;
	audit_event(&LOG(LIMIT_HIT, .peer = "ledger", .reason = "lines of the audit trail are only in the log", .count = (int64_t)audit.n_lost));
	audit.n_lost = 0;
}

int audit_write(struct store_writer *writer, const struct log_args *args)
{
	char text[512];
	event_format(args, text, sizeof(text));
	return store_add_audit(writer, &(struct store_audit){ .time = time_now(), .event = event_name(args->event), .role = "ledger", .user = args->user,
	                                                      .device = args->device, .item = args->item, .peer = args->peer, .text = text });
}

void audit_store_failed(int error, const char *what)
{
	int64_t now = time_now();
	if (now - audit.last_failure < FAILURE_EVERY_S) {
		audit.n_untold_failures++;
		return;
	}
	audit.last_failure = now;
	char reason[256];
	snprintf(reason, sizeof(reason), "%s: %s", what, error_text(error));
	/* To the journal alone: the audit table is what may have no room. */
	log_event(&LOG(STORE_FAILED, .reason = reason));
}
