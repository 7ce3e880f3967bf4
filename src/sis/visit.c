/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening and ending a visit. */
#include "sis/visit.h"

#include "sis/output.h"

int visit_begin(const struct sis *sis, struct visit *visit, struct why *why)
{
	int r = profile_open(sis, &visit->profile, why);
	if (r == 0)
		r = pins_open(visit->profile, &visit->pins, why);
	if (r == 0) {
		horizon_open(visit->profile, &visit->horizon);
		r = session_open(visit->profile, &visit->session);
	}
	if (r == 0)
		r = acceptor_open(sis, visit->session, visit->pins, &visit->acceptor, why);
	return r;
}

int visit_end(const struct sis *sis, struct visit *visit, int error, struct why *why)
{
	acceptor_close(&visit->acceptor);
	if (visit->profile != NULL && error != -SIS_ERR_ROLLED_BACK)
		horizon_save(visit->profile, &visit->horizon);
	int saved = visit->pins != NULL ? pins_save(visit->pins, why) : 0;
	if (error == 0)
		error = saved;
	if (error < 0)
		output_error(sis, NULL, error, why);
	return error;
}

void visit_free(struct visit *visit)
{
	session_free(visit->session);
	pins_free(visit->pins);
	profile_free(visit->profile);
	*visit = (struct visit){ 0 };
}
