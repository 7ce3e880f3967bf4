/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is open to all: the revocation list, and whether the server is well. */
#include "worker/worker.h"

#include "base/error.h"

static int respond_crl(struct span der, void *arg)
{
	struct exchange *exchange = arg;
	static const struct http_header headers[] = { { "Content-Type", "application/pkix-crl" }, { "Cache-Control", "no-cache" } };
	http_respond(exchange->request, 200, headers, ARRAY_SIZE(headers), der.data, der.size);
	return 0;
}

void open_crl(struct exchange *exchange)
{
	int error = store_get_crl(exchange->worker->store, respond_crl, exchange);
	if (error == -SIS_ERR_NO_INPUT)
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
