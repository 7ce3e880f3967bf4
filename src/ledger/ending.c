/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What comes to its end, in words for `sisctl status`: the signer's CERTIFICATE_ENDS says the same to the log. */
#include "ledger/ledger.h"

#include "base/text.h"
#include "base/util.h"

#include <stdio.h>

#define DAY_S 86400
#define WARN_S (30 * DAY_S)
/* Our own is renewed when 30 days are left. */
#define WARN_SERVER_S (29 * DAY_S)

static const struct { const char *member, *warning, *what; int64_t within_s; } rows[] = {
	{ "server_certificate_ends", "server_certificate_warning", "THE SERVER'S CERTIFICATE", WARN_SERVER_S },
	{ "tls_certificate_ends", "tls_certificate_warning", "THE CERTIFICATE OF tls_certificate", WARN_S },
	{ "ca_ends", "ca_warning", "THE CERTIFICATE AUTHORITY", WARN_S },
};

void ending_add(json_t *status)
{
	int64_t now = time_now();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *end = json_member_string(status, rows[i].member);
		int64_t at;
		char words[96];
		if (end == NULL || time_decode(span_from_string(end), &at) < 0 || at - now > rows[i].within_s)
			continue;
		if (at <= now)
			snprintf(words, sizeof(words), "%s HAS ENDED", rows[i].what);
		else
			snprintf(words, sizeof(words), "%s ENDS IN %lld %s", rows[i].what, (long long)((at - now) / (at - now < 2 * DAY_S ? 3600 : DAY_S)),
			         at - now < 2 * DAY_S ? "HOURS" : "DAYS");
		json_object_set_new(status, rows[i].warning, json_string(words));
	}
}
