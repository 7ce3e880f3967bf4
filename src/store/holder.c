/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who else keeps the database from being written. SQLite's locks are locks of POSIX on the WAL's index: whoever may read that file may take a shared one on any
 * byte of it, also on those that only a writer has use for, and then nothing can be changed, not even revoked, for as long as he wants. The kernel knows whose
 * they are. */
#include "store/db.h"
#include "store/writer.h"

#include "base/util.h"

#include <fcntl.h>
#include <unistd.h>

/* SQLite's WAL format, "Locking": writing, checkpointing and recovering, behind them the readers'. */
#define LOCKS_FIRST 120
#define LOCKS_N 3

/* Kept to the end, behind the connections: closing any descriptor of a file gives up all locks that the process has on it. */
void store_holder_begin(struct store_writer *writer, int state_fd)
{
	writer->shm_fd = openat(state_fd, "db/sis.db-shm", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

void store_holder_end(struct store_writer *writer)
{
	writer->shm_fd = fd_close(writer->shm_fd);
}

pid_t store_find_holder(const struct store_writer *writer)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCKS_FIRST, .l_len = LOCKS_N };
	if (writer->shm_fd < 0 || fcntl(writer->shm_fd, F_GETLK, &lock) < 0)
		return 0;
	return lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
}
