/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What each method of the control interface does. */
#include "ledger/control.h"
#include "ledger/ledger.h"
#include "ledger/metrics.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int methods_set_time(json_t *object, const char *name, int64_t seconds)
{
	char text[TIME_TEXT + 1];
	if (seconds == 0)
		return json_object_set_new(object, name, json_null());
	return time_encode(seconds, text) < 0 ? -1 : json_object_set_new(object, name, json_string(text));
}

void methods_fail(struct control_call *call, int error, const char *detail)
{
	const char *user = control_string(call, "user"), *device = control_string(call, "device");
	switch (-error) {
	case SIS_ERR_NO_USER:
		control_fail(call, CONTROL_INTERFACE ".NoSuchUser", json_pack("{s:s}", "user", user));
		return;
	case SIS_ERR_NO_INPUT:
		control_fail(call, CONTROL_INTERFACE ".NoSuchDevice", json_pack("{s:s, s:s}", "user", user, "device", device));
		return;
	case SIS_ERR_EXISTS:
		control_fail(call, CONTROL_INTERFACE ".UserExists", json_pack("{s:s}", "user", user));
		return;
	case SIS_ERR_BAD_NAME:
		control_fail(call, CONTROL_INTERFACE ".BadName", json_pack("{s:s}", "name", name_is_valid(span_from_string(user)) ? device : user));
		return;
	default:
		control_fail_error(call, error, detail);
	}
}

/* ------------------------------------------------ the service interface ------------------------------------------------ */

static void method_get_info(struct control_call *call)
{
	control_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "sis", "product", "sisd", "version", PACKAGE_VERSION, "url", PACKAGE_URL,
	                              "interfaces", "org.varlink.service", CONTROL_INTERFACE), false);
}

static void method_get_interface_description(struct control_call *call)
{
	const char *interface = control_string(call, "interface");
	CLEANUP_FREE char *description = control_describe(interface);
	if (description == NULL)
		control_fail(call, "org.varlink.service.InterfaceNotFound", json_pack("{s:s}", "interface", interface));
	else
		control_reply(call, json_pack("{s:s}", "description", description), false);
}

/* ------------------------------------------------ people ------------------------------------------------ */

static void methods_invited(struct invite_order *order, int error, const char *invite, void *arg)
{
	struct control_call *call = arg;
	if (error == 0)
		control_reply(call, json_pack("{s:s}", "invite", invite), false);
	else if (error == -SIS_ERR_REVOKED)
		control_fail_error(call, error, "the user was revoked, and the name is never given again: add the person under another name");
	else if (error == -SIS_ERR_DISABLED)
		control_fail_error(call, error, "the user is disabled: enable the user first");
	else if (error == -SIS_ERR_CONFLICT)
		control_fail_error(call, error, "the user had a device of this name, which was revoked: choose another name");
	else
		methods_fail(call, error, NULL);
}

static void methods_invite(struct control_call *call, bool add)
{
	struct invite_order *order = calloc(1, sizeof(*order));
	if (order == NULL) {
		control_fail_error(call, -SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	order->done = methods_invited;
	order->arg = call;
	order->add = add;
	if (!span_to_string(span_from_string(control_string(call, "user")), order->user, sizeof(order->user)) ||
	    !span_to_string(span_from_string(control_string(call, "device")), order->device, sizeof(order->device))) {
		free(order);
		methods_fail(call, -SIS_ERR_BAD_NAME, NULL);
		return;
	}
	memcpy(order->by, call->by, sizeof(order->by));
	people_order_invite(order);
}

static void method_add_user(struct control_call *call)
{
	methods_invite(call, true);
}

static void method_invite(struct control_call *call)
{
	methods_invite(call, false);
}

static int methods_add_user_to(const struct store_user *user, void *arg)
{
	json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "user", user->name, "state", store_state_name(user->state),
	                        "devices", (json_int_t)user->n_devices, "items", (json_int_t)user->n_items, "bytes", (json_int_t)user->used,
	                        "invites", (json_int_t)user->n_invites);
	if (row == NULL || methods_set_time(row, "created", user->created) < 0 ||
	    methods_set_time(row, "last_upload", user->last_upload) < 0 || json_array_append(arg, row) < 0) {
		json_decref(row);
		return -SIS_ERR_NO_MEMORY;
	}
	json_decref(row);
	return 0;
}

/* Answers with {name: list}, or with the error that ended the listing. */
void methods_reply_list(struct control_call *call, int error, const char *name, json_t *list)
{
	if (error == 0) {
		control_reply(call, json_pack("{s:o}", name, list), false);
		return;
	}
	json_decref(list);
	methods_fail(call, error, NULL);
}

static void method_list_users(struct control_call *call)
{
	json_t *users = json_array();
	methods_reply_list(call, store_list_users(ledger.view, methods_add_user_to, users), "users", users);
}

static const char *methods_certificate_state(const struct store_certificate *certificate)
{
	if (certificate->state != STORE_LIVE)
		return "revoked";
	if (certificate->not_after <= time_now())
		return "expired";
	return certificate->user_state == STORE_DISABLED ? "disabled" : "live";
}

static int methods_add_certificate(const struct store_certificate *certificate, void *arg)
{
	char fingerprint[2 * STORE_FINGERPRINT_BYTES + 1], serial[2 * 20 + 1] = "";
	hex_encode(certificate->fingerprint, STORE_FINGERPRINT_BYTES, fingerprint);
	if (certificate->serial.size <= 20)
		hex_encode(certificate->serial.data, certificate->serial.size, serial);
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "user", certificate->user, "device", certificate->device, "fingerprint", fingerprint,
	                        "serial", serial, "state", methods_certificate_state(certificate));
	bool failed = row == NULL || methods_set_time(row, "not_before", certificate->not_before) < 0 ||
	              methods_set_time(row, "not_after", certificate->not_after) < 0 ||
	              methods_set_time(row, "revoked", certificate->revoked) < 0 || json_array_append(arg, row) < 0;
	json_decref(row);
	return failed ? -SIS_ERR_NO_MEMORY : 0;
}

