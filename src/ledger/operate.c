/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the administrator does besides inviting and revoking: each is one change of the database, with its line of the audit log in the same
 * transaction. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct operation {
	struct job job;                         /* of a removal: the file goes when nobody waits */
	struct change change;
	struct control_call *call;
	int (*deed)(struct store_writer *writer, struct operation *operation);
	char user[NAME_MAX_TEXT + 1], item[ITEM_ID_TEXT + 1], detail[64];
	int64_t user_id, number;                /* number: bytes of a quota, or an invite's id */
	uint8_t id[ITEM_ID_BYTES];
	unsigned n;
	bool removes, answers_user, answers_invites;
	uint64_t sequence;
	struct store_told told;
	enum event event;
};

#define OPERATION_EVENT(operation) ((struct log_args){ .event = (operation)->event, .user = (operation)->user, .item = (operation)->item, \
	.peer = (operation)->call->by, .detail = (operation)->detail, .count = (operation)->n })

static struct operation *operation_of(struct change *change)
{
	return (struct operation *)((char *)change - offsetof(struct operation, change));
}

static int operation_run(struct store_writer *writer, struct change *change)
{
	struct operation *operation = operation_of(change);
	struct store_user user;
	int r = 0;
	if (operation->user[0] != '\0' && (r = store_find_user(store_as_reader(writer), operation->user, &user)) == 0)
		operation->user_id = user.state != STORE_REVOKED ? user.user_id : (r = -SIS_ERR_REVOKED, 0);
	if (r == 0)
		r = operation->deed(writer, operation);
	return r < 0 ? r : audit_write(writer, &OPERATION_EVENT(operation));
}

static void operation_work_remove(struct job *job)
{
	backup_remove_object(((struct operation *)job)->id);
}

static void operation_done_remove(struct completion *completion)
{
	free(completion);
}

/* Of several to be removed, each is told by its name. */
static void operation_refuse_item(struct control_call *call)
{
	const char *item = control_string(call, "item");
	uint8_t id[ITEM_ID_BYTES];
	char detail[200];
	bool is_id = item_id_decode(span_from_string(item), id) == 0;
	snprintf(detail, sizeof(detail), is_id ? "there is no item %.*s; `sisctl items` shows what lies here" : "\"%.*s\" is no item's id: 26 characters, as `sisctl items` shows them",
	         ITEM_ID_TEXT, item);
	control_fail_error(call, -SIS_ERR_NO_ITEM, detail);
}

static void operation_refuse(struct operation *operation, int error)
{
	struct control_call *call = operation->call;
	if (error == -SIS_ERR_CONFLICT)
		control_fail_error(call, error, "the user is not disabled");
	else if (error == -SIS_ERR_REVOKED)
		control_fail_error(call, error, "the user was revoked, which is for good");
	else if (error == -SIS_ERR_NO_INPUT)
		control_fail_error(call, error, "there is no open invite of this number; `sisctl invites` shows which there are");
	else if (error == -SIS_ERR_NO_ITEM)
		operation_refuse_item(call);
	else
		methods_fail(call, error, NULL);
	free(operation);
}

static void operation_done(struct completion *completion)
{
	struct operation *operation = operation_of((struct change *)completion);
	callers_forget();
	if (operation->change.result < 0) {
		operation_refuse(operation, operation->change.result);
		return;
	}
	log_event(&OPERATION_EVENT(operation));
	json_t *answer = json_object();
	if (operation->answers_user)
		json_object_set_new(answer, "user", json_string(operation->user));
	if (operation->answers_invites)
		json_object_set_new(answer, "invites", json_integer(operation->n));
	control_reply(operation->call, answer, false);
	if (!operation->removes) {
		free(operation);
		return;
	}
	publish(operation->sequence, &operation->told);
	operation->job.work = operation_work_remove;
	operation->job.completion.done = operation_done_remove;
	pool_submit(&operation->job);
}

/* NULL after the call was answered: no memory, or the user's name cannot be one. */
static struct operation *operation_new(struct control_call *call, int (*deed)(struct store_writer *writer, struct operation *operation), enum event event)
{
	struct operation *operation = calloc(1, sizeof(*operation));
	const char *user = control_string(call, "user");
	if (operation == NULL || (user[0] != '\0' && !name_is_valid(span_from_string(user)))) {
		methods_fail(call, operation == NULL ? -SIS_ERR_NO_MEMORY : -SIS_ERR_NO_USER, NULL);
		free(operation);
		return NULL;
	}
	operation->call = call;
	operation->deed = deed;
	operation->event = event;
	operation->change.run = operation_run;
	operation->change.completion.done = operation_done;
	span_to_string(span_from_string(user), operation->user, sizeof(operation->user));
	return operation;
}

/* ------------------------------------------------ quota ------------------------------------------------ */

static int operate_run_quota(struct store_writer *writer, struct operation *operation)
{
	return store_set_quota(writer, operation->user_id, operation->number);
}

