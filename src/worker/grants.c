/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who else may read an item: telling, and asking the ledger to change it. What can be refused here is; the ledger verifies all of it again. */
#include "base/error.h"
#include "base/json.h"
#include "format/item.h"
#include "worker/item_json.h"

#include <stdlib.h>
#include <string.h>

struct grants_page { struct exchange *exchange; json_t *json; };

static int take_grants(const struct store_item *item, void *arg)
{
	struct grants_page *page = arg;
	return item_grants_json(page->exchange->worker, &page->exchange->caller, item, &page->json);
}

void items_get_grants(struct exchange *exchange)
{
	struct grants_page page = { exchange, NULL };
	if (!items_may_list_more(exchange)) {
		load_refuse(exchange, LIMIT_LISTS_PER_USER, 0);
		return;
	}
	int error = items_find(exchange, take_grants, &page);
	if (error < 0) {
		items_refuse_store(exchange, error);
		return;
	}
	CLEANUP_JSON json_t *json = page.json;
	CLEANUP_FREE char *text = json_print(json);
	if (text != NULL)
		items_enter_listing(exchange, strlen(text));
	exchange_respond_json(exchange, 200, text, NULL, 0);
}

static int check_grant(struct span text, void *arg)
{
	struct grant grant;
	return grant_parse(text, &grant, arg);
}

void items_put_grants(struct exchange *exchange)
{
	struct span text = http_request_body(exchange->request);
	const char *why = NULL;
	unsigned n = 0;
	int error = grants_for_each(text, check_grant, &why, &n);
	if (error < 0 || n == 0) {
		route_refuse(exchange, error < 0 ? error : SIS_ERR_BAD_FORMAT, why != NULL ? why : "The body must be one or more grants.");
		return;
	}
	struct message_grants_put message = {
		.item = span_from_string(exchange->argument), .user = span_from_string(exchange->second_argument), .grants = text,
		.peer = span_from_string(http_request_peer(exchange->request)),
	};
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, grants_put, GRANTS_PUT, &message);
}

void items_drop_grants(struct exchange *exchange)
{
	struct message_grants_drop message = {
		.item = span_from_string(exchange->argument), .user = span_from_string(exchange->second_argument),
		.peer = span_from_string(http_request_peer(exchange->request)),
	};
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, grants_drop, GRANTS_DROP, &message);
}
