/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parts of sisctl check. */
#pragma once

#include "sisctl/sisctl.h"

struct check_order { bool full, repair, remove_lost, recover_items, offline; const char *backup, *conf; };

/* check_print.c: n problems were listed, n_mended of them are mended. */
void check_print(const struct check_order *order, const json_t *reply, uint64_t n, uint64_t n_mended);
/* What was asked for: shows how far it is, and returns the last reply, owned by the caller; 0 or an exit status. */
int  check_receive(struct sisctl *sisctl, json_t **ret_reply);
/* check_offline.c: a sisd of our own looks; 0 or an exit status after having said why. */
int  check_offline(const struct check_order *order, bool repair, json_t **ret_reply);

/* check_backup.c: which snapshot in the directory has each item that is lost, by digest ("backup" is added to its problem); bring: a copy of each is put where
 * sisd takes it from. 0 or an exit status after having said why. */
int  check_backup_find(const char *directory, json_t *reply, bool bring);
int  check_snapshot(struct sisctl *sisctl, const char *directory);      /* check_snapshot.c: an exit status */
void check_backup_forget(const json_t *reply);          /* what was brought and not taken */
