/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is open to all: the revocation list, and whether the server is well. */
#include "worker/worker.h"

#include "base/error.h"
#include "base/text.h"

static int respond_crl(struct span der, void *arg)
{
	struct exchange *exchange = arg;
	static const struct http_header headers[] = { { "Content-Type", "application/pkix-crl" }, { "Cache-Control", "no-cache" } };
	http_respond(exchange->request, 200, headers, ARRAY_SIZE(headers), der.data, der.size);
	return 0;
}

/* All generations of the authority sign the same entries; who verifies strictly wants the list by the one that has issued what he looks at. */
void open_crl(struct exchange *exchange)
{
	const char *authority = http_request_query(exchange->request, "authority");
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	if (authority != NULL && hex_decode(span_from_string(authority), fingerprint, sizeof(fingerprint)) < 0) {
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_BAD_FORMAT, .status = 400,
			.detail = "authority is not a fingerprint: 64 hexadecimal digits." });
		return;
	}
	int error = store_get_crl(exchange->worker->store, authority != NULL ? fingerprint : NULL, respond_crl, exchange);
	if (error == -SIS_ERR_NO_INPUT && authority != NULL)
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_NO_INPUT, .status = 404, .detail = "There is no revocation list by this authority." });
	else if (error == -SIS_ERR_NO_INPUT)
		route_refuse(exchange, SIS_ERR_UNAVAILABLE, "No revocation list has been published yet.");
	else if (error < 0)
		route_refuse(exchange, SIS_ERR_INTERNAL, "The store cannot be read.");
}

void open_health(struct exchange *exchange)
{
	static const struct http_header headers[] = { { "Content-Type", "text/plain" }, { "Cache-Control", "no-store" } };
	if (!exchange->worker->ledger_lost && store_reader_is_healthy(exchange->worker->store))
		http_respond(exchange->request, 200, headers, ARRAY_SIZE(headers), "ok\n", 3);
	else
		route_refuse(exchange, SIS_ERR_UNAVAILABLE, "The store cannot be used.");
}
