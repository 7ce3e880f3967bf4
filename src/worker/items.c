/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Items: the list, one of them, and its end. */
#include "base/error.h"
#include "base/json.h"
#include "worker/item_json.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define PAGE_BYTES (4 * 1024 * 1024)    /* a page ends early beyond; "next" goes on */

void items_refuse_store(struct exchange *exchange, int error)
{
	if (error != -SIS_ERR_NO_ITEM && log_limiter_allows(&exchange->worker->refused, LOG_BURST))
		log_event(&LOG(STORE_FAILED, .reason = error_text(error)));
	route_refuse(exchange, error == -SIS_ERR_NO_ITEM ? error : -SIS_ERR_INTERNAL, error == -SIS_ERR_NO_ITEM ? NULL : "The store cannot be read.");
}

/* ------------------------------------------------ the list ------------------------------------------------ */

struct page {
	struct exchange *exchange;
	json_t *items;
	enum item_include include;
	bool more;
	unsigned n, limit;
	uint64_t last;
	size_t bytes;
};

static int add_item(const struct store_item *item, void *arg)
{
	struct page *page = arg;
	if (page->n == page->limit || page->bytes > PAGE_BYTES) {
		page->more = true;
		return 1;
	}
	json_t *json;
	size_t bytes;
	int error = item_json(page->exchange->worker, &page->exchange->caller, item, page->include, &json, &bytes);
	if (error < 0 && error != -SIS_ERR_NO_ITEM)
		return error;
	page->n++;
	page->last = item->sequence;
	if (error < 0)
		return 0;                       /* deleted between its row and its file: counted all the same, or the page would seem the last */
	page->bytes += bytes;
	return json_array_append_new(page->items, json) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

void items_enter_listing(struct exchange *exchange, size_t bytes)
{
	struct worker *worker = exchange->worker;
	exchange->listed_bytes = bytes;
	exchange->previous_listing = &worker->listing;
	exchange->next_listing = worker->listing;
	if (exchange->next_listing != NULL)
		exchange->next_listing->previous_listing = &exchange->next_listing;
	worker->listing = exchange;
}

void items_gone(struct exchange *exchange)
{
	if (exchange->previous_listing == NULL)
		return;
	*exchange->previous_listing = exchange->next_listing;
	if (exchange->next_listing != NULL)
		exchange->next_listing->previous_listing = exchange->previous_listing;
	exchange->previous_listing = NULL;
}

bool items_may_list_more(const struct exchange *exchange)
{
	size_t bytes = 0;
	for (const struct exchange *other = exchange->worker->listing; other != NULL; other = other->next_listing)
		if (other->caller.user_id == exchange->caller.user_id)
			bytes += other->listed_bytes;
	return bytes < exchange->worker->list_memory_per_user;
}

static bool query_number(const struct exchange *exchange, const char *name, uint64_t max, uint64_t *value)
{
	const char *text = http_request_query(exchange->request, name);
	return text == NULL || span_to_u64(span_from_string(text), max, value);
}

static bool query_word(const struct exchange *exchange, const char *name, const char *otherwise, const char *word, bool *ret_is_word)
{
	const char *text = http_request_query(exchange->request, name);
	*ret_is_word = text != NULL && strcmp(text, word) == 0;
	return text == NULL || *ret_is_word || strcmp(text, otherwise) == 0;
}

static bool query_include(const struct exchange *exchange, enum item_include *ret_include)
{
	return item_include_parse(http_request_query(exchange->request, "include"), ret_include);
}

void items_list(struct exchange *exchange)
{
	uint64_t after = 0, limit = LIMIT_DEFAULT;
	enum item_include include;
	bool newest;
	if (!query_number(exchange, "after", INT64_MAX, &after) || !query_number(exchange, "limit", LIMIT_MAX, &limit) || limit == 0 ||
	    !query_word(exchange, "order", "oldest", "newest", &newest) || !query_include(exchange, &include)) {
		route_refuse(exchange, SIS_ERR_USAGE, "The query may hold after=SEQUENCE, limit=1..200, order=oldest|newest and include=manifest|content.");
		return;
	}
	if (!items_may_list_more(exchange)) {
		load_refuse(exchange, LIMIT_LISTS_PER_USER, 0);
		return;
	}
	CLEANUP_JSON json_t *answer = json_object();
	struct page page = { .exchange = exchange, .items = json_array(), .include = include, .limit = (unsigned)limit };
	json_object_set_new(answer, "items", page.items);
	/* Before the items: what a list holds may be newer than what it says, never older. */
	uint64_t sequence = 0;
	int error = store_get_sequence(exchange->worker->store, &sequence);
	if (error == 0)
		error = store_list_items(exchange->worker->store, exchange->caller.user_id, after, (unsigned)limit + 1, newest, add_item, &page);
	if (error < 0) {
		items_refuse_store(exchange, error);
		return;
	}
	json_object_set_new(answer, "sequence", json_integer((json_int_t)sequence));
	json_object_set_new(answer, "next", page.more ? json_integer((json_int_t)page.last) : json_null());
	CLEANUP_FREE char *text = json_print(answer);
	if (text != NULL)
		items_enter_listing(exchange, strlen(text));
	exchange_respond_json(exchange, 200, text, NULL, 0);
}

/* ------------------------------------------------ one item ------------------------------------------------ */

struct one_item { struct exchange *exchange; json_t *json; enum item_include include; };

static int take_json(const struct store_item *item, void *arg)
{
	struct one_item *one = arg;
	size_t bytes;
	return item_json(one->exchange->worker, &one->exchange->caller, item, one->include, &one->json, &bytes);
}

int items_find(const struct exchange *exchange, int (*fn)(const struct store_item *item, void *arg), void *arg)
{
	uint8_t id[ITEM_ID_BYTES];
	if (item_id_decode(span_from_string(exchange->argument), id) < 0)
		return -SIS_ERR_NO_ITEM;
	return store_get_item(exchange->worker->store, exchange->caller.user_id, id, fn, arg);
}

void items_get(struct exchange *exchange)
{
	struct one_item one = { .exchange = exchange };
	if (!query_include(exchange, &one.include)) {
		route_refuse(exchange, SIS_ERR_USAGE, "The query may hold include=manifest|content.");
		return;
	}
	int error = items_find(exchange, take_json, &one);
	if (error < 0) {
		items_refuse_store(exchange, error);
		return;
	}
	CLEANUP_JSON json_t *json = one.json;
	CLEANUP_FREE char *text = json_print(json);
	exchange_respond_json(exchange, 200, text, NULL, 0);
}

void items_delete(struct exchange *exchange)
{
	uint8_t id[ITEM_ID_BYTES];
	if (item_id_decode(span_from_string(exchange->argument), id) < 0) {
		route_refuse(exchange, SIS_ERR_NO_ITEM, NULL);
		return;
	}
	struct message_item_delete message = { .item = span_from_string(exchange->argument), .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, item_delete, ITEM_DELETE, &message);
}
