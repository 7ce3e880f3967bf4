/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item that arrives while we watch: checked, fetched if that is wanted, and then shown. */
#include "sis/watch.h"

#include "sis/describe.h"
#include "sis/fetch.h"
#include "sis/message.h"
#include "sis/naming.h"
#include "sis/output.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define RETRY_MS 1000

static bool is_passing(int error)
{
	return error == -SIS_ERR_UNAVAILABLE || error == -SIS_ERR_TIMEOUT || error == -SIS_ERR_CLOSED || error == -SIS_ERR_BUSY || error == -SIS_ERR_TLS ||
	       error == -SIS_ERR_TOO_MANY || error == -SIS_ERR_AGAIN;
}

/* What came is not what was signed; and not: our disk is full, or it was deleted meanwhile. */
static bool is_evidence(int error)
{
	return error_exit_status(error) == EX_DATAERR;
}

static int fetch_once(struct watch *watch, const struct item *item, char **ret_path, struct why *why)
{
	const char *directory = watch->options->directory;
	struct outfile file;
	char name[256], taken[256];
	int r = outfile_open(directory, &file, why);
	if (r < 0)
		return r;
	item_file_name(item, name);
	struct fetch fetch = { .session = watch->visit->session, .item = item, .plain_fd = file.fd, .sealed_fd = -1 };
	r = fetch_object(&fetch, why);
	if (r == 0)
		r = outfile_publish(&file, name, false, false, taken, why);
	outfile_close(&file);
	if (r == 0)
		*ret_path = xasprintf("%s%s%s", directory, directory[strlen(directory) - 1] == '/' ? "" : "/", taken);
	return r;
}

/* What this device has sent is here already. The server may go away in the middle: then it is tried again until it comes. */
static int fetch(struct watch *watch, const struct item *item, char **ret_path, struct why *why)
{
	const struct profile *profile = watch->visit->profile;
	bool is_own = strcmp(item->opened.statement.owner, profile->user) == 0 && strcmp(item->owner_device, profile->device) == 0;
	if (watch->options->directory == NULL || is_own)
		return 0;
	for (;;) {
		why->text[0] = '\0';
		int r = fetch_once(watch, item, ret_path, why);
		if (atomic_load(&sis_cancelled) && r < 0)
			return -SIS_ERR_INTERRUPTED;
		if (!is_passing(r))
			return r;
		usleep(RETRY_MS * 1000);
	}
}

/* A list of revocations does for a while; until then, or until we hear of one. A server that cannot be asked just now has been asked before. */
void watch_check_anew(struct watch *watch)
{
	struct acceptor acceptor;
	struct why why = { "" };
	watch->checked_ns = time_monotonic_ns();
	if (acceptor_open(watch->sis, watch->visit->session, watch->visit->pins, &acceptor, &why) < 0)
		return;
	acceptor_close(&watch->visit->acceptor);
	watch->visit->acceptor = acceptor;
}

/* Since we last looked, the list may have ended (a host slept), or a successor of our authority have certified the device that signed: then looking again helps. */
static int accept_item(struct watch *watch, const json_t *json, struct item *ret_item, struct why *why)
{
	size_t size = watch->visit->profile->ca.size;
	int r = item_accept(&watch->visit->acceptor, json, NULL, ret_item, why);
	bool is_outdated = r == -SIS_ERR_EXPIRED && acceptor_is_outdated(&watch->visit->acceptor);
	if (r != -SIS_ERR_UNTRUSTED && !is_outdated)
		return r;
	watch_check_anew(watch);
	if (!is_outdated && watch->visit->profile->ca.size == size)
		return r;
	why->text[0] = '\0';
	return item_accept(&watch->visit->acceptor, json, NULL, ret_item, why);
}

int watch_item(struct watch *watch, struct news *news, struct why *why)
{
	CLEANUP_FREE char *path = NULL;
	struct item item;
	int r = accept_item(watch, news->event->data, &item, why), error = r;
	bool holds = r == 0;
	if (holds && message_is_presence(&item)) {
		item_wipe(&item);
		return 0;
	}
	if (holds) {
		recent_add(&watch->recent, item.sequence, item.id, item.opened.statement.owner, item.manifest.name);
		r = error = fetch(watch, &item, &path, why);
	}
	watch->n_bad += error < 0 && r != -SIS_ERR_INTERRUPTED;
	if (holds && error < 0 && r != -SIS_ERR_INTERRUPTED && !is_evidence(error)) {
		output_error(watch->sis, item.id, error, why);
		error = 0;
	}
	if (r != -SIS_ERR_INTERRUPTED) {
		*news = (struct news){ .event = news->event, .item = error == 0 ? &item : NULL, .path = path, .error = error, .words = why_text(why, error) };
		watch_show(watch, news);
		watch_notify(watch, news);
		why->text[0] = '\0';
		r = watch_run_command(watch, news, why);
	}
	if (holds)
		item_wipe(&item);
	return r;
}
