/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd-worker: start, confinement, and the master's words. Order matters: nothing of a stranger is read before the sandbox is entered, and
 * nothing is accepted before the signer has sent what to present. */
#include "base/error.h"
#include "ipc/role.h"
#include "sandbox/sandbox.h"
#include "worker/confine.h"
#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define STATUS_EVERY_MS 1000

static struct worker worker = { .signer_fd = -1, .metrics_listener = -1 };
static struct role_setup setup;

__attribute__((noreturn)) static void fail(int error, const char *what)
{
	char text[256];
	snprintf(text, sizeof(text), "the worker cannot start: %s: %s", what, error_text(error));
	log_event(&LOG(STORE_FAILED, .reason = text));
	exit(error_exit_status(error));
}

/* ------------------------------------------------ start ------------------------------------------------ */

static void confine(const struct message_start_worker *message)
{
	bool weak = false;
	int error = confine_worker(worker.state_dir, (uid_t)message->uid, (gid_t)message->gid, worker.sandbox, sizeof(worker.sandbox), &weak);
	if (error < 0)
		fail(error, "its sandbox");
	log_event(weak ? &LOG(SANDBOX_WEAK, .role = "worker", .detail = worker.sandbox) : &LOG(SANDBOX, .role = "worker", .detail = worker.sandbox));
}

static void on_start(struct channel_packet *packet)
{
	struct message_start_worker message;
	if (worker.state_dir != NULL || message_start_worker_decode(&packet->payload, &message) != 0 || 2 + message.n_listeners + (message.metrics_listener != 0) != packet->n_fds)
		exit(EX_PROTOCOL);
	worker.state_dir = xcalloc(1, message.state_dir.size + 1);
	if (!span_to_string(message.state_dir, worker.state_dir, message.state_dir.size + 1))
		exit(EX_PROTOCOL);
	worker.index = message.index;
	for (worker.n_listeners = 0; worker.n_listeners < message.n_listeners; worker.n_listeners++)
		worker.listeners[worker.n_listeners] = fd_take(&packet->fds[2 + worker.n_listeners]);
	if (message.metrics_listener != 0)
		worker.metrics_listener = fd_take(&packet->fds[2 + message.n_listeners]);
	confine(&message);
	int error = store_reader_open(worker.state_dir, &worker.store);
	if (error < 0)
		fail(error, "its view of the store");
	error = channel_new(worker.loop, fd_take(&packet->fds[0]), ROLE_WORKER, ROLE_LEDGER, ledger_on_packet, ledger_on_broken, &worker, &worker.ledger);
	if (error == 0)
		error = http_server_new(worker.loop, &worker_http_handler, &worker, &worker.server);
	if (error == 0)
		error = sign_start(&worker, fd_take(&packet->fds[1]));
	if (error < 0)
		fail(error, "its channels");
}

static void on_config(struct channel_packet *packet)
{
	struct message_config_worker message;
	if (worker.server == NULL || message_config_worker_decode(&packet->payload, &message) != 0)
		exit(EX_PROTOCOL);
	struct http_limits limits;
	if (!load_limits(&message, &limits))
		exit(EX_PROTOCOL);
	log_set_level((int)message.log_level);
	worker.max_item_bytes = message.max_item_bytes;
	worker.max_waiting = message.max_waiting;
	worker.event_streams_per_device = message.event_streams_per_device;
	worker.list_memory_per_user = message.list_memory_per_user;
	http_server_set_limits(worker.server, &limits);
	events_configure(&worker, message.idle_timeout_ms);
}

void worker_become_ready(struct worker *self)
{
	if (self->ready)
		return;
	self->ready = true;
	for (unsigned i = 0; i < self->n_listeners; i++) {
		int error = http_server_listen(self->server, self->listeners[i]);
		if (error < 0)
			fail(error, "a listening socket");
	}
	if (self->metrics_listener >= 0 && metrics_listen(self, fd_take(&self->metrics_listener)) < 0)
		fail(-SIS_ERR_NO_MEMORY, "the listening socket for metrics");
	role_ready(&setup, self->sandbox);
}

/* ------------------------------------------------ stop ------------------------------------------------ */

static void leave(void *arg)
{
	worker_sum_dropped(&worker, true);
	_exit(EX_OK);
}

void worker_leave(struct worker *self, unsigned grace_ms)
{
	bool patient = grace_ms == MESSAGE_STOP_PATIENTLY;
	http_server_stop_listening(self->server);
	metrics_stop();
	if (!patient && loop_add_timer(self->loop, grace_ms, leave, NULL, NULL) < 0)
		exit(EX_OK);
	http_server_drain(self->server, patient, leave, NULL);
}

static void on_stop(struct channel_packet *packet)
{
	struct message_stop message;
	if (message_stop_decode(&packet->payload, &message) != 0 || worker.server == NULL)
		exit(EX_OK);
	worker_leave(&worker, message.grace_ms);
}

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	switch (packet->type) {
	case MESSAGE_START_WORKER:
		on_start(packet);
		break;
	case MESSAGE_CONFIG_WORKER:
		on_config(packet);
		break;
	case MESSAGE_STOP:
		on_stop(packet);
		break;
	default:
		break;
	}
}

/* So that `sisctl status` shows how many connections there are, also when nobody asks for anything. */
static void tell_status(void *arg)
{
	struct loop_source **timer = arg;
	if (worker.ready && worker.n_connections_told != http_server_n_connections(worker.server))
		worker_tell_serving(&worker, "", "");
	if (worker.ready)
		worker_tell_figures(&worker);
	worker_sum_dropped(&worker, false);
	loop_timer_set(*timer, STATUS_EVERY_MS);
}

int main(void)
{
	static struct loop_source *timer;
	sandbox_begin(ROLE_MASTER_FD + 1);
	role_start(ROLE_WORKER, on_packet, NULL, &setup);
	worker.loop = setup.loop;
	worker.master = setup.master;
	signal(SIGXFSZ, SIG_IGN);               /* a file-size limit is an error of one upload, not the end of a worker */
	if (loop_add_timer(worker.loop, STATUS_EVERY_MS, tell_status, &timer, &timer) < 0)
		return EX_OSERR;
	return error_exit_status(loop_run(worker.loop));
}
