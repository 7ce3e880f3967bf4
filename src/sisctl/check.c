/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl check: is everything that the database promises really there? --full also reads every byte of it. */
#include "sisctl/sisctl.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

static void print_problems(const json_t *problems)
{
	size_t index;
	const json_t *problem;
	json_array_foreach(problems, index, problem) {
		output_text(stdout, json_is_string(problem) ? json_string_value(problem) : "a problem without words");
		putchar('\n');
	}
}

int command_check(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	json_t *parameters = json_object();
	if (parameters == NULL || (values[0] != NULL && json_object_set_new(parameters, "full", json_true()) < 0))
		abort();
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "Check", parameters, &reply);
	if (r != 0)
		return r;
	const json_t *problems = json_object_get(reply.parameters, "problems");
	uint64_t items = 0, bytes = 0;
	if (!json_is_array(problems) || json_member_u64(reply.parameters, "items", &items) < 0)
		return output_error(EX_PROTOCOL, "the daemon's answer is not that of a check: are sisd and sisctl of the same version?");
	(void)json_member_u64(reply.parameters, "bytes", &bytes);
	if (sisctl->json) {
		output_json(reply.parameters);
	} else {
		char size[32];
		size_format(bytes, size, sizeof(size));
		print_problems(problems);
		printf("%" PRIu64 " items, %s checked: %zu problems\n", items, size, json_array_size(problems));
	}
	r = output_finish();
	return r != 0 ? r : json_array_size(problems) > 0 ? EX_DATAERR : EX_OK;
}
