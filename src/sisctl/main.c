/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl: administration of a running sisd, on its host, over the control socket (Varlink, io.sis.control). */
#include "sisctl/sisctl.h"

#include "base/error.h"
#include "base/util.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DEFAULT_SOCKET "/run/sis/control.sock"
#define INTERFACE "io.sis.control."
#define ARGUMENTS_MANY 10000

static const struct command_option device_option[] = {
	{ 'd', "device", true, "name of the device that the invite is for" }, { 0 }
};
static const struct command_option revoke_options[] = {
	{ 'd', "device", true, "only this device; the user's others live on" },
	{ 'r', "reason", true, "why, for the log" },
	{ 0, "compromised", false, "the key may be in wrong hands: readers will doubt what it signed" }, { 0 }
};
static const struct command_option logs_options[] = {
	{ 'f', "follow", false, "wait for more" },
	{ 'u', "user", true, "only what this user did, or what was done to them" },
	{ 'd', "device", true, "only of devices of this name" }, { 'i', "item", true, "only of this item" },
	{ 'e', "event", true, "only this event, for example LOGIN_REFUSED: sisd-events(7)" },
	{ 'S', "since", true, "only from this time on: 90m, 7d, 2026-11-21, 2026-11-21T11:30:00Z" },
	{ 'U', "until", true, "only before this time" },
	{ 'o', "output", true, "short or json" },
	{ 0, "unit", true, "from the journal of this systemd unit (sisd.service)" },
	{ 0, "audit", false, "from the daemon's audit trail, though there is a journal" }, { 0 }
};
static const struct command_option check_options[] = {
	{ 0, "full", false, "read every byte, too, and compare it with the signed digests" }, { 0 }
};
static const struct command_option items_options[] = {
	{ 'u', "user", true, "only what this user keeps here" },
	{ 'n', "limit", true, "at most so many (50)" }, { 0 }
};
static const struct command_option invites_options[] = {
	{ 0, "revoke", true, "take back all of this user's, or the one of this number" }, { 0 }
};
static const struct command_option disconnect_options[] = {
	{ 'd', "device", true, "only this device" }, { 0 }
};

static const struct command_option audit_options[] = {
	{ 'H', "head", true, "NUMBER:HASH that was noted before (AUDIT_HEAD in the journal)" }, { 0 }
};
static const struct command_option backup_options[] = {
	{ 0, "with-keys", false, "the keys of the certificate authority, too: who reads them can be this server" }, { 0 }
};
static const struct command_option restore_options[] = {
	{ 0, "state-dir", true, "into this directory, which must be empty" },
	{ 0, "keys", true, "take the keys from this directory: the keys/ of the old state directory" },
	{ 0, "ledger-user", true, "whose the store is to be (sis-ledger)" },
	{ 0, "signer-user", true, "whose the keys are to be (sis-signer)" },
	{ 0, "group", true, "who may read the store (sis)" }, { 0 }
};

static const struct command commands[] = {
	{ "add", "USER", "add a user (with --device: or a device to one who is there) and print the invite", 1, 1, device_option, command_add },
	{ "invite", "USER", "print an invite for one more device of a user", 1, 1, device_option, command_invite },
	{ "list", "", "users, their devices and what they keep here", 0, 0, NULL, command_list },
	{ "revoke", "USER", "end a user or one device, on every live connection at once", 1, 1, revoke_options, command_revoke },
	{ "certs", "[USER]", "certificates that were issued", 0, 1, NULL, command_certs },
	{ "logs", "", "who did what", 0, 0, logs_options, command_logs },
	{ "status", "", "the daemon's processes, their sandboxes, and figures", 0, 0, NULL, command_status },
	{ "top", "", "status, live, on a terminal", 0, 0, NULL, command_top },
	{ "metrics", "", "the daemon's figures, for Prometheus", 0, 0, NULL, command_metrics },
	{ "quota", "[USER [SIZE|default|none]]", "how much users may keep here", 0, 2, NULL, command_quota },
	{ "items", "", "what lies here, newest first", 0, 0, items_options, command_items },
	{ "rm", "ITEM...", "remove items, whoever's they are", 1, ARGUMENTS_MANY, NULL, command_rm },
	{ "invites", "", "invites that are open", 0, 0, invites_options, command_invites },
	{ "user", "disable|enable USER", "let a user do nothing for a time, or end that time", 2, 2, NULL, command_user },
	{ "disconnect", "USER", "close the live connections of a user or one device, who may come back", 1, 1, disconnect_options, command_disconnect },
	{ "check", "", "is everything there that the database promises?", 0, 0, check_options, command_check },
	{ "audit", "verify", "is the audit trail what was written?", 1, 1, audit_options, command_audit },
	{ "backup", "DIR", "a new snapshot in this directory", 1, 1, backup_options, command_backup },
	{ "restore", "DIR", "make a store of a snapshot, or of the newest in a directory of them; sisd is not running there", 1, 1, restore_options, command_restore },
};

