/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The daemon's figures for Prometheus: the one place that makes the text, for `sisctl metrics` and for the workers that serve it on loopback. */
#pragma once

#include "base/json.h"
#include "ipc/message.h"

#include <stddef.h>

struct control_call;
struct request;

/* metrics_text.c: malloc'd; NULL on no memory. users: array of user, and numbers and times. Whatever the labels hold, the format stays whole. */
char *metrics_text(const json_t *status, const json_t *users, size_t *ret_size);

/* metrics.c */
void metrics_start(struct control_call *call);
void metrics_handle_ask(struct request request, const struct message_metrics *message);
