/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What `sisctl status` shows of the limits: which are in force, and how often each has held somebody back. */
#include "sisd/master.h"

#include <sys/resource.h>

#define DESCRIPTORS_SPARE 64            /* of a worker, besides its connections: store, channels, listeners */
#define CONNECTIONS_LEAST 8

/* Each connection may need two descriptors: its own, and that of an object or upload. Better told 503 than left waiting in the kernel. */
uint64_t limits_max_connections(const struct conf *conf)
{
	struct rlimit limit;
	uint64_t possible;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return conf->max_connections;
	possible = limit.rlim_cur > DESCRIPTORS_SPARE ? (limit.rlim_cur - DESCRIPTORS_SPARE) / 2 : 0;
	if (possible < CONNECTIONS_LEAST)
		possible = CONNECTIONS_LEAST;
	return possible < conf->max_connections ? possible : conf->max_connections;
}

static uint64_t limit_value(const struct conf *conf, enum limit limit)
{
	if (limit == LIMIT_CONNECTIONS)
		return limits_max_connections(conf);
	switch (limit) {
#define LIMIT(name_, option_, unit_, text_) \
	case LIMIT_##name_: \
		return conf->option_;
#include "base/limit.def"
#undef LIMIT
	default:
		return 0;
	}
}

/* Sources, in all workers: who is penalised by two of them counts twice. */
json_t *penalised_json(const struct master *master)
{
	json_int_t n = 0;

	for (unsigned i = 0; i < MASTER_PLACES; i++)
		n += process_is_alive(&master->workers[i]) ? master->workers[i].penalised : 0;
	return json_integer(n);
}

/* [{"limit":"max_connections","value":16384,"unit":"in each worker","refused":0}…]; the ledger adds what it counts. */
json_t *limits_json(const struct master *master)
{
	json_t *limits = json_array();

	for (enum limit limit = LIMIT_NONE + 1; limit < LIMIT_END; limit++)
		json_array_append_new(limits, json_pack("{s:s, s:I, s:s, s:I}", "limit", limit_name(limit),
		                                        "value", (json_int_t)limit_value(master->conf, limit), "unit", limit_unit(limit),
		                                        "refused", (json_int_t)master->limits[limit]));
	return limits;
}
