/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl status`: what the master knows of the roles, with the ledger's own figures added. */
#include "ledger/control.h"
#include "ledger/figures.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "pki/pki.h"

#include <stdlib.h>

struct status_call { uint64_t id; struct control_call *call; struct status_call *next; };

static struct status_call *waiting;

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

static int status_add_figures(json_t *status)
{
	struct store_totals totals;
	struct transact_figures figures = transact_figures();
	int r = store_count(ledger.view, &totals);
	if (r < 0)
		return r;
	status_add(status, "users", totals.n_users);
	status_add(status, "devices", totals.n_devices);
	status_add(status, "certificates", totals.n_certificates);
	status_add(status, "items", totals.n_items);
	status_add(status, "bytes", totals.bytes);
	status_add(status, "sequence", totals.sequence);
	status_add(status, "uploads_in_flight", uploads_count());
	status_add(status, "commits_in_flight", commit_n_running());
	status_add(status, "batches", figures.n_batches);
	status_add(status, "largest_batch", figures.largest);
	status_add(status, "changes", figures.n_changes);
	status_add(status, "crl_number", (uint64_t)store_get_meta_number(ledger.view, "crl_number", 0));
	char time[TIME_TEXT + 1];
	if (time_encode(store_get_meta_number(ledger.view, "crl_next", 0), time) == 0)
		json_object_set_new(status, "crl_next_update", json_string(time));
	if (crl_problem() != 0)
		json_object_set_new(status, "crl_problem", json_string(error_text(crl_problem())));
	char fingerprint[2 * STORE_FINGERPRINT_BYTES + 1];
	hex_encode(ledger.ca_fingerprint, STORE_FINGERPRINT_BYTES, fingerprint);
	json_object_set_new(status, "ca_fingerprint", json_string(fingerprint));
	(void)store_get_ca(ledger.view, status_add_ca, status);
	ending_add(status);
	json_object_set_new(status, "commit_seconds", figures_print(FIGURES_COMMIT));
	json_object_set_new(status, "revocation_seconds", figures_print(FIGURES_REVOCATION));
	json_object_set_new(status, "registration", json_string(ledger.conf.open_registration ? "open" : "invite"));
	return 0;
}

void status_handle_reply(uint64_t id, const struct message_role_status_reply *message)
{
	struct status_call **at = &waiting;
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	struct status_call *status_call = *at;
	if (status_call == NULL)
		return;
	*at = status_call->next;
	struct control_call *call = status_call->call;
	free(status_call);
	json_t *status = NULL;
	int r = json_parse(message->json, MESSAGE_MAX_BYTES, &status);
	if (r == 0)
		r = json_is_object(status) ? status_add_figures(status) : -SIS_ERR_INTERNAL;
	if (r == 0) {
		control_reply(call, json_pack("{s:o}", "status", status), false);
		return;
	}
	json_decref(status);
	control_fail_error(call, r, NULL);
}

void status_start(struct control_call *call)
{
	struct status_call *status_call = calloc(1, sizeof(*status_call));
	if (status_call == NULL) {
		control_fail_error(call, -SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	*status_call = (struct status_call){ channel_next_id(ledger.role.master), call, waiting };
	waiting = status_call;
	(void)CHANNEL_SEND(ledger.role.master, status_call->id, role_status, ROLE_STATUS, &(struct message_role_status){ 0 });
}
