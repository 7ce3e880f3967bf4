/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How new the server's state has been. Compared with what was known before this command's first request: another command that asks at the same time may
 * be answered later and write first. */
#include "sis/horizon.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define HORIZON_FILE "horizon"

static uint64_t horizon_read(const struct profile *profile)
{
	char text[32];
	uint64_t value = 0;
	CLEANUP_FD int fd = openat(profile->dir_fd, HORIZON_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	return n > 0 && span_to_u64((struct span){ (uint8_t *)text, (size_t)n }, INT64_MAX, &value) ? value : 0;
}

void horizon_open(const struct profile *profile, struct horizon *ret_horizon)
{
	*ret_horizon = (struct horizon){ .known = horizon_read(profile) };
}

/* A restored server goes on far above all numbers that it ever gave out (store/backup.c): no server makes so many changes between two visits. */
#define LEAP (UINT64_C(1) << 31)

static int horizon_refuse_leap(uint64_t seen, struct why *why)
{
	return why_set(why, -SIS_ERR_ROLLED_BACK, "the server was set back to a backup since this device was told of change %llu: what came after the backup is gone, and "
	               "what was deleted, taken back or revoked after it may be there again; ask the administrator, and if it is so say \"sis list --accept-restored\"",
	               (unsigned long long)seen);
}

int horizon_check(struct horizon *horizon, uint64_t sequence, struct why *why)
{
	uint64_t seen = horizon->known > horizon->shown ? horizon->known : horizon->shown;
	if (seen > 0 && sequence > seen && sequence - seen > LEAP)
		return horizon_refuse_leap(seen, why);
	if (sequence < horizon->known)
		return why_set(why, -SIS_ERR_ROLLED_BACK, "the server shows an older state (change %llu) than this device has seen before (change %llu): it hides "
		               "what is new, or a backup was restored; ask the administrator, and only if it was a backup say \"sis list --accept-restored\"",
		               (unsigned long long)sequence, (unsigned long long)horizon->known);
	if (sequence > horizon->shown)
		horizon->shown = sequence;
	return 0;
}

void horizon_forget(struct horizon *horizon)
{
	*horizon = (struct horizon){ .forgets = true };
}

void horizon_save(const struct profile *profile, const struct horizon *horizon)
{
	char text[32];
	uint64_t kept = horizon_read(profile);
	if (horizon->forgets ? horizon->shown == kept : horizon->shown <= kept)
		return;
	int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)horizon->shown);
	profile_write_quick(profile, HORIZON_FILE, (struct span){ (uint8_t *)text, (size_t)size });
}
