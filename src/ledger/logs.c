/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl logs`: the audit table, page by page as fast as the caller reads, and on as it grows for who follows. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define LOGS_PAGE 64
#define LOGS_SPAN 4096                  /* lines that are looked at before others get their turn, whether or not they are what is asked for: the trail may have millions */

struct logs {
	struct control_call *call;
	uint64_t after;                         /* all before were looked at */
	struct store_audit_filter filter;       /* words of the call's parameters */
	bool follow, busy, gone;
	unsigned n_sent;
	struct logs *next;
};

/* Waits for its turn behind the lines that are still gathered. */
struct logs_turn {
	struct change change;
	struct logs *logs;
};

static struct logs *followers;

static void logs_end(struct logs *logs)
{
	struct logs **at = &followers;
	while (*at != NULL && *at != logs)
		at = &(*at)->next;
	if (*at == logs)
		*at = logs->next;
	free(logs);
}

static void logs_gone(struct control_call *call)
{
	struct logs *logs = call->state;
	if (logs->busy) {
		logs->gone = true;
		return;
	}
	logs_end(logs);
	control_end(call);
}

static int logs_send(const struct store_audit *audit, void *arg)
{
	struct logs *logs = arg;
	char time[TIME_TEXT + 1] = "";
	(void)time_encode(audit->time, time);
	json_t *entry = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "sequence", (json_int_t)audit->sequence, "time", time, "event", audit->event,
	                          "role", audit->role, "user", audit->user, "device", audit->device, "item", audit->item, "peer", audit->peer,
	                          "text", audit->text);
	logs->after = audit->sequence;
	logs->n_sent++;
	if (entry != NULL)
		control_reply(logs->call, json_pack("{s:o}", "entry", entry), true);
	return logs->gone;
}

/* Sends pages of the next lines until the caller does not keep up, or they are through; ret_last: of the trail, as it is now. */
static int logs_look(struct logs *logs, uint64_t *ret_last)
{
	int r = store_last_audit(ledger.view, ret_last);
	uint64_t to = *ret_last > logs->after && *ret_last - logs->after > LOGS_SPAN ? logs->after + LOGS_SPAN : *ret_last;
	while (r == 0 && !logs->gone && logs->after < to && control_is_drained(logs->call)) {
		logs->n_sent = 0;
		r = store_list_audit(ledger.view, &logs->filter, logs->after, to, LOGS_PAGE, logs_send, logs);
		if (r == 0 && logs->n_sent < LOGS_PAGE)
			logs->after = to;
	}
	return r;
}

static void logs_resume(void *arg);

static void logs_continue(struct logs *logs)
{
	uint64_t last = logs->after;
	logs->busy = true;
	int r = logs_look(logs, &last);
	if (r == 0 && !logs->gone && logs->after < last && control_is_drained(logs->call))
		r = loop_add_after(ledger.role.loop, logs_resume, logs);
	else
		logs->busy = false;
	struct control_call *call = logs->call;
	if (logs->gone && !logs->busy) {
		logs_end(logs);
		control_end(call);
	} else if (r < 0) {
		logs_end(logs);
		call->on_gone = NULL;
		control_fail_error(call, r, NULL);
	} else if (logs->after >= last && !logs->follow) {
		logs_end(logs);
		call->on_gone = NULL;
		control_reply(call, NULL, false);
	}
}

/* After the others had their turn. */
static void logs_resume(void *arg)
{
	struct logs *logs = arg;
	struct control_call *call = logs->call;
	logs->busy = false;
	if (!logs->gone) {
		logs_continue(logs);
		return;
	}
	logs_end(logs);
	control_end(call);
}

static void logs_drained(struct control_call *call)
{
	struct logs *logs = call->state;
	if (!logs->busy)
		logs_continue(logs);
}

void logs_wake(void)
{
	for (struct logs *logs = followers, *next; logs != NULL; logs = next) {
		next = logs->next;
		if (!logs->busy && control_is_drained(logs->call))
			logs_continue(logs);
	}
}

static int logs_turn_run(struct store_writer *writer, struct change *change)
{
	return 0;
}

static void logs_turn_done(struct completion *completion)
{
	struct logs_turn *turn = (struct logs_turn *)completion;
	struct logs *logs = turn->logs;
	free(turn);
	logs_resume(logs);
}

/* Whoever asks sees everything that happened before: the lines that are gathered go into the table first. */
static bool logs_take_turn(struct logs *logs)
{
	struct logs_turn *turn = calloc(1, sizeof(*turn));
	if (turn == NULL)
		return false;
	turn->logs = logs;
	turn->change.run = logs_turn_run;
	turn->change.completion.done = logs_turn_done;
	logs->busy = true;
	audit_flush();
	transact_submit(&turn->change);
	return true;
}

static bool logs_take_time(struct control_call *call, const char *name, int64_t *ret_time)
{
	const char *text = control_string(call, name);
	if (text[0] == '\0' || time_decode(span_from_string(text), ret_time) == 0)
		return true;
	control_fail(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", name));
	return false;
}

void logs_start(struct control_call *call)
{
	struct store_audit_filter filter = {
		.user = control_string(call, "user"), .device = control_string(call, "device"), .item = control_string(call, "item"),
		.event = control_string(call, "event"),
	};
	if (!logs_take_time(call, "since", &filter.since) || !logs_take_time(call, "until", &filter.until))
		return;
	struct logs *logs = calloc(1, sizeof(*logs));
	if (logs == NULL) {
		control_fail_error(call, -SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	logs->call = call;
	logs->filter = filter;
	logs->follow = json_member_bool(call->text.parameters, "follow", false);
	call->state = logs;
	call->on_drained = logs_drained;
	call->on_gone = logs_gone;
	if (logs->follow) {
		logs->next = followers;
		followers = logs;
	}
	if (!logs_take_turn(logs))
		logs_continue(logs);
}
