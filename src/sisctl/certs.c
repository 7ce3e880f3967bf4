/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl certs: every certificate that was issued, whose it is and whether it still counts; or what is about to end: of devices, which are about to be shut
 * out because they have not renewed, and of the server. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <string.h>
#include <sysexits.h>

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT, NARROW_CUT }, { "DEVICE", "device", CELL_TEXT, NARROW_CUT }, { "STATE", "state", CELL_TEXT }, { "NOT AFTER", "not_after", CELL_TIME },
	{ "REVOKED", "revoked", CELL_TIME, NARROW_EMPTY }, { "SERIAL", "serial", CELL_TEXT, NARROW_DROP }, { "FINGERPRINT", "fingerprint", CELL_TEXT, NARROW_FOLD },
};

static const struct column server_columns[] = { { "OF THE SERVER", "certificate", CELL_TEXT }, { "NOT AFTER", "not_after", CELL_TIME } };

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

/* {"certificate","not_after"} of what is the server's own to renew, or its administrator's. */
static json_t *pick_server(const json_t *status, int64_t when)
{
	static const struct { const char *name, *member; } rows[] = {
		{ "server", "server_certificate_ends" }, { "tls_certificate", "tls_certificate_ends" }, { "ca", "ca_ends" },
	};
	json_t *picked = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = json_member_string(status, rows[i].member);
		int64_t end;
		if (text != NULL && time_decode(span_from_string(text), &end) == 0 && end <= when)
			json_array_append_new(picked, json_pack("{s:s, s:s}", "certificate", rows[i].name, "not_after", text));
	}
	return picked;
}

/* A user's are no server's. */
static int keep_ending(struct sisctl *sisctl, bool with_server, int64_t when, json_t *reply)
{
	CLEANUP_REPLY struct varlink_reply status = { 0 };
	int r = with_server ? sisctl_call(sisctl, "Status", json_object(), &status) : 0;
	if (r != 0)
		return r;
	json_object_set_new(reply, "certificates", pick_ending(json_object_get(reply, "certificates"), when));
	if (with_server)
		json_object_set_new(reply, "server", pick_server(json_object_get(status.parameters, "status"), when));
	return 0;
}

static void print_tables(const json_t *reply, bool ending)
{
	const json_t *server = json_object_get(reply, "server");
	output_table(json_object_get(reply, "certificates"), columns, ARRAY_SIZE(columns),
	             ending ? "No device's certificate ends within that time." : "No certificate has been issued.");
	if (json_array_size(server) == 0)
		return;
	if (json_array_size(json_object_get(reply, "certificates")) > 0)
		putchar('\n');
	output_table(server, server_columns, ARRAY_SIZE(server_columns), "");
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
		r = keep_ending(sisctl, arguments[0] == NULL, time_now() + (int64_t)within_s, reply.parameters);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		print_tables(reply.parameters, ending != NULL);
	return output_finish();
}
