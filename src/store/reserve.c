/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Room that is kept for the day on which the disk is full. To delete, to take access back and to revoke all write to the database, so on a full disk none of
 * them would work: nobody could make room, and who should be locked out would not be. So the blocks that the WAL will need, and some for the database's growth,
 * are taken beforehand, beyond the ends of these files (FALLOC_FL_KEEP_SIZE): nobody else can have them, whoever else fills the disk. When there is little room
 * besides, nothing is added any more, and the WAL is emptied before each transaction, so that it begins at its beginning again. */
#include "store/db.h"
#include "store/writer.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define WAL_MOST_BYTES (4u << 20)       /* what it grows to between checkpoints */
#define WAL_PART 32                     /* of a small disk no more than this part of it */
#define GROWTH_PART 4                   /* of what the WAL gets, for the database itself */
#define INDEX_BYTES (64u << 10)         /* the WAL's index: 32 KiB for each 4096 pages of it (SQLite's WAL format) */

static int reserve_open(const char *state_dir, const char *name)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/db/%s", state_dir, name);
	return n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
}

/* Kept until the connection is closed: closing any descriptor of a file gives up the locks that SQLite has on it. */
void store_reserve_begin(struct store_writer *writer, const char *state_dir)
{
	/* The WAL stays after an orderly stop, empty, with its blocks: so the daemon starts on a full disk, too. */
	(void)sqlite3_file_control(writer->reader.db, NULL, SQLITE_FCNTL_PERSIST_WAL, &(int){ 1 });
	writer->db_fd = reserve_open(state_dir, "sis.db");
	writer->wal_fd = reserve_open(state_dir, "sis.db-wal");
	/* SQLite maps the index into memory. A file system that finds blocks for a mapped page only when it is first written (ext4) ends who writes it on a
	 * full disk, by SIGBUS: so they are there before anything else is taken. */
	if (writer->shm_fd >= 0)
		(void)fallocate(writer->shm_fd, 0, 0, INDEX_BYTES);
}

static uint64_t reserve_wal_bytes(const struct statvfs *disk)
{
	uint64_t bytes = (uint64_t)disk->f_blocks * disk->f_frsize / WAL_PART;
	return bytes < WAL_MOST_BYTES ? bytes : WAL_MOST_BYTES;
}

/* false when there is not the room. A file system that cannot do it, or a limit on sizes, leaves things as they were before there was a reserve. */
static bool reserve_take(int fd, bool beyond_end, uint64_t bytes)
{
	struct stat file;
	if (fd < 0 || fstat(fd, &file) < 0)
		return true;
	uint64_t wanted = (beyond_end ? (uint64_t)file.st_size : 0) + bytes, taken = (uint64_t)file.st_blocks * 512;
	/* Not at each page that the database grows by. */
	if (taken >= wanted - (beyond_end ? bytes / 2 : 0))
		return true;
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)wanted) == 0 || (errno != ENOSPC && errno != EDQUOT);
}

void store_reserve_end(struct store_writer *writer)
{
	struct statvfs disk;
	if (writer->wal_fd >= 0 && fstatvfs(writer->wal_fd, &disk) == 0)
		(void)reserve_take(writer->wal_fd, false, reserve_wal_bytes(&disk));
	writer->db_fd = fd_close(writer->db_fd);
	writer->wal_fd = fd_close(writer->wal_fd);
}

bool store_reserve_look(struct store_writer *writer, bool was_short, uint64_t *ret_free_bytes)
{
	struct statvfs disk;
	*ret_free_bytes = 0;
	if (writer->db_fd < 0 || fstatvfs(writer->db_fd, &disk) < 0)
		return false;
	uint64_t wal = reserve_wal_bytes(&disk), left = (uint64_t)disk.f_bavail * disk.f_frsize;
	*ret_free_bytes = left;
	/* A checkpoint cuts the database's file at its end, and what was taken beyond it with that: first the one, at once the other. */
	if (was_short)
		(void)store_checkpoint(writer);
	bool taken = reserve_take(writer->wal_fd, false, wal) && reserve_take(writer->db_fd, true, wal / GROWTH_PART);
	return !taken || left < (was_short ? 2 * wal : wal);
}
