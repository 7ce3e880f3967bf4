/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd-signer: start, confinement, and who may ask what. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct signer the_signer = { .keys_fd = -1, .ledger_fd = -1, .next_fd = -1 };

/* The log is a message on its way to the master: it is there before our end of the channel closes. */
static void give_up(int error, const char *reason)
{
	log_event(&LOG(SIGNER_FAILED, .reason = reason));
	exit(error == -SIS_ERR_SYSTEM || error == -SIS_ERR_NO_MEMORY ? error_exit_status(error) : EX_CONFIG);
}

/* --- workers --- */

static void worker_free(struct worker *worker)
{
	for (struct worker **at = &worker->signer->workers; *at != NULL; at = &(*at)->next) {
		if (*at == worker) {
			*at = worker->next;
			break;
		}
	}
	channel_free(worker->channel);
	free(worker);
}

static void on_worker_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_SIGN)
		handshake_sign(arg, packet);
}

static void on_worker_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	if (error == -SIS_ERR_PROTOCOL)
		log_event(&LOG(ROLE_PROTOCOL, .role = "worker", .detail = reason));
	worker_free(arg);
}

static void on_peer(struct signer *signer, struct channel_packet *packet)
{
	struct message_peer message;
	if (message_peer_decode(&packet->payload, &message) < 0 || packet->n_fds != 1)
		return;
	struct worker *worker = calloc(1, sizeof(*worker));
	if (worker == NULL)
		return;
	worker->signer = signer;
	worker->number = message.worker;
	if (channel_new(signer->setup.loop, fd_take(&packet->fds[0]), ROLE_SIGNER, ROLE_WORKER, on_worker_packet, on_worker_broken, worker,
	                &worker->channel) < 0) {
		free(worker);
		return;
	}
	worker->next = signer->workers;
	signer->workers = worker;
	identity_announce(signer, worker->channel);
}

static void on_peer_gone(struct signer *signer, struct channel_packet *packet)
{
	struct message_peer_gone message;
	if (message_peer_gone_decode(&packet->payload, &message) < 0)
		return;
	for (struct worker *worker = signer->workers, *next; worker != NULL; worker = next) {
		next = worker->next;
		if (worker->number == message.worker)
			worker_free(worker);
	}
	/* It knew the ticket key. Had it been taken over, whoever did it could go on as any device for as long as the key is in force. */
	if (random_bytes(signer->ticket_key, sizeof(signer->ticket_key)) == 0)
		identity_announce_all(signer);
}

/* --- the ledger --- */

static void on_ledger_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_MINT)
		mint_certificate(arg, packet);
	else if (packet->type == MESSAGE_SIGN_CRL)
		mint_crl(arg, packet);
	else if (packet->type == MESSAGE_ROLL_OVER)
		rollover_answer(arg, packet);
}

/* Without a ledger the master ends the daemon; until then there are handshakes to sign. */
static void on_ledger_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	struct signer *signer = arg;
	if (error == -SIS_ERR_PROTOCOL)
		log_event(&LOG(ROLE_PROTOCOL, .role = "ledger", .detail = reason));
	channel_free(signer->ledger);
	signer->ledger = NULL;
}

static void connect_ledger(struct signer *signer)
{
	int r = channel_new(signer->setup.loop, fd_take(&signer->ledger_fd), ROLE_SIGNER, ROLE_LEDGER, on_ledger_packet, on_ledger_broken, signer,
	                    &signer->ledger);
	if (r < 0)
		give_up(-SIS_ERR_SYSTEM, "there is no channel to the ledger");
	rollover_tell_ledger(signer);
}

/* --- the master --- */

static void on_start(struct signer *signer, struct channel_packet *packet)
{
	struct message_start_signer message;
	if (message_start_signer_decode(&packet->payload, &message) < 0 || packet->n_fds != 2 || signer->is_ready || signer->keys_fd >= 0)
		give_up(-SIS_ERR_SYSTEM, "sisd started it in a wrong way");
	signer->keys_fd = fd_take(&packet->fds[0]);
	signer->ledger_fd = fd_take(&packet->fds[1]);
	signer->uid = message.uid;
	signer->gid = message.gid;
}