/* What the daemon may answer, in words for people. */
static const struct { const char *error; int exit_status; const char *words; } refusals[] = {
	{ "io.sis.control.NotAllowed", EX_NOPERM, "only root and the group in control_group of sisd.conf (sis-admin) may do this" },
	{ "io.sis.control.NoSuchUser", EX_NOUSER, "there is no such user; `sisctl list` shows who there is" },
	{ "io.sis.control.NoSuchDevice", EX_NOUSER, "that user has no such device; `sisctl certs USER` shows which there are" },
	{ "io.sis.control.UserExists", EX_CANTCREAT, "the name is taken (names of revoked users stay theirs); `sisctl invite USER` invites one more device" },
	{ "io.sis.control.BadName", EX_DATAERR, "that is not a valid name: 1 to 32 of a-z 0-9 . _ -, starting with a letter or digit" },
	{ "org.varlink.service.MethodNotFound", EX_UNAVAILABLE, "the daemon does not know this command: are sisd and sisctl of the same version?" },
	{ "org.varlink.service.InvalidParameter", EX_USAGE, "the daemon does not take these arguments" },
};

static int explain_connect(const char *path, int error)
{
	int status = error_exit_status(error);
	switch (-error) {
	case SIS_ERR_NO_INPUT:
		return output_error(EX_UNAVAILABLE, "there is no control socket %s: is sisd running, and does its configuration name another one (then: -s SOCKET)?", path);
	case SIS_ERR_UNAVAILABLE:
		return output_error(EX_UNAVAILABLE, "nobody listens on the control socket %s: is sisd running?", path);
	case SIS_ERR_NOT_ALLOWED:
		return output_error(EX_NOPERM, "you may not use the control socket %s: only root and the group in control_group of sisd.conf (sis-admin) may", path);
	case SIS_ERR_BAD_NAME:
		return output_error(EX_USAGE, "the path of the control socket is too long: %s", path);
	default:
		return output_error(status, "the control socket %s: %s", path, error_text(error));
	}
}

static int explain_broken(int error)
{
	if (error == -SIS_ERR_CLOSED)
		return output_error(EX_UNAVAILABLE, "sisd closed the connection before it answered: either you may not use it (root and control_group may), or it is stopping; "
		                    "its log says which");
	if (error == -SIS_ERR_PROTOCOL)
		return output_error(EX_PROTOCOL, "what answers on the control socket does not speak Varlink");
	return output_error(error_exit_status(error), "the control socket: %s", error_text(error));
}

/* io.sis.control.Failed(error, detail): the name in error.def decides the exit status. */
static int explain_failed(const json_t *parameters)
{
	const char *name = json_member_string(parameters, "error"), *detail = json_member_string(parameters, "detail");
	int error = SIS_ERR_INTERNAL;
	for (int i = 1; name != NULL && i < SIS_ERR_END; i++)
		if (strcmp(error_name(i), name) == 0)
			error = i;
	return output_error(error_exit_status(error), "%s", detail != NULL && *detail != '\0' ? detail : error_text(error));
}

