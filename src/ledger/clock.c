/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is the time of day to be believed? A clock that is years ahead for a minute would end everything that has an end, for good. So the time of day is held
 * against the time that has passed since the host started (sleep included), and at a start against when sisd last ran. After a jump forward nothing that has
 * ended is served, but it is not removed either, until the clock is right again, or has stood so for a day, or the administrator says that it is right. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY_S 86400
#define JUMP_S DAY_S                    /* corrections are smaller */
#define AWAY_S (7 * DAY_S)              /* at a start: so long a host is off without anybody having to look */
#define BACK_S 300
#define KEEP_EVERY_S 3600
#define META "clock"

struct clock_change { struct change change; int64_t now; };

static struct {
	int64_t base;                           /* time of day less time since the host's start, as it was last believed */
	int64_t doubtful_since;                 /* since the host's start; 0: it is believed */
	bool while_running;                     /* it jumped before our eyes: no switched-off host explains it */
	int64_t kept;                           /* since the host's start: when the time was last kept */
	int64_t jump_s;
} state;

static int64_t clock_since_start(void)
{
	struct timespec now = { 0 };
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec + 1;                  /* never 0 */
}

static void clock_describe(int64_t jump_s, const char *since, const char *reason)
{
	char detail[160];
	int64_t size_s = jump_s < 0 ? -jump_s : jump_s;
	snprintf(detail, sizeof(detail), "%lld %s %s what it was%s", (long long)(size_s / (size_s >= 2 * DAY_S ? DAY_S : 60)),
	         size_s >= 2 * DAY_S ? "days" : "minutes", jump_s < 0 ? "behind" : "ahead of", since);
	audit_event(&LOG(CLOCK_JUMPED, .detail = detail, .reason = reason));
}

static void clock_doubt(int64_t jump_s, const char *since, bool while_running)
{
	state.doubtful_since = clock_since_start();
	state.while_running = while_running;
	state.jump_s = jump_s;
	clock_describe(jump_s, since, "nothing that has ended is removed until it is right again, a day has passed, or somebody says \"sisctl clock accept\"");
}

static void clock_trust(int64_t since_start, const char *reason)
{
	state.base = time_now() - since_start;
	state.doubtful_since = 0;
	audit_event(&LOG(CLOCK_TRUSTED, .reason = reason));
}

bool clock_is_doubtful(void)
{
	return state.doubtful_since != 0;
}

bool clock_makes_no_certificates(void)
{
	return state.doubtful_since != 0 && state.while_running;
}

void clock_start(void)
{
	int64_t last = store_get_meta_number(ledger.view, META, 0), now = time_now();
	state.base = now - clock_since_start();
	if (last != 0 && now - last > AWAY_S) {
		state.base = last - clock_since_start();
		clock_doubt(now - last, " when sisd last ran, or the host was off for so long", false);
	} else if (last != 0 && last - now > BACK_S) {
		clock_describe(now - last, " when sisd last ran", "certificates that were made since are not valid yet; set the clock");
	}
}

/* ------------------------------------------------ as time passes ------------------------------------------------ */

static int clock_run_keep(struct store_writer *writer, struct change *change)
{
	return store_set_meta_number(writer, META, ((struct clock_change *)change)->now);
}

static void clock_done_keep(struct completion *completion)
{
	struct clock_change *keep = (struct clock_change *)completion;
	if (keep->change.result < 0)
		audit_store_failed(keep->change.result, "the time was not kept");
	free(keep);
}

static void clock_keep(int64_t since_start)
{
	if (state.kept != 0 && since_start - state.kept < KEEP_EVERY_S)
		return;
	struct clock_change *keep = calloc(1, sizeof(*keep));
	if (keep == NULL)
		return;
	state.kept = since_start;
	*keep = (struct clock_change){ .change = { .run = clock_run_keep, .completion.done = clock_done_keep }, .now = time_now() };
	transact_submit(&keep->change);
}

void clock_end(void)
{
	if (!clock_is_doubtful())
		(void)store_set_meta_number(ledger.writer, META, time_now());
}

static void clock_look_again(int64_t since_start, int64_t jump_s)
{
	if (jump_s < -BACK_S)
		state.doubtful_since = 0;       /* from ahead to behind: what follows is a jump back like any other */
	else if (jump_s < (state.while_running ? JUMP_S : AWAY_S))
		clock_trust(since_start, "it is what it was before");
	else if (since_start - state.doubtful_since >= DAY_S)
		clock_trust(since_start, "it has stood so for a day");
}

void clock_tick(void)
{
	int64_t since_start = clock_since_start(), jump_s = time_now() - since_start - state.base;
	if (ledger.stopping)
		return;
	if (state.doubtful_since != 0) {
		clock_look_again(since_start, jump_s);
		return;
	}
	if (jump_s > JUMP_S) {
		clock_doubt(jump_s, " a moment ago", true);
		return;
	}
	if (jump_s < -BACK_S)
		clock_describe(jump_s, " a moment ago", "certificates that were made with the time of before may not be valid yet");
	/* It is led by small steps, and may go a long way by them. */
	state.base += jump_s;
	clock_keep(since_start);
}

/* ------------------------------------------------ sisctl ------------------------------------------------ */

void clock_accept(struct control_call *call)
{
	if (!clock_is_doubtful()) {
		control_fail_error(call, -SIS_ERR_CONFLICT, "the clock is not in doubt");
		return;
	}
	char reason[128];
	snprintf(reason, sizeof(reason), "the administrator (%s) says that it is right", call->by);
	clock_trust(clock_since_start(), reason);
	control_reply(call, json_object(), false);
}

void clock_add_status(json_t *status)
{
	char words[128];
	if (!clock_is_doubtful())
		return;
	snprintf(words, sizeof(words), "IN DOUBT: %lld DAYS AHEAD; NOTHING THAT HAS ENDED IS REMOVED (sisctl clock accept)", (long long)(state.jump_s / DAY_S));
	json_object_set_new(status, "clock_warning", json_string(words));
}
