/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The inside of the CRL reader, for its fuzz target. */
#pragma once

#include "base/cursor.h"

struct crl {                            /* borrowed from the DER */
	struct span tbs;                /* what is signed */
	struct span issuer;             /* Name, whole element's content */
	struct span signature;
	int64_t this_update, next_update;
	struct span entries;            /* (entry)*; empty when nothing is revoked */
};
int crl_parse(struct span der, struct crl *ret_crl);                                                    /* BAD_FORMAT */
int crl_find(struct span entries, struct span serial, int64_t *ret_time, uint8_t *ret_reason);          /* 1, 0 or BAD_FORMAT */
