/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How long things take: histograms with fixed bounds, since the start of the daemon. Loop thread. */
#include "ledger/figures.h"

#include "base/util.h"

static const double bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10 };

static struct { uint64_t counts[ARRAY_SIZE(bounds) + 1]; double sum; } histograms[FIGURES_END];

void figures_observe(enum figures_what what, uint64_t started_ns)
{
	double seconds = (double)(time_monotonic_ns() - started_ns) / 1e9;
	unsigned i = 0;
	while (i < ARRAY_SIZE(bounds) && seconds > bounds[i])
		i++;
	histograms[what].counts[i]++;
	histograms[what].sum += seconds;
}

/* {"bounds":[0.001,…],"counts":[one more than bounds],"sum":seconds} */
json_t *figures_print(enum figures_what what)
{
	json_t *edges = json_array(), *counts = json_array();
	for (unsigned i = 0; i <= ARRAY_SIZE(bounds); i++) {
		if (i < ARRAY_SIZE(bounds))
			json_array_append_new(edges, json_real(bounds[i]));
		json_array_append_new(counts, json_integer((json_int_t)histograms[what].counts[i]));
	}
	return json_pack("{s:o, s:o, s:f}", "bounds", edges, "counts", counts, "sum", histograms[what].sum);
}