static void confine(struct signer *signer)
{
	struct sandbox_profile profile = { .role = ROLE_SIGNER, .uid = signer->uid, .gid = signer->gid, .open_files = false };
	char words[256];
	bool weak = false;
	int r = sandbox_enter(&profile, words, sizeof(words), &weak);
	if (r < 0)
		give_up(r, "it cannot become the user that it must run as");
	if (weak)
		log_event(&LOG(SANDBOX_WEAK, .role = "signer", .detail = words));
	else
		log_event(&LOG(SANDBOX, .role = "signer", .detail = words));
	signer->is_ready = true;
	role_ready(&signer->setup, words);
}

/* As the signer's own user already, whose keys they are: so nobody needs the right to read everybody's files. */
static void load_keys(struct signer *signer)
{
	const char *reason = "sisd started it in a wrong way";
	if (signer->keys_fd < 0)
		give_up(-SIS_ERR_SYSTEM, reason);
	int r = sandbox_become(signer->uid, signer->gid);
	if (r < 0)
		give_up(r, "it cannot become the user that it must run as");
	r = generations_load(signer, &reason);
	if (r < 0)
		give_up(r, reason);
	signer->keys_fd = fd_close(signer->keys_fd);
	if (random_bytes(signer->ticket_key, sizeof(signer->ticket_key)) < 0)
		give_up(-SIS_ERR_SYSTEM, "there are no random numbers");
}

static int renew_identities(struct signer *signer, struct channel_packet *packet, bool external, const char **ret_reason)
{
	int r = identity_make(signer, ret_reason);
	if (r < 0)
		return r;
	if (!external) {
		identity_drop_external(signer);
		return 0;
	}
	*ret_reason = "sisd passed no certificate and key";
	return packet->n_fds == 2 ? identity_take(signer, packet->fds[0], packet->fds[1], ret_reason) : -SIS_ERR_CONFIG;
}

static void on_config(struct signer *signer, struct channel_packet *packet)
{
	struct message_config_signer message;
	const char *reason = "";
	if (message_config_signer_decode(&packet->payload, &message) < 0)
		return;
	log_set_level((int)message.log_level);
	signer->ca_lifetime_s = message.ca_lifetime_s;
	if (signer->ca == NULL)
		load_keys(signer);
	free(signer->server_names);
	signer->server_names = xcalloc(1, message.server_names.size + 1);
	if (message.server_names.size > 0)
		memcpy(signer->server_names, message.server_names.data, message.server_names.size);
	signer->server_lifetime_s = message.server_certificate_lifetime_s;
	int r = renew_identities(signer, packet, message.external_tls, &reason);
	if (r < 0 && !signer->is_ready)
		give_up(r, reason);
	if (r < 0)
		log_event(&LOG(TLS_IDENTITY_KEPT, .reason = reason));
	if (!signer->is_ready) {
		confine(signer);
		connect_ledger(signer);
	}
	renewal_start(signer);
}

static void on_stop(struct signer *signer, struct channel_packet *packet)
{
	loop_stop(signer->setup.loop, EX_OK);
}

static void on_check(struct signer *signer, struct channel_packet *packet)
{
	external_check(signer, signer->setup.master, packet);
}

typedef void handler_fn(struct signer *signer, struct channel_packet *packet);

static void on_master_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	static handler_fn *const handlers[MESSAGE_END] = {
		[MESSAGE_START_SIGNER] = on_start,
		[MESSAGE_CONFIG_SIGNER] = on_config,
		[MESSAGE_CHECK_IDENTITY] = on_check,
		[MESSAGE_PEER] = on_peer,
		[MESSAGE_PEER_GONE] = on_peer_gone,
		[MESSAGE_STOP] = on_stop,
	};
	if (handlers[packet->type] != NULL)
		handlers[packet->type](arg, packet);
}

static void wipe(struct signer *signer)
{
	generations_wipe(signer);
	identity_wipe(&signer->identity);
	identity_wipe(&signer->previous);
	identity_wipe(&signer->external);
	identity_wipe(&signer->external_previous);
	secret_wipe(signer->ticket_key, sizeof(signer->ticket_key));
}

int main(void)
{
	struct signer *signer = &the_signer;
	sandbox_begin(ROLE_MASTER_FD + 1);
	role_start(ROLE_SIGNER, on_master_packet, signer, &signer->setup);
	if (loop_add_timer(signer->setup.loop, -1, renewal_tick, signer, &signer->renewal) < 0)
		give_up(-SIS_ERR_SYSTEM, "it has no memory for its timer");
	int status = loop_run(signer->setup.loop);
	wipe(signer);
	return status;
}
