/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What each role is given: the descriptors it lives on, and its own slice of the configuration, never more. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define CA_LIFETIME_S (20 * 365 * 86400ULL)
#define SERVER_CERTIFICATE_LIFETIME_S (90 * 86400ULL)   /* the signer renews it at two thirds */
#define MS_PER_S 1000
#define SHARES_MAX 16

static uint32_t log_level_number(const struct conf *conf)
{
	static const struct { const char *name; uint32_t level; } levels[] = {
		{ "err", LOG_ERR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcmp(levels[i].name, conf->log_level) == 0)
			return levels[i].level;
	return LOG_INFO;
}

static uint32_t clamp_u32(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* "pictures.example.org:7443", "[2001:db8::1]:7443" */
static char *public_address(const struct master *master)
{
	const char *name = master->conf->server_names.item[0];
	unsigned port = master->conf->public_port ? (unsigned)master->conf->public_port : master->listeners.first_port;

	return xasprintf(strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, port);
}

static void configure_signer(struct process *signer)
{
	const struct conf *conf = signer->master->conf;
	CLEANUP_FREE char *names = conf_lines_join(&conf->server_names);
	bool external = *conf->tls_certificate != '\0';
	struct message_config_signer message = {
		.server_names = span_from_string(names), .server_certificate_lifetime_s = SERVER_CERTIFICATE_LIFETIME_S,
		.ca_lifetime_s = CA_LIFETIME_S, .external_tls = external, .log_level = log_level_number(conf),
	};
	int fds[2], status;

	/* reload.c and master_run() opened them a moment ago; if they are gone since, the identity in force stays in force. */
	if ((status = external_tls_open(conf, fds)) != 0) {
		if (signer->master->phase == MASTER_STARTING)
			stop_begin(signer->master, "tls_certificate or tls_key was taken away", status);
		else
			MASTER_LOG(signer->master, RELOAD_FAILED, .reason = complain_held());
		return;
	}
	CHANNEL_SEND_FDS(signer->channel, 0, config_signer, CONFIG_SIGNER, &message, fds, external ? 2 : 0);
	fd_close(fds[0]);
	fd_close(fds[1]);
}

static void configure_ledger(struct process *ledger)
{
	const struct conf *conf = ledger->master->conf;
	CLEANUP_FREE char *address = public_address(ledger->master);
	struct message_config_ledger message = {
		.registration = span_from_string(conf->registration), .device_invites = span_from_string(conf->device_invites),
		.public_address = span_from_string(address),
		.invite_lifetime_s = conf->invite_lifetime, .certificate_lifetime_s = conf->certificate_lifetime,
		.max_item_bytes = conf->max_item_bytes, .quota_bytes = conf->quota_bytes, .upload_lifetime_s = conf->upload_lifetime,
		.audit_lifetime_s = conf->audit_lifetime,
		.uploads_per_user = clamp_u32(conf->uploads_per_user), .new_uploads_per_user = conf->new_uploads_per_user,
		.enroll_failures_per_source = clamp_u32(conf->enroll_failures_per_source), .enroll_failures_per_name = clamp_u32(conf->enroll_failures_per_name),
		.registrations_per_source = clamp_u32(conf->registrations_per_source), .device_invites_per_user = clamp_u32(conf->device_invites_per_user),
		.log_level = log_level_number(conf),
	};

	CHANNEL_SEND(ledger->channel, 0, config_ledger, CONFIG_LEDGER, &message);
}

/* A worker's part of what a source or a user may do. Connections are not spread evenly, so with many workers it is more than a fair part: at most four times
 * what is configured, with 64 of them. */
static uint64_t share(const struct conf *conf, uint64_t value)
{
	unsigned n = master_count_workers(conf);
	unsigned parts = n < SHARES_MAX ? n : SHARES_MAX;

	return (value + parts - 1) / parts;
}

static uint32_t to_ms(uint64_t seconds)
{
	return clamp_u32(seconds * MS_PER_S);
}

static void configure_worker(struct process *worker)
{
	const struct conf *conf = worker->master->conf;
	CLEANUP_FREE char *exempt = conf_lines_join(&conf->penalty_exempt), *proxies = conf_lines_join(&conf->proxy_from);
	struct message_config_worker message = {
		.max_item_bytes = conf->max_item_bytes,
		.max_connections = clamp_u32(limits_max_connections(conf)), .max_connections_per_source = clamp_u32(share(conf, conf->max_connections_per_source)),
		.max_connections_per_user = clamp_u32(share(conf, conf->max_connections_per_user)),
		.header_timeout_ms = to_ms(conf->header_timeout), .idle_timeout_ms = to_ms(conf->idle_timeout),
		.min_rate_bytes_s = clamp_u32(conf->min_rate), .handshakes_per_source = share(conf, conf->handshakes_per_source),
		.requests_per_source = share(conf, conf->requests_per_source), .requests_per_user = share(conf, conf->requests_per_user),
		.bandwidth_per_source = share(conf, conf->bandwidth_per_source), .bandwidth_per_user = share(conf, conf->bandwidth_per_user),
		.event_streams_per_device = clamp_u32(conf->event_streams_per_device), .list_memory_per_user = conf->list_memory_per_user,
		.max_waiting = clamp_u32(conf->max_waiting),
		.penalty_handshake_ms = to_ms(conf->penalty_handshake), .penalty_request_ms = to_ms(conf->penalty_request),
		.penalty_certificate_ms = to_ms(conf->penalty_certificate), .penalty_enroll_ms = to_ms(conf->penalty_enroll),
		.penalty_min_ms = to_ms(conf->penalty_min), .penalty_max_ms = to_ms(conf->penalty_max),
		.penalty_exempt = span_from_string(exempt), .proxy_from = span_from_string(proxies), .log_level = log_level_number(conf),
	};

	CHANNEL_SEND(worker->channel, 0, config_worker, CONFIG_WORKER, &message);
}

void slice_configure(struct process *process)
{
	if (!process->channel)
		return;
	if (process->role == ROLE_SIGNER)
		configure_signer(process);
	else if (process->role == ROLE_LEDGER)
		configure_ledger(process);
	else
		configure_worker(process);
}

/* The two know each other through one channel that the master does not keep. */
void slice_start_signer_and_ledger(struct master *master)
{
	const struct users *users = &master->users;
	struct message_start_signer signer = { .uid = users->signer.uid, .gid = users->signer.gid };
	struct message_start_ledger ledger = {
		.state_dir = span_from_string(master->conf->state_dir), .own_uid = geteuid(), .uid = users->ledger.uid, .gid = users->ledger.gid,
	};
	int pair[2];

	if (channel_pair(pair) < 0) {
		stop_begin(master, "no channel between signer and ledger could be made", EX_OSERR);
		return;
	}
	CHANNEL_SEND_FDS(master->signer.channel, 0, start_signer, START_SIGNER, &signer, ((int[]){ master->keys_fd, pair[0] }), 2);
	CHANNEL_SEND_FDS(master->ledger.channel, 0, start_ledger, START_LEDGER, &ledger,
	                 ((int[]){ master->listeners.control_fd, pair[1], master->lock_fd }), 3);
	fd_close(pair[0]);
	fd_close(pair[1]);
	slice_configure(&master->signer);
	slice_configure(&master->ledger);
}

static void start_worker_send(struct process *worker, int ledger_fd, int signer_fd)
{
	struct master *master = worker->master;
	const struct listeners *listeners = &master->listeners;
	bool has_metrics = listeners->metrics_fd >= 0;
	struct message_start_worker message = {
		.index = worker->index, .n_listeners = listeners->n, .metrics_listener = has_metrics, .state_dir = span_from_string(master->conf->state_dir),
		.uid = master->users.worker.uid, .gid = master->users.worker.gid,
	};
	int fds[2 + CONF_LIST_MAX + 1] = { ledger_fd, signer_fd };

	memcpy(fds + 2, listeners->fd, listeners->n * sizeof *fds);
	fds[2 + listeners->n] = listeners->metrics_fd;
	CHANNEL_SEND_FDS(worker->channel, 0, start_worker, START_WORKER, &message, fds, 2 + listeners->n + has_metrics);
}

/* Worker, ledger and signer get connected directly; the master steps aside. */
void slice_start_worker(struct process *worker)
{
	struct master *master = worker->master;
	struct message_peer peer = { .worker = worker->index };
	int to_ledger[2], to_signer[2];

	/* One of them has just gone and is not waited for yet: the daemon is about to stop, and this worker with it. */
	if (!master->ledger.channel || !master->signer.channel)
		return;
	/* A worker without its first messages is never ready, and is replaced by the watchdog. */
	if (channel_pair(to_ledger) < 0)
		return;
	if (channel_pair(to_signer) == 0) {
		CHANNEL_SEND_FDS(master->ledger.channel, 0, peer, PEER, &peer, &to_ledger[1], 1);
		CHANNEL_SEND_FDS(master->signer.channel, 0, peer, PEER, &peer, &to_signer[1], 1);
		start_worker_send(worker, to_ledger[0], to_signer[0]);
		slice_configure(worker);
		fd_close(to_signer[0]);
		fd_close(to_signer[1]);
	}
	fd_close(to_ledger[0]);
	fd_close(to_ledger[1]);
}

void slice_tell_worker_gone(struct process *worker)
{
	struct master *master = worker->master;
	struct message_peer_gone message = { .worker = worker->index };

	if (master->signer.channel)
		CHANNEL_SEND(master->signer.channel, 0, peer_gone, PEER_GONE, &message);
	if (master->ledger.channel)
		CHANNEL_SEND(master->ledger.channel, 0, peer_gone, PEER_GONE, &message);
}
