/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device publishes its encryption key, in a statement signed by the key of its certificate. The ledger checks again what is checked here; this
 * is so that the client hears what is wrong. */
#include "worker/worker.h"

#include "base/error.h"
#include "format/item.h"

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