static int explain_refusal(const struct varlink_reply *reply)
{
	if (strcmp(reply->error, INTERFACE "Failed") == 0)
		return explain_failed(reply->parameters);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strcmp(reply->error, refusals[i].error) == 0)
			return output_error(refusals[i].exit_status, "%s", refusals[i].words);
	return output_error(EX_UNAVAILABLE, "the daemon refused: %s", reply->error);
}

int sisctl_send(struct sisctl *sisctl, const char *method, json_t *parameters, bool more)
{
	CLEANUP_JSON json_t *owned = parameters;
	if (owned == NULL)
		abort();
	int r = 0;
	if (sisctl->varlink == NULL)
		r = varlink_connect(sisctl->socket, &sisctl->varlink);
	if (r < 0)
		return explain_connect(sisctl->socket, r);
	CLEANUP_FREE char *full_name = xasprintf(INTERFACE "%s", method);
	r = varlink_send(sisctl->varlink, full_name, owned, more);
	return r < 0 ? explain_broken(r) : 0;
}

int sisctl_receive_unless(struct sisctl *sisctl, const char *expected, struct varlink_reply *ret_reply, bool *ret_expected)
{
	int r = varlink_receive(sisctl->varlink, ret_reply);
	if (r < 0)
		return explain_broken(r);
	if (ret_expected != NULL && strcmp(ret_reply->error, expected) == 0) {
		*ret_expected = true;
		return 0;
	}
	return ret_reply->error[0] != '\0' ? explain_refusal(ret_reply) : 0;
}

int sisctl_receive(struct sisctl *sisctl, struct varlink_reply *ret_reply)
{
	return sisctl_receive_unless(sisctl, NULL, ret_reply, NULL);
}

int sisctl_call(struct sisctl *sisctl, const char *method, json_t *parameters, struct varlink_reply *ret_reply)
{
	int r = sisctl_send(sisctl, method, parameters, false);
	return r != 0 ? r : sisctl_receive(sisctl, ret_reply);
}

json_t *parameters_new(const char *name, const char *value, ...)
{
	json_t *parameters = json_object();
	va_list pairs;
	va_start(pairs, value);
	while (name != NULL) {
		if (value != NULL && json_object_set_new(parameters, name, json_string(value)) < 0)
			abort();
		name = va_arg(pairs, const char *);
		value = name != NULL ? va_arg(pairs, const char *) : NULL;
	}
	va_end(pairs);
	return parameters;
}

#define HELP_COLUMN 18
#define OPTION_COLUMN 14                        /* for a name and its " X" */

static void print_help(FILE *file)
{
	fputs("sisctl [-s SOCKET] [--json] COMMAND …\n\nAdministration of a running sisd. Commands:\n", file);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int width = fprintf(file, "  %s %s", commands[i].name, commands[i].arguments);
		fprintf(file, "%*s %s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 0, "", commands[i].help);
		for (const struct command_option *o = commands[i].options; o != NULL && o->name != NULL; o++)
			fprintf(file, "      %c%c --%s%-*s %s\n", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->name,
			        OPTION_COLUMN - (int)strlen(o->name), o->wants_value ? " X" : "", o->help);
	}
	fputs("\n  -s, --socket SOCKET   the control socket (default $SIS_CONTROL, else " DEFAULT_SOCKET ")\n"
	      "      --json            JSON on standard output\n"
	      "  -h, --help            this; `man sisctl` says more\n"
	      "      --version         the version\n", file);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

enum { LONG_JSON = 256, LONG_VERSION, LONG_FIRST_OPTION };

/* Options that may stand before and after the command. Returns false for an unknown one; *ret_status >= 0 when all is done. */
static bool take_common_option(struct sisctl *sisctl, int letter, int *ret_status)
{
	switch (letter) {
	case 's':
		sisctl->socket = optarg;
		sisctl->default_socket = false;
		return true;
	case LONG_JSON:
		sisctl->json = true;
		return true;
	case 'h':
		print_help(stdout);
		*ret_status = output_finish();
		return true;
	case LONG_VERSION:
		puts(PACKAGE_NAME " " PACKAGE_VERSION);
		*ret_status = output_finish();
		return true;
	default:
		return false;
	}
}

static const struct option common_options[] = {
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, LONG_JSON }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
};
#define N_COMMON ARRAY_SIZE(common_options)

