/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis devices: one's own devices. */
#include "sis/devices.h"

#include "sis/command.h"
#include "sis/output.h"

#include <string.h>

static const struct option_row rows[] = {
	{ "verify", 0, NULL, "show how many of all items each device can read", OPTION_FLAG, offsetof(struct devices_options, verify) },
	{ "yes", 'y', NULL, "approve: do not ask (you have compared its key)", OPTION_FLAG, offsetof(struct devices_options, yes) },
	{ "jobs", 'j', "N", "approve: how many items at a time (default 4)", OPTION_NUMBER, offsetof(struct devices_options, jobs) },
};

static int run_approve(const struct sis *sis, const struct devices_options *options, char **arguments)
{
	return devices_approve(sis, options, arguments[0]);
}

static const struct subcommand {
	const char *name;
	unsigned n_arguments;
	const char *argument;                   /* what is missing when it is */
	int (*run)(const struct sis *sis, const struct devices_options *options, char **arguments);
} subcommands[] = {
	{ "approve", 1, "DEVICE", run_approve },
};

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	if (n == 0)
		return devices_list(sis, options);
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		const struct subcommand *subcommand = &subcommands[i];
		if (strcmp(arguments[0], subcommand->name) != 0)
			continue;
		if (n != 1 + subcommand->n_arguments)
			return n <= subcommand->n_arguments ? output_usage(sis, "devices", "%s is missing", subcommand->argument)
			                                    : output_usage(sis, "devices", "\"%s\" is one argument too many", arguments[1 + subcommand->n_arguments]);
		return subcommand->run(sis, options, arguments + 1);
	}
	return output_usage(sis, "devices", "there is no \"%s\"", arguments[0]);
}

const struct command command_devices = {
	"devices", "[approve DEVICE]", "your devices, and letting a further one read what this one can",
	"Shows your devices: since when, until when, with which key; with --verify, how much each of them can read. One that you do not know is somebody else's:\n"
	"tell the administrator at once, who revokes it (sisctl revoke NAME --device DEVICE; no device can revoke another, so that a stolen one cannot).\n"
	"\"approve DEVICE\" gives a further device of yours everything that this one can read, and vouches for it to your contacts. It shows the device's key first:\n"
	"compare it with what \"sis whoami\" shows there. Cut off, it goes on where it stood.",
	rows, ARRAY_SIZE(rows), 0, 2, sizeof(struct devices_options), run,
};
