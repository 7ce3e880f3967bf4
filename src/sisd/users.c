/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names of users and groups to numbers, once, before anything is made. */
#include "sisd/master.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define NOBODY_CHOSEN ((uid_t)-1)

static bool is_number(const char *text, unsigned *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number >= UINT32_MAX)
		return false;
	*ret_number = (unsigned)number;
	return true;
}

static int complain_root(const char *option, const char *name)
{
	complain("%s: \"%s\" has the rights of root, which no role may have: name another", option, name);
	return EX_CONFIG;
}

static int user_find(const char *option, const char *name, struct user *ret_user)
{
	const struct passwd *entry;
	unsigned number;

	if (is_number(name, &number)) {
		entry = getpwuid(number);
		*ret_user = (struct user){ number, entry ? entry->pw_gid : number };
	} else {
		entry = getpwnam(name);
		if (!entry) {
			complain("%s: there is no user \"%s\": make it with systemd-sysusers, or name a user or number in sisd.conf", option, name);
			return EX_NOUSER;
		}
		*ret_user = (struct user){ entry->pw_uid, entry->pw_gid };
	}
	return ret_user->uid == 0 || ret_user->gid == 0 ? complain_root(option, name) : 0;
}

static int group_find(const char *option, const char *name, gid_t *ret_gid)
{
	const struct group *entry;
	unsigned number;

	if (is_number(name, &number)) {
		*ret_gid = number;
		return 0;
	}
	entry = getgrnam(name);
	if (!entry) {
		complain("%s: there is no group \"%s\": make it with systemd-sysusers, or name a group or number in sisd.conf", option, name);
		return EX_NOUSER;
	}
	*ret_gid = entry->gr_gid;
	return 0;
}

static int users_check_apart(const struct users *users)
{
	if (users->signer.uid != users->ledger.uid && users->ledger.uid != users->worker.uid && users->worker.uid != users->signer.uid)
		return 0;
	complain("signer_user, ledger_user and worker_user must be three different users: a shared one would let one role trace another");
	return EX_CONFIG;
}

int users_resolve(const struct conf *conf, struct users *ret_users)
{
	struct users users = { .separate = geteuid() == 0 };
	gid_t group;
	int r;

	if (!users.separate) {
		users.signer = users.ledger = users.worker = (struct user){ NOBODY_CHOSEN, (gid_t)-1 };
		users.control_group = (gid_t)-1;
		*ret_users = users;
		return 0;
	}
	if ((r = user_find("signer_user", conf->signer_user, &users.signer)) || (r = user_find("ledger_user", conf->ledger_user, &users.ledger))
	    || (r = user_find("worker_user", conf->worker_user, &users.worker)) || (r = group_find("group", conf->group, &group))
	    || (r = group_find("control_group", conf->control_group, &users.control_group)) || (r = users_check_apart(&users)))
		return r;
	if (group == 0)
		return complain_root("group", conf->group);
	/* Only these two share the store; the signer keeps a group of its own. */
	users.ledger.gid = users.worker.gid = group;
	*ret_users = users;
	return 0;
}
