/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who a role is: its user id, for good, and no capabilities. */
#include "sandbox/parts.h"
#include "base/error.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_all(uid_t uid, gid_t gid)
{
	uid_t uids[3];
	gid_t gids[3];
	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (uids[i] != uid || gids[i] != gid)
			return false;
	return getgroups(0, NULL) == 0;
}

int identity_change(uid_t uid, gid_t gid, bool *ret_own)
{
	if (uid == (uid_t)-1) {
		*ret_own = false;
		return 0;
	}
	/* Changing ids clears both: the role must still die with the master, and must not become dumpable. */
	int death_signal = 0;
	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	bool is_changed = gid != (gid_t)-1 && is_all(uid, gid);         /* sandbox_become() */
	if (!is_changed && (gid == (gid_t)-1 || setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
		return -SIS_ERR_SYSTEM;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || (death_signal != 0 && prctl(PR_SET_PDEATHSIG, death_signal) < 0))
		return -SIS_ERR_SYSTEM;
	/* Believe what the kernel says, not what we asked for: and there must be no way back. */
	if (uid == 0 || !is_all(uid, gid) || setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || setgroups(0, NULL) == 0)
		return -SIS_ERR_SYSTEM;
	*ret_own = true;
	return 0;
}

void identity_limit_capabilities(uint64_t keep)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned capability = 0; capability < 64; capability++)
		if (!(keep >> capability & 1))
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int identity_drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return error_from_errno(errno);
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		data[i].permitted &= mask;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? error_from_errno(errno) : 0;
}
