/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the administrator may look at: quotas, items (never what they show or are called: nobody here knows), open invites. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>

#define ITEMS_DEFAULT 50
#define ITEMS_MAX 10000

/* The user whom an optional parameter names: 0 when it names nobody. */
static int lists_find_user(struct control_call *call, struct store_user *ret_user)
{
	const char *name = control_string(call, "user");
	ret_user->user_id = 0;
	return name[0] != '\0' ? store_find_user(ledger.view, name, ret_user) : 0;
}

static int lists_append(json_t *list, json_t *row)
{
	return row == NULL || json_array_append_new(list, row) < 0 ? -SIS_ERR_NO_MEMORY : 0;
}

static int lists_add_quota(const struct store_user *user, void *arg)
{
	bool own = user->quota >= 0;
	uint64_t quota = own ? (uint64_t)user->quota : ledger.conf.quota_bytes;
	return user->state == STORE_REVOKED && user->used == 0 ? 0 :
		lists_append(arg, json_pack("{s:s, s:I, s:I, s:I, s:b}", "user", user->name, "used", (json_int_t)user->used,
		                            "reserved", (json_int_t)uploads_reserved_by(user->user_id), "quota", (json_int_t)quota, "own", (int)own));
}

void operate_list_quotas(struct control_call *call)
{
	struct store_user user;
	json_t *quotas = json_array();
	int r = lists_find_user(call, &user);
	if (r == 0)
		r = user.user_id != 0 ? lists_add_quota(&user, quotas) : store_list_users(ledger.view, lists_add_quota, quotas);
	if (r == 0) {
		control_reply(call, json_pack("{s:I, s:o}", "default", (json_int_t)ledger.conf.quota_bytes, "quotas", quotas), false);
		return;
	}
	json_decref(quotas);
	methods_fail(call, r, NULL);
}

struct lists_items { json_t *items; struct statement *statement; };

static int lists_add_item(const struct store_stored *stored, void *arg)
{
	struct lists_items *list = arg;
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(stored->id, id);
	const char *kind = statement_parse(stored->statement, list->statement, NULL) == 0 ? item_kind_name(list->statement->kind) : "";
	json_t *row = json_pack("{s:s, s:s, s:I, s:s, s:I}", "item", id, "user", stored->owner, "bytes", (json_int_t)stored->bytes, "kind", kind,
	                        "readers", (json_int_t)stored->n_readers);
	if (row != NULL && (methods_set_time(row, "received", stored->received) < 0 || methods_set_time(row, "expires", stored->expires) < 0)) {
		json_decref(row);
		return -SIS_ERR_NO_MEMORY;
	}
	return lists_append(list->items, row);
}

void operate_list_items(struct control_call *call)
{
	struct store_user user;
	json_t *given = json_object_get(call->text.parameters, "limit");
	json_int_t limit = json_is_integer(given) ? json_integer_value(given) : ITEMS_DEFAULT;
	struct lists_items list = { json_array(), calloc(1, sizeof(struct statement)) };
	int r = list.statement == NULL ? -SIS_ERR_NO_MEMORY : limit < 1 || limit > ITEMS_MAX ? -SIS_ERR_TOO_LARGE : lists_find_user(call, &user);
	if (r == 0)
		r = store_list_stored(ledger.view, user.user_id, (unsigned)limit, lists_add_item, &list);
	free(list.statement);
	if (r == -SIS_ERR_TOO_LARGE) {
		json_decref(list.items);
		control_fail_error(call, -SIS_ERR_USAGE, "the limit is a number from 1 to 10000");
		return;
	}
	methods_reply_list(call, r, "items", list.items);
}

static int lists_add_invite(const struct store_invite *invite, int64_t created, void *arg)
{
	json_t *row = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)invite->invite_id, "user", invite->user, "device", invite->device);
	if (row != NULL && (methods_set_time(row, "created", created) < 0 || methods_set_time(row, "expires", invite->expires) < 0)) {
		json_decref(row);
		return -SIS_ERR_NO_MEMORY;
	}
	return lists_append(arg, row);
}

void operate_list_invites(struct control_call *call)
{
	json_t *invites = json_array();
	methods_reply_list(call, store_list_invites(ledger.view, time_now(), lists_add_invite, invites), "invites", invites);
}
