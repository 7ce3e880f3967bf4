/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every role program does first: it finds the master, tells it what happens, and shows that it is alive. */
#include "ipc/role.h"
#include "base/error.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

static struct {
	struct role_setup setup;
	channel_packet_fn *on_packet;
	void *arg;
} role;

static void send_log(const struct log_args *args, void *arg)
{
	struct message_log message = {
		.event = args->event, .user = span_from_string(args->user), .device = span_from_string(args->device),
		.item = span_from_string(args->item), .peer = span_from_string(args->peer), .reason = span_from_string(args->reason),
		.role = span_from_string(args->role), .route = span_from_string(args->route), .detail = span_from_string(args->detail),
		.bytes = args->bytes, .pid = args->pid, .status = args->status, .count = args->count,
	};
	(void)CHANNEL_SEND(role.setup.master, 0, log, LOG, &message);
}

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_PING)
		(void)CHANNEL_SEND(channel, packet->id, pong, PONG, &(struct message_pong){ 0 });
	else
		role.on_packet(channel, packet, role.arg);
}

/* Nothing that a role could still do is worth doing without a master: what was not acknowledged is not owed to anybody. */
static void on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	_exit(error == -SIS_ERR_PROTOCOL ? EX_PROTOCOL : EX_OK);
}

static void require_master_channel(enum role self)
{
	int type = 0;
	socklen_t size = sizeof(type);
	if (getsockopt(ROLE_MASTER_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
		return;
	fprintf(stderr, "sisd-%s: there is no channel to sisd: this program is started by sisd, run sisd instead\n", role_name(self));
	exit(EX_USAGE);
}

static void ignore_signals(void)
{
	/* The master is told to stop, and it tells the roles, in the right order; a terminal's ^C goes to all of them at once. */
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
}

void role_start(enum role self, channel_packet_fn *packet_fn, void *arg, struct role_setup *ret_setup)
{
	require_master_channel(self);
	ignore_signals();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* for a role that hangs and would not notice the closed channel */
	role.on_packet = packet_fn;
	role.arg = arg;
	int error = loop_new(&role.setup.loop);
	if (error == 0)
		error = channel_new(role.setup.loop, ROLE_MASTER_FD, self, ROLE_MASTER, on_packet, on_broken, NULL, &role.setup.master);
	if (error != 0) {
		fprintf(stderr, "sisd-%s: cannot start: %s\n", role_name(self), error_text(error));
		exit(error_exit_status(error));
	}
	log_set_sink(send_log, NULL);
	*ret_setup = role.setup;
}

void role_ready(struct role_setup *setup, const char *sandbox_in_words)
{
	(void)CHANNEL_SEND(setup->master, 0, ready, READY, &(struct message_ready){ .sandbox = span_from_string(sandbox_in_words) });
}
