/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of sisctl's commands and their options, and what is made of it. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <string.h>

#define ARGUMENTS_MANY 10000

static const struct command_option device_option[] = {
	{ 'd', "device", "NAME", "name of the device that the invite is for" }, { 0 }
};
static const struct command_option revoke_options[] = {
	{ 'd', "device", "NAME", "only this device; the user's others live on" },
	{ 'r', "reason", "WHY", "why, for the log" },
	{ 0, "compromised", NULL, "the key may be in wrong hands: readers will refuse what it signed" }, { 0 }
};
static const struct command_option logs_options[] = {
	{ 'f', "follow", NULL, "wait for more" },
	{ 'u', "user", "USER", "only what this user did, or what was done to them" },
	{ 'd', "device", "NAME", "only of devices of this name" }, { 'i', "item", "ITEM", "only of this item" },
	{ 'e', "event", "EVENT", "only this event, for example LOGIN_REFUSED: sisd-events(7)" },
	{ 'S', "since", "TIME", "only from this time on: 90m, \"2 hours ago\", yesterday, \"2026-11-21 11:30\"" },
	{ 'U', "until", "TIME", "only before this time" },
	{ 'o', "output", "short|json", "lines to read (short), or JSON" },
	{ 0, "unit", "UNIT", "from the journal of this systemd unit (sisd.service, sisd@NAME.service)" },
	{ 0, "audit", NULL, "from the daemon's audit trail, though there is a journal" }, { 0 }
};
static const struct command_option check_options[] = {
	{ 0, "full", NULL, "read every byte and verify every signature, too" },
	{ 0, "repair", NULL, "mend what can be mended without losing anything" },
	{ 0, "from-backup", "DIR", "look for what is lost in this directory of backups; with --repair: put it back" },
	{ 0, "remove-lost", NULL, "with --repair: give up items that are lost, and tell their owners and readers" },
	{ 0, "recover-items", NULL, "look into lost/, too; with --repair: read items back from objects that have lost their rows, for their owners alone" },
	{ 0, "offline", NULL, "with a sisd of its own, when sisd cannot start; saves what can be read of a damaged database" },
	{ 0, "config", "FILE", "with --offline: the configuration that names the state directory" },
	{ 0, "backup", "DIR", "look at this snapshot instead, or at the newest in a directory of them" }, { 0 }
};
static const struct command_option items_options[] = {
	{ 'u', "user", "USER", "only what this user keeps here" },
	{ 'n', "limit", "N", "at most so many (50)" }, { 0 }
};
static const struct command_option invites_options[] = {
	{ 0, "revoke", "USER|NUMBER", "take back all of this user's, or the one of this number" }, { 0 }
};
static const struct command_option certs_options[] = {
	{ 'e', "ending", "TIME", "only devices that have not renewed: whose newest certificate ends within this time (30d), or has ended" }, { 0 }
};
static const struct command_option disconnect_options[] = {
	{ 'd', "device", "NAME", "only this device" }, { 0 }
};

static const struct command_option audit_options[] = {
	{ 'H', "head", "NUMBER:HASH", "what was noted before (AUDIT_HEAD in the journal)" }, { 0 }
};
static const struct command_option backup_options[] = {
	{ 0, "with-keys", NULL, "the keys of the certificate authority, too: who reads them can be this server" },
	{ 0, "keep", "N", "afterwards remove old snapshots, but for so many" }, { 0 }
};
static const struct command_option restore_options[] = {
	{ 0, "state-dir", "DIR", "into this directory, which must be empty" },
	{ 0, "keys", "DIR", "take the keys from this directory: the keys/ of the old state directory" },
	{ 0, "ledger-user", "USER", "whose the store is to be (sis-ledger)" },
	{ 0, "signer-user", "USER", "whose the keys are to be (sis-signer)" },
	{ 0, "group", "GROUP", "who may read the store (sis)" }, { 0 }
};

const struct command sisctl_commands[] = {
	{ "add", "USER", "add a user (with --device: or a device to one who is there) and print the invite", 1, 1, device_option, command_add },
	{ "invite", "USER", "print an invite for one more device of a user", 1, 1, device_option, command_invite },
	{ "list", "", "users, their devices and what they keep here", 0, 0, NULL, command_list },
	{ "revoke", "USER", "end a user or one device, on every live connection at once", 1, 1, revoke_options, command_revoke },
	{ "certs", "[USER]", "certificates that were issued", 0, 1, certs_options, command_certs },
	{ "clock", "accept", "the clock is right, though it has jumped: what has ended may be removed", 1, 1, NULL, command_clock },
	{ "ca", "[rollover]", "the certificate authority; or make its successor, which signs from then on", 0, 1, NULL, command_ca },
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
	{ "check", "", "is all there that the database promises, and as it was?", 0, 0, check_options, command_check },
	{ "audit", "verify", "is the audit trail what was written?", 1, 1, audit_options, command_audit },
	{ "backup", "DIR", "a new snapshot in this directory", 1, 1, backup_options, command_backup },
	{ "restore", "DIR", "make a store of a snapshot, or of the newest in a directory of them; sisd is not running there", 1, 1, restore_options, command_restore },
};
const size_t sisctl_n_commands = ARRAY_SIZE(sisctl_commands);

const struct command *commands_find(const char *name)
{
	for (size_t i = 0; i < sisctl_n_commands; i++)
		if (strcmp(sisctl_commands[i].name, name) == 0)
			return &sisctl_commands[i];
	return NULL;
}
