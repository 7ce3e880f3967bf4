/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl audit verify: is the audit trail what was written? --head compares with a head that was noted elsewhere (AUDIT_HEAD in the journal). */
#include "sisctl/sisctl.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

static void print_verdict(const json_t *verdict, const json_t *problems, uint64_t lines)
{
	const char *head = json_member_string(verdict, "head"), *anchor = json_member_string(verdict, "anchor");
	size_t index;
	const json_t *problem;
	json_array_foreach(problems, index, problem) {
		output_text(stdout, json_is_string(problem) ? json_string_value(problem) : "a problem without words");
		putchar('\n');
	}
	printf("%" PRIu64 " lines verified: %zu problem%s\nhead ", lines, json_array_size(problems), json_array_size(problems) == 1 ? "" : "s");
	output_text(stdout, head != NULL ? head : "-");
	if (anchor != NULL && strncmp(anchor, "0:", 2) != 0) {
		fputs("\nolder lines were removed (audit_lifetime); anchor ", stdout);
		output_text(stdout, anchor);
	}
	putchar('\n');
}

/* NUMBER:HASH, the hash as 64 hexadecimal digits. */
static bool is_head(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits > 0 && digits < 20 && text[digits] == ':' && strspn(text + digits + 1, "0123456789abcdef") == 64 && text[digits + 65] == '\0';
}

int command_audit(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	if (strcmp(arguments[0], "verify") != 0)
		return output_error(EX_USAGE, "there is no command audit %s; there is `sisctl audit verify`", arguments[0]);
	if (values[0] != NULL && !is_head(values[0]))
		return output_error(EX_USAGE, "--head %s is no head of an audit trail: write NUMBER:HASH, as `sisctl audit verify` and AUDIT_HEAD in the log have it", values[0]);
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "AuditVerify", parameters_new("head", values[0], NULL), &reply);
	if (r != 0)
		return r;
	const json_t *problems = json_object_get(reply.parameters, "problems");
	uint64_t lines = 0;
	if (!json_is_array(problems) || json_member_u64(reply.parameters, "lines", &lines) < 0)
		return output_error(EX_PROTOCOL, "the daemon's answer is not that of a verification: are sisd and sisctl of the same version?");
	if (sisctl->json)
		output_json(reply.parameters);
	else
		print_verdict(reply.parameters, problems, lines);
	r = output_finish();
	return r != 0 ? r : json_array_size(problems) > 0 ? EX_DATAERR : EX_OK;
}
