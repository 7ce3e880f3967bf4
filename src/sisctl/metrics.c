/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl metrics: the daemon's figures as Prometheus reads them, as its listener serves them; what would move a cursor becomes "?". */
#include "sisctl/sisctl.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>
#include <sysexits.h>

static int print_as_json(struct sisctl *sisctl)
{
	CLEANUP_REPLY struct varlink_reply status = { 0 }, users = { 0 };
	int r = sisctl_call(sisctl, "Status", json_object(), &status);
	if (r == 0)
		r = sisctl_call(sisctl, "ListUsers", json_object(), &users);
	if (r != 0)
		return r;
	(void)json_object_set(status.parameters, "users", json_object_get(users.parameters, "users"));
	output_json(status.parameters);
	return output_finish();
}

static void print_text(const char *text)
{
	for (size_t size; *text != '\0'; text += size + (text[size] == '\n')) {
		size = strcspn(text, "\n");
		CLEANUP_FREE char *line = xasprintf("%.*s", (int)size, text);
		output_text(stdout, line);
		putchar('\n');
	}
}

int command_metrics(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	if (sisctl->json)
		return print_as_json(sisctl);
	int r = sisctl_call(sisctl, "Metrics", json_object(), &reply);
	if (r != 0)
		return r;
	const char *text = json_member_string(reply.parameters, "text");
	if (text == NULL)
		return output_error(EX_PROTOCOL, "what answers on the control socket told no metrics");
	print_text(text);
	return output_finish();
}
