/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What `sisctl status` shows of the limits: which are in force, and how often each has held somebody back. */
#include "sisd/master.h"

static uint64_t limit_value(const struct conf *conf, enum limit limit)
{
	switch (limit) {
#define LIMIT(name_, option_, text_) \
	case LIMIT_##name_: \
		return conf->option_;
#include "base/limit.def"
#undef LIMIT
	default:
		return 0;
	}
}

/* [{"limit":"max_connections","value":16384,"refused":0}…]; the ledger adds what it counts. */
json_t *limits_json(const struct master *master)
{
	json_t *limits = json_array();

	for (enum limit limit = LIMIT_NONE + 1; limit < LIMIT_END; limit++)
		json_array_append_new(limits, json_pack("{s:s, s:I, s:I}", "limit", limit_name(limit),
		                                        "value", (json_int_t)limit_value(master->conf, limit),
		                                        "refused", (json_int_t)master->limits[limit]));
	return limits;
}
