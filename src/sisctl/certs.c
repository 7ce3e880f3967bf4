/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl certs: every certificate that was issued, whose it is and whether it still counts; or the devices that are about to be shut out, because they
 * have not renewed. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <string.h>
#include <sysexits.h>

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT }, { "DEVICE", "device", CELL_TEXT }, { "STATE", "state", CELL_TEXT }, { "NOT AFTER", "not_after", CELL_TIME },
	{ "REVOKED", "revoked", CELL_TIME }, { "SERIAL", "serial", CELL_TEXT }, { "FINGERPRINT", "fingerprint", CELL_TEXT },
};

enum { OPTION_ENDING };

static bool is_same_device(const json_t *a, const json_t *b)
{
	return strcmp(json_member_string(a, "user"), json_member_string(b, "user")) == 0 &&
	       strcmp(json_member_string(a, "device"), json_member_string(b, "device")) == 0;
}

static bool is_whole(const json_t *row)
{
	return json_member_string(row, "user") != NULL && json_member_string(row, "device") != NULL && json_member_string(row, "state") != NULL &&
	       json_member_string(row, "not_after") != NULL;
}

/* The list goes by device, and each device's certificates from the oldest on. */
static bool is_newest(const json_t *rows, size_t index)
{
	const json_t *next = json_array_get(rows, index + 1);
	return next == NULL || !is_whole(next) || !is_same_device(json_array_get(rows, index), next);
}

static bool ends_before(const json_t *row, int64_t when)
{
	int64_t end;
	return strcmp(json_member_string(row, "state"), "revoked") != 0 &&
	       time_decode(span_from_string(json_member_string(row, "not_after")), &end) == 0 && end <= when;
}

static json_t *pick_ending(const json_t *rows, int64_t when)
{
	json_t *picked = json_array(), *row;
	size_t index;
	json_array_foreach((json_t *)(uintptr_t)rows, index, row)
		if (is_whole(row) && is_newest(rows, index) && ends_before(row, when))
			json_array_append(picked, row);
	return picked;
}

int command_certs(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	uint64_t within_s = 0;
	const char *ending = values[OPTION_ENDING];
	if (ending != NULL && duration_parse(ending, &within_s) < 0)
		return output_error(EX_USAGE, "a time is a number with s, m, h or d behind it (30d), not %s", ending);
	int r = sisctl_call(sisctl, "ListCertificates", parameters_new("user", arguments[0], NULL), &reply);
	if (r != 0)
		return r;
	if (ending != NULL)
		json_object_set_new(reply.parameters, "certificates",
		                    pick_ending(json_object_get(reply.parameters, "certificates"), time_now() + (int64_t)within_s));
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "certificates"), columns, ARRAY_SIZE(columns),
		             ending != NULL ? "No device's certificate ends within that time." : "No certificate has been issued.");
	return output_finish();
}