/* getopt_long's tables for a command: the common options, then its own. */
static void make_options(const struct command *command, struct option ret_long[N_COMMON + COMMAND_OPTIONS_MAX + 1], char ret_short[3 * COMMAND_OPTIONS_MAX + 8])
{
	size_t n = 0;
	char *letters = ret_short;
	memcpy(ret_long, common_options, sizeof(common_options));
	letters += sprintf(letters, "s:h");
	for (const struct command_option *o = command->options; o != NULL && o->name != NULL; o++, n++) {
		ret_long[N_COMMON + n] = (struct option){ o->name, o->wants_value ? required_argument : no_argument, NULL, LONG_FIRST_OPTION + (int)n };
		if (o->letter != 0)
			letters += sprintf(letters, "%c%s", o->letter, o->wants_value ? ":" : "");
	}
	ret_long[N_COMMON + n] = (struct option){ 0 };
}

static int option_row(const struct command *command, int letter)
{
	if (letter >= LONG_FIRST_OPTION)
		return letter - LONG_FIRST_OPTION;
	for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++)
		if (command->options[i].letter == letter)
			return i;
	return -1;
}

static int run_command(struct sisctl *sisctl, const struct command *command, int argc, char **argv)
{
	struct option long_options[N_COMMON + COMMAND_OPTIONS_MAX + 1];
	char short_options[3 * COMMAND_OPTIONS_MAX + 8];
	const char *values[COMMAND_OPTIONS_MAX] = { NULL };
	make_options(command, long_options, short_options);

	optind = 0;                             /* glibc: start over, on another vector */
	for (int letter; (letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1;) {
		int status = -1, row = option_row(command, letter);
		if (row >= 0)
			values[row] = optarg != NULL ? optarg : "";
		else if (!take_common_option(sisctl, letter, &status))
			return EX_USAGE;        /* getopt has said why */
		if (status >= 0)
			return status;
	}
	int n_arguments = argc - optind;
	if (n_arguments < command->min_arguments || n_arguments > command->max_arguments)
		return output_error(EX_USAGE, "wrong number of arguments; usage: sisctl %s %s (see sisctl --help)", command->name, command->arguments);
	return command->run(sisctl, argv + optind, values);
}

int main(int argc, char **argv)
{
	const char *socket = getenv("SIS_CONTROL");
	struct sisctl sisctl = { .socket = socket != NULL && *socket != '\0' ? socket : DEFAULT_SOCKET };
	sisctl.default_socket = sisctl.socket != socket;
	struct option options[N_COMMON + 1] = { 0 };
	memcpy(options, common_options, sizeof(common_options));

	signal(SIGPIPE, SIG_IGN);               /* a reader that goes away is an error of standard output */
	for (int letter; (letter = getopt_long(argc, argv, "+s:h", options, NULL)) != -1;) {
		int status = -1;
		if (!take_common_option(&sisctl, letter, &status))
			return EX_USAGE;
		if (status >= 0)
			return status;
	}
	if (optind >= argc) {
		print_help(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[optind], "help") == 0 && optind + 2 < argc && strcmp(argv[optind + 1], "--complete-line") == 0) {      /* for the shells */
		complete_line(&sisctl, commands, ARRAY_SIZE(commands), argv + optind + 2, argc - optind - 2);
		varlink_free(sisctl.varlink);
		return output_finish();
	}
	const struct command *command = find_command(argv[optind]);
	if (command == NULL)
		return output_error(EX_USAGE, "there is no command %s; sisctl --help shows them", argv[optind]);
	int status = run_command(&sisctl, command, argc - optind, argv + optind);
	varlink_free(sisctl.varlink);
	return status;
}
