/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Users as others see them: their live devices, each with its certificate, its signed encryption key and who vouches for it. And who the caller is. */
#include "base/error.h"
#include "base/json.h"
#include "worker/worker.h"

#include <string.h>

struct listing { struct store_reader *store; json_t *devices; };

static int add_endorsement(struct span text, void *arg)
{
	return json_array_append_new(arg, json_stringn((const char *)text.data, text.size)) == 0 ? 0 : -SIS_ERR_NO_MEMORY;
}

static int add_device(const struct store_device *device, void *arg)
{
	const struct listing *listing = arg;
	json_t *endorsements = json_array();
	CLEANUP_BLOB struct blob pem = { 0 };
	char enrolled[TIME_TEXT + 1], not_after[TIME_TEXT + 1];
	int error = certificate_to_pem(device->certificate, &pem);
	if (error == 0)
		error = time_encode(device->enrolled, enrolled);
	if (error == 0)
		error = time_encode(device->not_after, not_after);
	if (error < 0) {
		json_decref(endorsements);
		return error;
	}
	const struct span key = device->key_statement;
	json_t *json = json_object();
	json_object_set_new(json, "device", json_string(device->device));
	json_object_set_new(json, "certificate", json_stringn((const char *)pem.data, pem.size));
	json_object_set_new(json, "key", key.size > 0 ? json_stringn((const char *)key.data, key.size) : json_null());
	json_object_set_new(json, "enrolled", json_string(enrolled));
	json_object_set_new(json, "not_after", json_string(not_after));
	json_object_set_new(json, "endorsements", endorsements);
	if (json_array_append_new(listing->devices, json) != 0)
		return -SIS_ERR_NO_MEMORY;
	return store_list_endorsements(listing->store, device->device_id, add_endorsement, endorsements);
}

static int user_json(struct exchange *exchange, const char *user, json_t *ret_json)
{
	struct listing listing = { exchange->worker->store, json_array() };
	json_object_set_new(ret_json, "user", json_string(user));
	json_object_set_new(ret_json, "devices", listing.devices);
	return name_is_valid(span_from_string(user)) ? store_list_devices(listing.store, user, add_device, &listing) : -SIS_ERR_NO_USER;
}

/* Who shares something asks for the other's devices and for their own: one request can tell both. */
void users_get(struct exchange *exchange)
{
	CLEANUP_JSON json_t *answer = json_object();
	const char *include = http_request_query(exchange->request, "include");
	if (!items_may_list_more(exchange)) {
		load_refuse(exchange, LIMIT_LISTS_PER_USER, 0);
		return;
	}
	int error = user_json(exchange, exchange->argument, answer);
	if (error == 0 && include != NULL && strcmp(include, "self") == 0) {
		json_t *self = json_object();
		json_object_set_new(answer, "self", self);
		error = user_json(exchange, exchange->caller.user, self);
	}
	if (error < 0) {
		route_refuse(exchange, error, NULL);
		return;
	}
	CLEANUP_FREE char *text = json_print(answer);
	if (text != NULL)
		items_enter_listing(exchange, strlen(text));
	exchange_respond_json(exchange, 200, text, NULL, 0);
}

void users_whoami(struct exchange *exchange)
{
	struct certificate certificate;
	char fingerprint[2 * FINGERPRINT_BYTES + 1], not_after[TIME_TEXT + 1], now[TIME_TEXT + 1];
	int error = certificate_parse(http_request_certificate(exchange->request), &certificate);
	if (error == 0)
		error = time_encode(certificate.not_after, not_after);
	if (error == 0)
		error = time_encode(time_now(), now);
	if (error < 0) {
		route_refuse(exchange, error, NULL);
		return;
	}
	hex_encode(exchange->fingerprint, FINGERPRINT_BYTES, fingerprint);
	CLEANUP_JSON json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:s}", "user", exchange->caller.user, "device", exchange->caller.device,
		"fingerprint", fingerprint, "not_after", not_after, "server_time", now);
	CLEANUP_FREE char *text = answer != NULL ? json_print(answer) : NULL;
	exchange_respond_json(exchange, 200, text, NULL, 0);
}