/* What a user has beyond a smaller quota stays: new uploads are refused until there is room. */
void operate_set_quota(struct control_call *call)
{
	const json_t *bytes = json_object_get(call->text.parameters, "bytes");
	if (json_is_integer(bytes) && json_integer_value(bytes) < 0) {
		control_fail_error(call, -SIS_ERR_USAGE, "a quota is a number of bytes, or 0 for no limit");
		return;
	}
	if (control_string(call, "user")[0] == '\0') {
		methods_fail(call, -SIS_ERR_NO_USER, NULL);
		return;
	}
	struct operation *operation = operation_new(call, operate_run_quota, EVENT_QUOTA_SET);
	if (operation == NULL)
		return;
	operation->number = json_is_integer(bytes) ? json_integer_value(bytes) : -1;
	if (operation->number > 0)
		snprintf(operation->detail, sizeof(operation->detail), "%lld bytes", (long long)operation->number);
	else
		snprintf(operation->detail, sizeof(operation->detail), "%s", operation->number == 0 ? "no limit" : "the configured default");
	transact_submit(&operation->change);
}

/* ------------------------------------------------ items ------------------------------------------------ */

static int operate_run_remove(struct store_writer *writer, struct operation *operation)
{
	return store_remove_item(writer, operation->id, operation->user, &operation->sequence, &operation->told);
}

void operate_remove_item(struct control_call *call)
{
	struct operation *operation = operation_new(call, operate_run_remove, EVENT_REMOVED);
	if (operation == NULL)
		return;
	if (item_id_decode(span_from_string(control_string(call, "item")), operation->id) < 0) {
		operation_refuse_item(call);
		free(operation);
		return;
	}
	item_id_encode(operation->id, operation->item);
	operation->removes = operation->answers_user = true;
	transact_submit(&operation->change);
}

/* ------------------------------------------------ invites ------------------------------------------------ */

static int operate_run_drop_invites(struct store_writer *writer, struct operation *operation)
{
	int r = operation->number != 0 ? store_find_open_invite(store_as_reader(writer), operation->number, &operation->user_id) : 0;
	if (r == 0 && operation->number != 0)
		r = store_get_user_name(store_as_reader(writer), operation->user_id, operation->user);
	return r < 0 ? r : store_drop_invites(writer, operation->user_id, operation->number, &operation->n);
}

void operate_revoke_invites(struct control_call *call)
{
	const json_t *id = json_object_get(call->text.parameters, "id");
	bool has_id = json_is_integer(id), has_user = control_string(call, "user")[0] != '\0';
	if (has_id == has_user || (has_id && json_integer_value(id) < 1)) {
		control_fail_error(call, -SIS_ERR_USAGE, "name either a user or the number of an invite");
		return;
	}
	struct operation *operation = operation_new(call, operate_run_drop_invites, EVENT_INVITE_REVOKED);
	if (operation == NULL)
		return;
	operation->number = has_id ? json_integer_value(id) : 0;
	operation->answers_user = operation->answers_invites = true;
	transact_submit(&operation->change);
}

/* ------------------------------------------------ users ------------------------------------------------ */

static int operate_run_enable(struct store_writer *writer, struct operation *operation)
{
	return store_set_user_state(writer, operation->user_id, STORE_DISABLED, STORE_LIVE);
}

void operate_enable_user(struct control_call *call)
{
	if (control_string(call, "user")[0] == '\0') {
		methods_fail(call, -SIS_ERR_NO_USER, NULL);
		return;
	}
	struct operation *operation = operation_new(call, operate_run_enable, EVENT_USER_ENABLED);
	if (operation != NULL)
		transact_submit(&operation->change);
}

static void operate_closed(struct revoke_order *order, int error, unsigned n_devices, unsigned n_connections, void *arg)
{
	struct control_call *call = arg;
	if (error == 0)
		control_reply(call, json_pack("{s:I}", "connections", (json_int_t)n_connections), false);
	else if (error == -SIS_ERR_CONFLICT)
		control_fail_error(call, error, "the user is disabled already");
	else if (error == -SIS_ERR_REVOKED)
		control_fail_error(call, error, "it was revoked, which is for good and has closed every connection");
	else
		methods_fail(call, error, NULL);
}

static void operate_close(struct control_call *call, enum revoke_what what)
{
	struct revoke_order *order = calloc(1, sizeof(*order));
	const char *user = control_string(call, "user"), *device = control_string(call, "device");
	if (order == NULL || !name_is_valid(span_from_string(user)) || (device[0] != '\0' && !name_is_valid(span_from_string(device)))) {
		methods_fail(call, order == NULL ? -SIS_ERR_NO_MEMORY : -SIS_ERR_BAD_NAME, NULL);
		free(order);
		return;
	}
	order->what = what;
	order->done = operate_closed;
	order->arg = call;
	memcpy(order->by, call->by, sizeof(order->by));
	span_to_string(span_from_string(user), order->user, sizeof(order->user));
	span_to_string(span_from_string(device), order->device, sizeof(order->device));
	revoke_start(order);
}

void operate_disable_user(struct control_call *call)
{
	operate_close(call, REVOKE_DISABLE);
}

void operate_disconnect(struct control_call *call)
{
	operate_close(call, REVOKE_DISCONNECT);
}
