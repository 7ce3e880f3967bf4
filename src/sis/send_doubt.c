/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When the answer to an upload is lost: it is asked for again, a few times and not for long, and when that is in vain, nothing is claimed. */
#include "sis/output.h"
#include "sis/send.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>

#define DOUBT_MAX_NS 60000000000u               /* since it began: no further attempt after that; each may itself take a minute */
#define TOLD_AGAIN_NS 10000000000u              /* several files are sent side by side, and lose their answers together */

static const unsigned waits_ms[] = { 200, 1000, 2000, 4000 };

void doubt_note(struct doubt *doubt, const struct sender *sender, int error, const struct why *why)
{
	if (error == 0 || !session_may_be_done(sender->session, error))
		return;
	doubt->is_open = true;
	if (doubt->since_ns != 0)
		return;
	doubt->since_ns = time_monotonic_ns();
	snprintf(doubt->cause.text, sizeof(doubt->cause.text), "%s", why_text(why, error));
}

static void tell(const struct sender *sender, const struct doubt *doubt)
{
	static atomic_uint_fast64_t told_ns;
	uint64_t now = time_monotonic_ns(), before = atomic_load(&told_ns);
	if (sender->sis->quiet || (before != 0 && now - before < TOLD_AGAIN_NS) || !atomic_compare_exchange_strong(&told_ns, &before, now))
		return;
	output_note(sender->sis, "the server's answer was lost (%.200s); asking it again", doubt->cause.text);
}

bool doubt_wait(struct doubt *doubt, struct sender *sender)
{
	if (doubt->n >= ARRAY_SIZE(waits_ms) || time_monotonic_ns() - doubt->since_ns >= DOUBT_MAX_NS)
		return false;
	/* The first time it hardly takes any. */
	if (doubt->n == 1)
		tell(sender, doubt);
	return session_pause(sender->session, waits_ms[doubt->n++]);
}

int doubt_say(const struct doubt *doubt, int error, bool knows, struct why *why)
{
	const char *advice = knows ? "run the same command again: it finds out, and makes no second item"
	                           : "\"sis list --all\" shows it if it has arrived: look there before you send it again";
	if (error == -SIS_ERR_INTERRUPTED || atomic_load(&sis_cancelled))
		return why_set(why, -SIS_ERR_INTERRUPTED, "interrupted before the server had answered: it may have arrived, or not; %s", advice);
	return why_set(why, -SIS_ERR_UNCONFIRMED, "the server's answer was lost (%.200s): it may have arrived, or not; %s", doubt->cause.text, advice);
}

int send_look(struct sender *sender, const struct composed *composed, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	struct bundle_head head;
	char target[64], id[ITEM_ID_TEXT + 1];
	item_id_encode(composed->id, id);
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	int r = bundle_head_parse((struct span){ composed->prefix, composed->prefix_size }, &head, NULL);
	if (r == 0)
		r = session_get_json(sender->session, target, 8u << 20, &json, why);
	if (r < 0)
		return r;
	struct span ours = { composed->prefix + head.head_size, (size_t)head.statement_size };
	const char *theirs = json_member_string(json, "statement");
	return theirs != NULL && span_equals(ours, theirs) ? 0 : -SIS_ERR_EXISTS;
}

int send_confirm(struct sender *sender, const struct composed *composed, int error, struct why *why)
{
	struct why ignored = { "" };
	if (send_look(sender, composed, &ignored) < 0)
		return error;
	why->text[0] = '\0';
	return 0;
}
