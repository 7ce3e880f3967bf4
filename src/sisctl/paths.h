/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Root in a directory where another user (the ledger's, the signer's) writes as well: what lies below is reached name by name, and no link is followed,
 * whatever it was a moment before. */
#pragma once

#include <sys/types.h>

/* The state directory, as the daemon named it, O_PATH. 0, or an exit status after having said why: only root, or whoever we are, may have it in hand. */
int paths_open_state(const char *state_dir, int *ret_fd);
/* The directory that the path's last name lies in, O_PATH, and that name (borrowed from path). BAD_NAME for ".." and the like. make_mode 0: nothing is made. */
int paths_open_parent(int dir_fd, const char *path, mode_t make_mode, int *ret_fd, const char **ret_name);
/* To be read. MISMATCH when it is no regular file. */
int paths_open_file(int dir_fd, const char *path, int *ret_fd);
