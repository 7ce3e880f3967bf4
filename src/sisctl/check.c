/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl check: is everything that the database promises really there, and is it what it was? sisd looks, and with --repair mends; we show it, and
 * bring what is lost from a backup (check_backup.c). With --offline a sisd looks that serves nobody (check_offline.c). */
#include "sisctl/check.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ------------------------------------------------ asking ------------------------------------------------ */

/* How far it is, on a terminal; NULL: it has ended. */
static void show_progress(const json_t *reply)
{
	static bool shown;
	uint64_t items = 0, all = 0, bytes = 0;
	char size[32];
	if (!isatty(STDERR_FILENO) || (reply == NULL && !shown))
		return;
	if (reply == NULL) {
		fputs("\r\033[K", stderr);
		shown = false;
		return;
	}
	(void)json_member_u64(reply, "items", &items);
	(void)json_member_u64(reply, "all", &all);
	(void)json_member_u64(reply, "bytes", &bytes);
	size_format(bytes, size, sizeof(size));
	fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " items, %s; ^C ends it, and harms nothing", items, all, size);
	shown = true;
}

int check_receive(struct sisctl *sisctl, json_t **ret_reply)
{
	int r = 0;
	for (bool more = true; more && r == 0;) {
		CLEANUP_REPLY struct varlink_reply reply = { 0 };
		r = sisctl_receive(sisctl, &reply);
		show_progress(r == 0 && reply.continues ? reply.parameters : NULL);
		more = reply.continues;
		if (r == 0 && !more)
			*ret_reply = json_incref(reply.parameters);
	}
	return r;
}

static int ask_online(struct sisctl *sisctl, const struct check_order *order, bool repair, json_t **ret_reply)
{
	json_t *parameters = json_object();
	if (parameters == NULL || (order->full && json_object_set_new(parameters, "full", json_true()) < 0) ||
	    (repair && json_object_set_new(parameters, "repair", json_true()) < 0) ||
	    (order->recover_items && json_object_set_new(parameters, "recover_items", json_true()) < 0) ||
	    (repair && order->remove_lost && json_object_set_new(parameters, "remove_lost", json_true()) < 0))
		abort();
	int r = sisctl_send(sisctl, "Check", parameters, true);
	return r == 0 ? check_receive(sisctl, ret_reply) : r;
}

static int ask(struct sisctl *sisctl, const struct check_order *order, bool repair, json_t **ret_reply)
{
	int r = order->offline ? check_offline(order, repair, ret_reply) : ask_online(sisctl, order, repair, ret_reply);
	if (r == 0 && !json_is_array(json_object_get(*ret_reply, "problems")))
		r = output_error(EX_PROTOCOL, "the daemon's answer is not that of a check: are sisd and sisctl of the same version?");
	return r;
}

/* What is lost is looked for in the backups first, and brought to where sisd, who compares it byte by byte, takes it from. */
static int ask_with_backup(struct sisctl *sisctl, const struct check_order *order, json_t **ret_reply)
{
	json_t *found = NULL;
	int r = ask(sisctl, order, false, &found);
	if (r == 0)
		r = check_backup_find(order->backup, found, order->repair);
	if (r == 0 && order->repair)
		r = ask(sisctl, order, true, ret_reply);
	else if (r == 0)
		*ret_reply = json_incref(found);
	if (found != NULL && order->repair)
		check_backup_forget(found);
	json_decref(found);
	return r;
}

/* ------------------------------------------------ the command ------------------------------------------------ */

static int status_of(const json_t *reply, uint64_t *ret_n, uint64_t *ret_mended)
{
	uint64_t more = 0;
	const json_t *problem;
	size_t index;
	(void)json_member_u64(reply, "more", &more);
	*ret_n = *ret_mended = 0;
	json_array_foreach(json_object_get(reply, "problems"), index, problem) {
		*ret_n += 1;
		*ret_mended += json_member_bool(problem, "mended", false);
	}
	return *ret_n + more == 0 ? EX_OK : *ret_n + more == *ret_mended ? 1 : EX_DATAERR;
}

static int n_given(const char *const *values, int n)
{
	int given = 0;
	for (int i = 0; i < n; i++)
		given += values[i] != NULL;
	return given;
}

int command_check(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct check_order order = {
		.full = values[0] != NULL, .repair = values[1] != NULL, .backup = values[2], .remove_lost = values[3] != NULL,
		.recover_items = values[4] != NULL, .offline = values[5] != NULL, .conf = values[6],
	};
	CLEANUP_JSON json_t *reply = NULL;
	uint64_t n, n_mended;
	if (values[7] != NULL)
		return n_given(values, 7) > 0 ? output_error(EX_USAGE, "--backup looks at a snapshot alone, and takes no other option") : check_snapshot(sisctl, values[7]);
	if (order.remove_lost && !order.repair)
		return output_error(EX_USAGE, "--remove-lost is for --repair; without both, nothing is changed, and what is lost is listed");
	if (order.conf != NULL && !order.offline)
		return output_error(EX_USAGE, "--config is for --offline: the running sisd knows its own");
	int r = order.backup != NULL ? ask_with_backup(sisctl, &order, &reply) : ask(sisctl, &order, order.repair, &reply);
	if (r != 0)
		return r;
	int status = status_of(reply, &n, &n_mended);
	if (sisctl->json)
		output_json(reply);
	else
		check_print(&order, reply, n, n_mended);
	r = output_finish();
	return r != 0 ? r : status;
}
