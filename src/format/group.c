/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The group: a name for several people, signed by its owner so that whoever keeps or carries the list can put nobody on it. */
#include "format/lines.h"

#include "base/error.h"

#define CONTEXT "sis/1 group signature"

/* "-": the group was removed, which has to be as signed as a list, or an old list would come back. */
static void get_members(struct lines *lines, struct group *group)
{
	struct span value = lines_value(lines, "members");

	group->n_members = 0;
	if (!lines->error && !span_equals(value, "-"))
		lines_names(lines, value, group->member, &group->n_members, "the members are not 1 to 256 valid names, sorted and each once, or -");
}

static int parse(struct span text, struct group *group, const char **ret_why)
{
	struct lines lines = lines_open(text, GROUP_MAX_BYTES);

	lines_version(&lines, "sis-group");
	lines_name(&lines, "name", group->name);
	lines_name(&lines, "owner", group->owner);
	lines_hex(&lines, "device", group->device);
	lines_time(&lines, "time", &group->time);
	get_members(&lines, group);
	lines_signature(&lines, &group->signature);
	return lines_close(&lines, ret_why);
}

int group_parse(struct span text, struct group *ret_group, const char **ret_why)
{
	struct group group;
	int r = parse(text, &group, ret_why);

	if (r == 0)
		*ret_group = group;
	return r;
}

int group_write(const struct group *group, const struct signing_key *key, char *ret_text, size_t *ret_size)
{
	uint8_t buffer[GROUP_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct group check;
	int r;

	builder_printf(&builder, "sis-group/1\nname %s\nowner %s\n", group->name, group->owner);
	put_hex(&builder, "device", group->device);
	put_time(&builder, "time", group->time);
	if (group->n_members)
		put_names(&builder, "members", group->member, group->n_members);
	else
		builder_printf(&builder, "members -\n");
	put_signature(&builder, CONTEXT, key);
	/* What a reader would refuse is never signed and sent. */
	r = builder.failed ? -SIS_ERR_BAD_FORMAT : parse((struct span){ builder.data, builder.size }, &check, NULL);
	return r < 0 ? r : put_done(&builder, ret_text, ret_size);
}

int group_verify(struct span text, const struct group *group, const struct public_key *key)
{
	return text_verify(text, CONTEXT, &group->signature, key);
}
