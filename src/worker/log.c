/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the worker tells the master, in measure: strangers cause these lines, and must not fill the log or keep the master busy with them. */
#include "worker/worker.h"

#include "base/text.h"

#include <string.h>

#define BURST_SECONDS 10.0              /* after this time a whole burst is allowed again */
#define SUM_EVERY_NS 5000000000u
#define SERVING_EVERY_NS 100000000u

bool log_limiter_allows(struct log_limiter *limiter, double burst)
{
	uint64_t now = time_monotonic_ns();
	double seconds = limiter->at_ns == 0 ? BURST_SECONDS : (double)(now - limiter->at_ns) / 1e9;
	limiter->at_ns = now;
	limiter->tokens += seconds * burst / BURST_SECONDS;
	if (limiter->tokens > burst)
		limiter->tokens = burst;
	if (limiter->tokens < 1) {
		limiter->n_dropped++;
		return false;
	}
	limiter->tokens -= 1;
	return true;
}

static void log_limiter_sum(struct log_limiter *limiter, uint64_t now, const char *what)
{
	if (limiter->n_dropped == 0 || now - limiter->summed_ns < SUM_EVERY_NS)
		return;
	log_event(&LOG(LIMIT_HIT, .peer = "many", .reason = what, .count = limiter->n_dropped));
	limiter->n_dropped = 0;
	limiter->summed_ns = now;
}

void worker_sum_dropped(struct worker *worker, bool at_once)
{
	uint64_t now = at_once ? UINT64_MAX : time_monotonic_ns();
	log_limiter_sum(&worker->logins, now, "refused logins are logged in measure");
	log_limiter_sum(&worker->refused, now, "refused requests are logged in measure");
	for (unsigned i = 0; i < LIMIT_END; i++) {
		char reason[256];
		limit_describe(i, NULL, reason, sizeof(reason));
		log_limiter_sum(&worker->limited[i], now, reason);
	}
}

void worker_tell_serving(struct worker *worker, const char *route, const char *peer)
{
	uint64_t now = time_monotonic_ns();
	if (now - worker->served_at_ns < SERVING_EVERY_NS)
		return;
	worker->served_at_ns = now;
	worker->n_connections_told = http_server_n_connections(worker->server);
	(void)CHANNEL_SEND(worker->master, 0, serving, SERVING, &(struct message_serving){
		.route = span_from_string(route), .peer = span_from_string(peer), .connections = worker->n_connections_told });
}

void worker_count_refusal(struct worker *worker, int error)
{
	unsigned index = (unsigned)(error < 0 ? -error : error);
	if (index >= SIS_ERR_END)
		return;
	worker->refusals[index]++;
	worker->has_figures = true;
}

void worker_limit_hit(struct worker *worker, enum limit limit, const char *user, const char *peer)
{
	char reason[256];
	worker->limits[limit]++;
	worker->has_figures = true;
	limit_describe(limit, user, reason, sizeof(reason));
	if (log_limiter_allows(&worker->limited[limit], LOG_BURST_LIMITS))
		log_event(&LOG(LIMIT_HIT, .user = user, .peer = peer, .reason = reason));
}

/* Eight bytes each, big-endian. */
static struct span put_counts(uint8_t *buffer, const uint64_t *counts, unsigned n)
{
	struct builder builder = builder_from(buffer, 8 * (size_t)n);
	for (unsigned i = 0; i < n; i++)
		builder_put_u64(&builder, counts[i]);
	return (struct span){ buffer, builder.size };
}

void worker_tell_figures(struct worker *worker)
{
	uint8_t refusals[SIS_ERR_END * 8], limits[LIMIT_END * 8];
	unsigned n_penalised = http_server_n_penalised(worker->server);
	if (!worker->has_figures && worker->n_watches == worker->n_watches_told && n_penalised == worker->n_penalised_told)
		return;
	if (CHANNEL_SEND(worker->master, 0, figures, FIGURES, &(struct message_figures){ .watchers = worker->n_watches, .penalised = n_penalised,
		.server_not_after = worker->server_not_after, .external_not_after = worker->external_not_after, .refusals = put_counts(refusals, worker->refusals, SIS_ERR_END),
		.limits = put_counts(limits, worker->limits, LIMIT_END) }) < 0)
		return;
	memset(worker->refusals, 0, sizeof(worker->refusals));
	memset(worker->limits, 0, sizeof(worker->limits));
	worker->n_watches_told = worker->n_watches;
	worker->n_penalised_told = n_penalised;
	worker->has_figures = false;
}