static void method_list_certificates(struct control_call *call)
{
	const char *user = control_string(call, "user");
	struct store_user found;
	int r = user[0] != '\0' ? store_find_user(ledger.view, user, &found) : 0;
	json_t *certificates = json_array();
	if (r == 0)
		r = store_list_certificates(ledger.view, user[0] != '\0' ? user : NULL, methods_add_certificate, certificates);
	methods_reply_list(call, r, "certificates", certificates);
}

/* ------------------------------------------------ revocation ------------------------------------------------ */

static void methods_revoked(struct revoke_order *order, int error, unsigned n_devices, unsigned n_connections, void *arg)
{
	struct control_call *call = arg;
	if (error == 0)
		control_reply(call, json_pack("{s:I, s:I}", "devices", (json_int_t)n_devices, "connections", (json_int_t)n_connections), false);
	else if (error == -SIS_ERR_REVOKED || error == -SIS_ERR_CONFLICT)
		control_fail_error(call, -SIS_ERR_REVOKED, "it was revoked before");
	else
		methods_fail(call, error, NULL);
}

static void method_revoke(struct control_call *call)
{
	struct revoke_order *order = calloc(1, sizeof(*order));
	if (order == NULL) {
		control_fail_error(call, -SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	order->done = methods_revoked;
	order->arg = call;
	order->compromised = json_member_bool(call->text.parameters, "compromised", false);
	memcpy(order->by, call->by, sizeof(order->by));
	text_for_terminal(span_from_string(control_string(call, "reason")), order->reason, sizeof(order->reason));
	const char *user = control_string(call, "user"), *device = control_string(call, "device");
	if (!name_is_valid(span_from_string(user)) || (device[0] != '\0' && !name_is_valid(span_from_string(device)))) {
		free(order);
		methods_fail(call, -SIS_ERR_BAD_NAME, NULL);
		return;
	}
	span_to_string(span_from_string(user), order->user, sizeof(order->user));
	span_to_string(span_from_string(device), order->device, sizeof(order->device));
	revoke_start(order);
}

/* ------------------------------------------------ the audit trail ------------------------------------------------ */

static void methods_verified(int error, json_t *problems, const struct store_audit_verdict *verdict, void *arg)
{
	struct control_call *call = arg;
	char anchor[STORE_AUDIT_HEAD_TEXT + 1], head[STORE_AUDIT_HEAD_TEXT + 1];
	if (error < 0) {
		json_decref(problems);
		control_fail_error(call, error, NULL);
		return;
	}
	store_audit_head_print(&verdict->anchor, anchor);
	store_audit_head_print(&verdict->last, head);
	control_reply(call, json_pack("{s:o, s:I, s:s, s:s}", "problems", problems, "lines", (json_int_t)verdict->n_lines, "anchor", anchor, "head", head), false);
}

static void method_audit_verify(struct control_call *call)
{
	const char *text = control_string(call, "head");
	struct store_audit_head known;
	if (text[0] != '\0' && store_audit_head_parse(span_from_string(text), &known) < 0) {
		control_fail(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", "head"));
		return;
	}
	int r = audit_verify_start(text[0] != '\0' ? &known : NULL, methods_verified, call);
	if (r < 0)
		control_fail_error(call, r, r == -SIS_ERR_BUSY ? "the audit trail is being verified already: wait for its end" : NULL);
}

/* ------------------------------------------------ dispatch ------------------------------------------------ */

static void (*const methods[CONTROL_METHODS])(struct control_call *call) = {
	[CONTROL_GET_INFO] = method_get_info,
	[CONTROL_GET_INTERFACE_DESCRIPTION] = method_get_interface_description,
	[CONTROL_ADD_USER] = method_add_user,
	[CONTROL_INVITE] = method_invite,
	[CONTROL_LIST_USERS] = method_list_users,
	[CONTROL_REVOKE] = method_revoke,
	[CONTROL_LIST_CERTIFICATES] = method_list_certificates,
	[CONTROL_LOGS] = logs_start,
	[CONTROL_STATUS] = status_start,
	[CONTROL_CHECK] = check_start,
	[CONTROL_AUDIT_VERIFY] = method_audit_verify,
	[CONTROL_LIST_QUOTAS] = operate_list_quotas,
	[CONTROL_SET_QUOTA] = operate_set_quota,
	[CONTROL_LIST_ITEMS] = operate_list_items,
	[CONTROL_REMOVE_ITEM] = operate_remove_item,
	[CONTROL_LIST_INVITES] = operate_list_invites,
	[CONTROL_REVOKE_INVITES] = operate_revoke_invites,
	[CONTROL_DISABLE_USER] = operate_disable_user,
	[CONTROL_ENABLE_USER] = operate_enable_user,
	[CONTROL_DISCONNECT] = operate_disconnect,
	[CONTROL_BACKUP] = backup_start,
	[CONTROL_BACKUP_END] = backup_end,
	[CONTROL_METRICS] = metrics_start,
	[CONTROL_LIST_AUTHORITIES] = authority_list,
	[CONTROL_ROLL_OVER] = authority_roll_over,
	[CONTROL_ACCEPT_CLOCK] = clock_accept,
};

void control_dispatch(struct control_call *call)
{
	methods[call->text.method](call);
}
