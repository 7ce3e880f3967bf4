/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The channel to the signer: TLS identities come from it, and every handshake's signature. Signing takes some 40 microseconds there and back, so
 * the worker waits for it; only a signer in trouble would be felt. */
#include "worker/worker.h"

#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SIGN_TIMEOUT_MS 2000

static int add_external(struct worker *worker, const struct message_tls_identity *message, struct tls_identity *identity)
{
	struct tls_identity *external;
	if (message->external_chain.size == 0)
		return 0;
	int error = tls_identity_new(message->external_generation, (enum key_algorithm)message->external_key_algorithm, message->external_chain, message->ca,
		message->ticket_key, sign_handshake, worker, &external);
	if (error < 0)
		return error;
	tls_identity_set_external(identity, external);
	tls_identity_unref(external);
	return 0;
}

static int make_identity(struct worker *worker, const struct message_tls_identity *message, struct tls_identity **ret_identity)
{
	struct tls_identity *identity;
	int error = tls_identity_new(message->generation, (enum key_algorithm)message->key_algorithm, message->chain, message->ca, message->ticket_key,
		sign_handshake, worker, &identity);
	if (error < 0)
		return error;
	error = add_external(worker, message, identity);
	if (error < 0)
		tls_identity_unref(identity);
	else
		*ret_identity = identity;
	return error;
}

static void take_identity(struct worker *worker, struct channel_packet *packet)
{
	struct message_tls_identity message;
	struct tls_identity *identity;
	if (message_tls_identity_decode(&packet->payload, &message) != 0)
		return;
	int error = make_identity(worker, &message, &identity);
	secret_wipe(message.ticket_key, sizeof(message.ticket_key));
	if (error != 0) {
		log_event(&LOG(DIAGNOSTIC, .detail = "the TLS identity that the signer sent cannot be used"));
		return;
	}
	worker->server_not_after = message.not_after;
	worker->external_not_after = message.external_not_after;
	worker->has_figures = true;
	http_server_set_identity(worker->server, identity);
	tls_identity_unref(identity);
	worker_become_ready(worker);
}

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_TLS_IDENTITY)
		take_identity(arg, packet);
}

static void on_readable(uint32_t events, void *arg)
{
	struct worker *worker = arg;
	struct channel_packet packet;
	int error;
	while ((error = channel_receive(worker->signer, 0, &packet)) == 0) {
		on_packet(worker->signer, &packet, worker);
		channel_packet_close_fds(&packet);
	}
}

static void stop_listening(void *arg)
{
	struct worker *worker = arg;
	http_server_stop_listening(worker->server);
}

/* No handshake can be made any more; the master sees the signer's end and stops the daemon. Perhaps it was found out by the handshake of a connection
 * that is just being accepted: the listeners must live until the loop is back. */
static void on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	struct worker *worker = arg;
	loop_remove(worker->signer_source);
	worker->signer_source = NULL;
	(void)loop_add_after(worker->loop, stop_listening, worker);
}

int sign_start(struct worker *worker, int fd)
{
	worker->signer_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int error = worker->signer_fd < 0 ? error_from_errno(errno) : channel_new(NULL, fd, ROLE_WORKER, ROLE_SIGNER, on_packet, on_broken, worker, &worker->signer);
	return error < 0 ? error : loop_add_io(worker->loop, worker->signer_fd, EPOLLIN, on_readable, worker, &worker->signer_source);
}

int sign_handshake(uint32_t generation, enum key_algorithm algorithm, struct span data, uint8_t *ret_signature, size_t capacity, size_t *ret_size,
                   void *arg)
{
	struct worker *worker = arg;
	struct builder builder = channel_builder();
	struct message_sign question = { .generation = generation, .key_algorithm = (uint8_t)algorithm, .data = data };
	struct channel_packet packet;
	struct message_signed answer;
	message_sign_encode(&question, &builder);
	int error = channel_call(worker->signer, MESSAGE_SIGN, &builder, MESSAGE_SIGNED, SIGN_TIMEOUT_MS, &packet);
	if (error < 0)
		return error;
	error = message_signed_decode(&packet.payload, &answer);
	if (error == 0 && answer.status != 0)
		error = -(int)answer.status;
	if (error == 0 && answer.signature.size > capacity)
		error = -SIS_ERR_PROTOCOL;
	if (error == 0) {
		memcpy(ret_signature, answer.signature.data, answer.signature.size);
		*ret_size = answer.signature.size;
	}
	return error;
}
