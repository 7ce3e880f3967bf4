/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Doing something as a role's user, for a moment. The master is root without root's rights over other people's files and processes: what belongs to a
 * role it makes and signals as that role, with CAP_SETUID and CAP_SETGID, which it needs anyhow to start them. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A change of ids makes the process dumpable again, where fs.suid_dumpable says so. */
static void stay_undumpable(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
}

/* These two tell no failure: asked again with what cannot be, they tell what is. To go on as somebody else would be worse than to end. */
static void take_file_ids(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid)
		abort();
	stay_undumpable();
}

void owner_begin(struct user owner)
{
	if (geteuid() == 0 && owner.uid != 0)
		take_file_ids(owner.uid, owner.gid);
}

void owner_end(void)
{
	int error = errno;

	if ((uid_t)setfsuid((uid_t)-1) != geteuid())
		take_file_ids(geteuid(), getegid());
	errno = error;
}

/* A signal's right is the sender's effective user id; a role that has not yet taken its own is still ours. Nobody can signal or trace us meanwhile: what
 * counts there are our other two ids. */
int owner_signal(const struct process *process, int signal_number)
{
	const struct users *users = &process->master->users;
	uid_t self = geteuid(), uid = process->role == ROLE_SIGNER ? users->signer.uid : process->role == ROLE_LEDGER ? users->ledger.uid : users->worker.uid;
	int r = kill(process->pid, signal_number);

	if (r == 0 || errno != EPERM || !users->separate || seteuid(uid) < 0)
		return r;
	r = kill(process->pid, signal_number);
	if (seteuid(self) < 0)
		abort();
	stay_undumpable();
	return r;
}
