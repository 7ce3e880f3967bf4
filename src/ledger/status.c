/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl status`: what the master knows of the roles, with the ledger's own figures added. */
#include "ledger/control.h"
#include "ledger/figures.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "pki/pki.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct status_question { uint64_t id; status_fn *fn; void *arg; struct status_question *next; };

static struct status_question *waiting;

static int status_add(json_t *status, const char *name, uint64_t value)
{
	return json_object_set_new(status, name, json_integer((json_int_t)value));
}

static int status_add_ca(struct span der, void *arg)
{
	struct certificate certificate;
	char time[TIME_TEXT + 1];
	if (certificate_parse(der, &certificate) == 0 && time_encode(certificate.not_after, time) == 0)
		json_object_set_new(arg, "ca_ends", json_string(time));
	return 0;
}

/* A statfs() or stat() that fails leaves its figures out: the disk's troubles are told by who writes. */
static void status_add_disk(json_t *status)
{
	static const char *const files[] = { "sis.db", "sis.db-wal" };
	struct statvfs disk;
	uint64_t database = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/db/%s", ledger.state_dir, files[i]);
		struct stat file;
		if (stat(path, &file) == 0)
			database += (uint64_t)file.st_size;
	}
	status_add(status, "database_bytes", database);
	if (statvfs(ledger.state_dir, &disk) < 0)
		return;
	status_add(status, "disk_free_bytes", (uint64_t)disk.f_bavail * disk.f_frsize);
	status_add(status, "disk_bytes", (uint64_t)disk.f_blocks * disk.f_frsize);
}

static void status_add_totals(json_t *status, const struct store_totals *totals)
{
	status_add(status, "users", totals->n_users);
	status_add(status, "devices", totals->n_devices);
	status_add(status, "certificates", totals->n_certificates);
	status_add(status, "items", totals->n_items);
	status_add(status, "bytes", totals->bytes);
	status_add_disk(status);
	status_add(status, "sequence", totals->sequence);
}

static void status_add_work(json_t *status)
{
	struct transact_figures figures = transact_figures();
	status_add(status, "uploads_in_flight", uploads_count());
	status_add(status, "commits_in_flight", commit_n_running());
	status_add(status, "batches", figures.n_batches);
	status_add(status, "largest_batch", figures.largest);
	status_add(status, "changes", figures.n_changes);
}

static void status_add_authority(json_t *status)
{
	char time[TIME_TEXT + 1], fingerprint[2 * STORE_FINGERPRINT_BYTES + 1];
	status_add(status, "crl_number", (uint64_t)store_get_meta_number(ledger.view, "crl_number", 0));
	if (time_encode(store_get_meta_number(ledger.view, "crl_next", 0), time) == 0)
		json_object_set_new(status, "crl_next_update", json_string(time));
	if (crl_problem() != 0)
		json_object_set_new(status, "crl_problem", json_string(error_text(crl_problem())));
	hex_encode(ledger.ca_fingerprint, STORE_FINGERPRINT_BYTES, fingerprint);
	json_object_set_new(status, "ca_fingerprint", json_string(fingerprint));
	(void)store_get_ca(ledger.view, status_add_ca, status);
	ending_add(status);
}

static int status_add_figures(json_t *status)
{
	limits_add(json_object_get(status, "limits"));
	struct store_totals totals;
	int r = store_count(ledger.view, &totals);
	if (r < 0)
		return r;
	status_add_totals(status, &totals);
	status_add_work(status);
	status_add_authority(status);
	clock_add_status(status);
	json_object_set_new(status, "commit_seconds", figures_print(FIGURES_COMMIT));
	json_object_set_new(status, "revocation_seconds", figures_print(FIGURES_REVOCATION));
	json_object_set_new(status, "registration", json_string(ledger.conf.open_registration ? "open" : "invite"));
	return 0;
}

void status_handle_reply(uint64_t id, const struct message_role_status_reply *message)
{
	struct status_question **at = &waiting;
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	CLEANUP_FREE struct status_question *question = *at;
	if (question == NULL)
		return;
	*at = question->next;
	CLEANUP_JSON json_t *status = NULL;
	int r = json_parse(message->json, MESSAGE_MAX_BYTES, &status);
	if (r == 0)
		r = json_is_object(status) ? status_add_figures(status) : -SIS_ERR_INTERNAL;
	question->fn(r, r == 0 ? status : NULL, question->arg);
}

int status_collect(status_fn *fn, void *arg)
{
	struct status_question *question = malloc(sizeof(*question));
	if (question == NULL)
		return -SIS_ERR_NO_MEMORY;
	*question = (struct status_question){ channel_next_id(ledger.role.master), fn, arg, waiting };
	waiting = question;
	(void)CHANNEL_SEND(ledger.role.master, question->id, role_status, ROLE_STATUS, &(struct message_role_status){ 0 });
	return 0;
}

static void status_tell(int error, json_t *status, void *arg)
{
	if (error == 0)
		control_reply(arg, json_pack("{s:O}", "status", status), false);
	else
		control_fail_error(arg, error, NULL);
}

void status_start(struct control_call *call)
{
	int r = status_collect(status_tell, call);
	if (r < 0)
		control_fail_error(call, r, NULL);
}
