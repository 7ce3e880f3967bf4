/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl certs: every certificate that was issued, whose it is and whether it still counts. */
#include "sisctl/sisctl.h"

#include "base/util.h"

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT }, { "DEVICE", "device", CELL_TEXT }, { "STATE", "state", CELL_TEXT }, { "NOT AFTER", "not_after", CELL_TIME },
	{ "REVOKED", "revoked", CELL_TIME }, { "SERIAL", "serial", CELL_TEXT }, { "FINGERPRINT", "fingerprint", CELL_TEXT },
};

int command_certs(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListCertificates", parameters_new("user", arguments[0], NULL), &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "certificates"), columns, ARRAY_SIZE(columns), "No certificate has been issued.");
	return output_finish();
}
