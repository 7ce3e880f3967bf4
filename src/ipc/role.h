/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every role program does first: become non-dumpable, take descriptor 3 as the channel to the master, send log events there, answer PING. */
#pragma once

#include "ipc/channel.h"

#define ROLE_MASTER_FD 3

struct role_setup {
	struct loop *loop;
	struct channel *master;
};

/* Handles PING itself; everything else goes to on_packet. When the master is gone the process exits at once (code 0). on_packet's and this
 * function's failure to start ends the process with a sysexits code: roles have nobody else to tell. */
void role_start(enum role self, channel_packet_fn *on_packet, void *arg, struct role_setup *ret_setup);
void role_ready(struct role_setup *setup, const char *sandbox_in_words);
