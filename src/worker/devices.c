/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device publishes its encryption key, in a statement signed by the key of its certificate, and vouches for other devices of its user. The ledger
 * checks again what is checked here; this is so that the client hears what is wrong. And a device invites another one. */
#include "worker/worker.h"

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "format/item.h"

#include <stdio.h>
#include <string.h>

static const char *wrong_statement(const struct exchange *exchange, struct span text, const struct key_statement *statement)
{
	struct certificate certificate;
	if (strcmp(statement->user, exchange->caller.user) != 0 || strcmp(statement->device, exchange->caller.device) != 0)
		return "The key statement names another user or device.";
	if (memcmp(statement->certificate, exchange->fingerprint, FINGERPRINT_BYTES) != 0)
		return "The key statement names another certificate.";
	if (certificate_parse(http_request_certificate(exchange->request), &certificate) < 0 ||
	    key_statement_verify(text, statement, &certificate.public_key) < 0)
		return "The key statement's signature does not hold.";
	return NULL;
}

void devices_put_key(struct exchange *exchange)
{
	struct span text = http_request_body(exchange->request);
	struct key_statement statement;
	const char *why = NULL;
	int error = key_statement_parse(text, &statement, &why);
	if (error < 0) {
		route_refuse(exchange, error, why);
		return;
	}
	why = wrong_statement(exchange, text, &statement);
	if (why != NULL) {
		route_refuse(exchange, SIS_ERR_MISMATCH, why);
		return;
	}
	struct message_publish_key message = { .statement = text };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, publish_key, PUBLISH_KEY, &message);
}

/* ------------------------------------------------ inviting ------------------------------------------------ */

static void respond_invite(struct exchange *exchange, struct span invite)
{
	CLEANUP_JSON json_t *answer = json_pack("{s:s%}", "invite", (const char *)invite.data, invite.size);
	char *text = answer != NULL ? json_print(answer) : NULL;
	exchange_respond_json(exchange, 201, text, NULL, 0);
	secret_free_text(text);
}

static void on_invited(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_invited message;
	char detail[512], seconds[16];
	if (packet->type != MESSAGE_INVITED || message_invited_decode(&packet->payload, &message) != 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return;
	}
	if (message.status == 0) {
		respond_invite(exchange, message.invite);
		return;
	}
	snprintf(seconds, sizeof(seconds), "%u", message.retry_after_s);
	const struct http_header header = { "Retry-After", seconds };
	route_refuse_with(exchange, &(struct http_problem){ .error = (int)message.status, .detail = span_to_string(message.detail, detail, sizeof(detail)) ? detail : NULL,
		.headers = &header, .n_headers = message.retry_after_s > 0 ? 1 : 0 });
}

void devices_invite(struct exchange *exchange)
{
	CLEANUP_JSON json_t *json = NULL;
	int error = json_parse(http_request_body(exchange->request), INVITE_BODY_MAX, &json);
	const json_t *device = error == 0 ? json_object_get(json, "device") : NULL;
	if (error < 0 || !json_is_object(json) || (device != NULL && !json_is_string(device))) {
		route_refuse(exchange, SIS_ERR_BAD_FORMAT, "The body is not {\"device\":NAME} or {}.");
		return;
	}
	struct message_invite_device message = { .device = span_from_string(json_string_value(device)), .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_invited, invite_device, INVITE_DEVICE, &message);
}

/* ------------------------------------------------ vouching ------------------------------------------------ */

/* Which devices there are, and with which keys, the ledger alone says. */
void devices_put_endorsement(struct exchange *exchange)
{
	struct span text = http_request_body(exchange->request);
	struct endorsement endorsement;
	const char *why = NULL;
	int error = endorsement_parse(text, &endorsement, &why);
	if (error == 0 && endorsement_verify(text, &endorsement) < 0) {
		error = SIS_ERR_BAD_SIGNATURE;
		why = "The endorsement's signature does not hold.";
	}
	if (error != 0) {
		route_refuse(exchange, error, why);
		return;
	}
	struct message_endorse message = { .device = span_from_string(exchange->argument), .text = text,
	                                   .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, endorse, ENDORSE, &message);
}
