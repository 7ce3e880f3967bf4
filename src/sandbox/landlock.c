/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Landlock: which files a role can reach at all. By system call, since glibc has no functions for it and Debian 12's headers end at ABI 2. */
#include "sandbox/parts.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From newer kernels' linux/landlock.h. */
#define FS_TRUNCATE (UINT64_C(1) << 14)         /* ABI 3 */
#define NET_BIND_TCP (UINT64_C(1) << 0)         /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)        /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)  /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset { uint64_t fs, net, scoped; };

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define FS_OF_A_FILE (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* Everything that this kernel can deny is denied unless a path allows it; the network and strangers' signals without exception. */
static struct ruleset everything(int abi)
{
	struct ruleset all = { .fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	if (abi >= 2)
		all.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all.fs |= FS_TRUNCATE;
	if (abi >= 4)
		all.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		all.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		all.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return all;
}

static size_t ruleset_size(int abi)
{
	return abi >= 6 ? sizeof(struct ruleset) : abi >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

static int allow_path(int ruleset_fd, const struct sandbox_path *path, uint64_t handled)
{
	CLEANUP_FD int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_from_errno(errno);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd, .allowed_access = (path->write ? FS_READ | FS_WRITE : FS_READ) & handled };
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= FS_OF_A_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_from_errno(errno);
	return 0;
}

int landlock_prepare(const struct sandbox_profile *profile, int *ret_ruleset_fd, int *ret_abi, const char **ret_missing)
{
	const char *missing = NULL;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		*ret_ruleset_fd = -1;
		*ret_abi = 0;
		*ret_missing = NULL;
		return 0;
	}
	struct ruleset all = everything((int)abi);
	CLEANUP_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &all, ruleset_size((int)abi), 0);
	if (fd < 0)
		return error_from_errno(errno);
	for (size_t i = 0; profile->open_files && i < profile->n_paths; i++) {
		int error = allow_path(fd, &profile->paths[i], all.fs);
		if (error == -SIS_ERR_NO_INPUT && missing == NULL)
			missing = profile->paths[i].path;
		else if (error != 0 && error != -SIS_ERR_NO_INPUT)
			return error;
	}
	*ret_ruleset_fd = fd_take(&fd);
	*ret_abi = (int)abi;
	*ret_missing = missing;
	return 0;
}

/* No role's profile allows "/". */
static bool reaches_root(int *ret_errno)
{
	CLEANUP_FD int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret_errno = errno;
	return fd >= 0;
}

/* The kernel's word that it has restricted us is tried at once: /proc tells nothing of Landlock, so nobody else can see whether it is so. */
int landlock_enforce(int ruleset_fd)
{
	int error;
	bool reached = reaches_root(&error);
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_from_errno(errno);
	return reached && (reaches_root(&error) || error != EACCES) ? -SIS_ERR_SYSTEM : 0;
}
