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
	log_limiter_sum(&worker->limited, now, "refused connections are logged in measure");
	log_limiter_sum(&worker->refused, now, "refused requests are logged in measure");
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

void worker_tell_figures(struct worker *worker)
{
	uint8_t refusals[SIS_ERR_END * 8];
	if (!worker->has_figures && worker->n_watches == worker->n_watches_told)
		return;
	for (unsigned i = 0; i < SIS_ERR_END; i++)
		for (unsigned byte = 0; byte < 8; byte++)
			refusals[8 * i + byte] = (uint8_t)(worker->refusals[i] >> (56 - 8 * byte));
	if (CHANNEL_SEND(worker->master, 0, figures, FIGURES, &(struct message_figures){ .watchers = worker->n_watches,
		.server_not_after = worker->server_not_after, .refusals = { refusals, sizeof(refusals) } }) < 0)
		return;
	memset(worker->refusals, 0, sizeof(worker->refusals));
	worker->n_watches_told = worker->n_watches;
	worker->has_figures = false;
}
