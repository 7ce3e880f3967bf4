/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The real sisd-signer, with this test as its master, its ledger and a worker that has gone bad. */
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "pki/pki.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define DAY_S 86400

struct daemon {
	pid_t pid;
	int keys_fd;
	struct channel *master, *ledger, *worker;
	struct blob ca;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct public_key tls_key, external_key;
	uint32_t external_generation;
	uint32_t generation;
	uint8_t ticket_key[64];
};

static struct daemon daemon_;
static char keys_directory[] = "/tmp/sis-test-signer-XXXXXX";
static unsigned n_refused_events, n_protocol_events;

/* --- this side --- */

/* Log events come in between: counted, and out of the way. */
static struct channel_packet receive(struct channel *channel, enum message_type wanted)
{
	for (;;) {
		struct channel_packet packet;
		int r = channel_receive(channel, TIMEOUT_MS, &packet);
		assert_int_equal(r, 0);
		if (packet.type == wanted)
			return packet;
		assert_int_equal(packet.type, MESSAGE_LOG);
		struct message_log message;
		assert_int_equal(message_log_decode(&packet.payload, &message), 0);
		if (message.event == EVENT_SIGNER_FAILED)
			print_message("# signer: %.*s\n", (int)message.reason.size, (const char *)message.reason.data);
		n_refused_events += message.event == EVENT_SIGN_REFUSED;
		n_protocol_events += message.event == EVENT_ROLE_PROTOCOL;
	}
}

/* Everything that the signer has said to its master so far. */
static void drain_log(struct daemon *d)
{
	CHANNEL_SEND(d->master, 99, ping, PING, &(struct message_ping){ 0 });
	receive(d->master, MESSAGE_PONG);
}

static pid_t spawn(int fd)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (fd != ROLE_MASTER_FD)
			dup2(fd, ROLE_MASTER_FD);
		else
			fcntl(fd, F_SETFD, 0);
		execl(SIGNER_PROGRAM, "sisd-signer", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void configure(struct daemon *d, const char *names, const int *external)
{
	struct message_config_signer message = {
		.server_names = span_from_string(names), .server_certificate_lifetime_s = DAY_S, .ca_lifetime_s = 30 * DAY_S,
		.external_tls = external != NULL, .log_level = 7,
	};
	CHANNEL_SEND_FDS(d->master, 0, config_signer, CONFIG_SIGNER, &message, external, external != NULL ? 2 : 0);
}

static struct channel *add_worker(struct daemon *d, uint32_t number)
{
	int pair[2];
	struct channel *worker;
	struct message_peer peer = { .worker = number };
	assert_int_equal(channel_pair(pair), 0);
	CHANNEL_SEND_FDS(d->master, 0, peer, PEER, &peer, &pair[1], 1);
	close(pair[1]);
	assert_int_equal(channel_new(NULL, pair[0], ROLE_WORKER, ROLE_SIGNER, NULL, NULL, NULL, &worker), 0);
	return worker;
}

static void start(struct daemon *d)
{
	int master[2], ledger[2];
	*d = (struct daemon){ .keys_fd = open(keys_directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC) };
	assert_int_equal(channel_pair(master), 0);
	assert_int_equal(channel_pair(ledger), 0);
	d->pid = spawn(master[1]);
	close(master[1]);
	assert_int_equal(channel_new(NULL, master[0], ROLE_MASTER, ROLE_SIGNER, NULL, NULL, NULL, &d->master), 0);
	assert_int_equal(channel_new(NULL, ledger[0], ROLE_LEDGER, ROLE_SIGNER, NULL, NULL, NULL, &d->ledger), 0);
	struct message_start_signer message = { .uid = UINT32_MAX, .gid = UINT32_MAX };
	CHANNEL_SEND_FDS(d->master, 0, start_signer, START_SIGNER, &message, ((int[]){ d->keys_fd, ledger[1] }), 2);
	close(ledger[1]);
}

static void take_identity(struct daemon *d, struct channel *worker)
{
	struct message_tls_identity message;
	struct channel_packet packet = receive(worker, MESSAGE_TLS_IDENTITY);
	assert_int_equal(message_tls_identity_decode(&packet.payload, &message), 0);
	struct cursor chain = cursor_from(message.chain.data, message.chain.size), external = cursor_from(message.external_chain.data, message.external_chain.size);
	struct certificate leaf;
	d->external_generation = message.external_generation;
	assert_int_equal(message.external_chain.size > 0, message.external_generation > 0);
	if (message.external_chain.size > 0) {
		assert_int_equal(certificate_parse(cursor_get_sized(&external), &leaf), 0);
		d->external_key = leaf.public_key;
		assert_int_equal(d->external_key.algorithm, message.external_key_algorithm);
		assert_int_equal(message.external_not_after, leaf.not_after);
	} else {
		assert_int_equal(message.external_not_after, 0);
	}
	assert_int_equal(certificate_parse(cursor_get_sized(&chain), &leaf), 0);
	assert_int_equal(message.not_after, leaf.not_after);
	d->tls_key = leaf.public_key;
	d->generation = message.generation;
	memcpy(d->ticket_key, message.ticket_key, sizeof(d->ticket_key));
	struct span ca = cursor_get_sized(&chain);
	assert_int_equal(ca.size, d->ca.size);
	assert_memory_equal(ca.data, d->ca.data, ca.size);
	assert_true(cursor_done(&chain));
}

static void start_all(struct daemon *d)
{
	struct message_ca message;
	start(d);
	configure(d, "localhost\n127.0.0.1", NULL);
	receive(d->master, MESSAGE_READY);
	struct channel_packet packet = receive(d->ledger, MESSAGE_CA);
	assert_int_equal(message_ca_decode(&packet.payload, &message), 0);
	d->ca = (struct blob){ .data = malloc(message.certificate.size), .size = message.certificate.size };
	memcpy(d->ca.data, message.certificate.data, message.certificate.size);
	memcpy(d->fingerprint, message.fingerprint, sizeof(d->fingerprint));
	d->worker = add_worker(d, 1);
	take_identity(d, d->worker);
}

static int wait_for(struct daemon *d)
{
	int status;
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void release(struct daemon *d)
{
	channel_free(d->master);
	channel_free(d->ledger);
	channel_free(d->worker);
	blob_free(&d->ca);
	close(d->keys_fd);
}

static void stop(struct daemon *d)
{
	CHANNEL_SEND(d->master, 0, stop, STOP, &(struct message_stop){ .grace_ms = 1000 });
	assert_int_equal(wait_for(d), 0);
	release(d);
}

/* --- what a worker may --- */

struct input { uint8_t bytes[256]; size_t size; };

static struct input handshake_input(const char *context, size_t hash_size)
{
	struct input input = { .size = 64 + strlen(context) + 1 + hash_size };
	memset(input.bytes, 0x20, 64);
	memcpy(input.bytes + 64, context, strlen(context) + 1);
	memset(input.bytes + 64 + strlen(context) + 1, 0xa5, hash_size);
	return input;
}

static int ask(struct channel *worker, uint32_t generation, uint8_t algorithm, struct span data, uint8_t ret_signature[SIGNATURE_BYTES])
{
	struct message_sign request = { .generation = generation, .key_algorithm = algorithm, .data = data };
	struct message_signed reply;
	struct channel_packet packet;
	struct builder builder = channel_builder();
	message_sign_encode(&request, &builder);
	assert_int_equal(channel_call(worker, MESSAGE_SIGN, &builder, MESSAGE_SIGNED, TIMEOUT_MS, &packet), 0);
	assert_int_equal(message_signed_decode(&packet.payload, &reply), 0);
	assert_int_equal(reply.signature.size, reply.status == 0 ? SIGNATURE_BYTES : 0);
	if (reply.status == 0)
		memcpy(ret_signature, reply.signature.data, SIGNATURE_BYTES);
	return -(int)reply.status;
}

static void test_handshake_is_signed(void **state)
{
	static const size_t sizes[] = { 32, 48 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t signature[SIGNATURE_BYTES];
		struct input input = handshake_input("TLS 1.3, server CertificateVerify", sizes[i]);
		struct span data = { input.bytes, input.size };
		assert_int_equal(ask(daemon_.worker, daemon_.generation, KEY_ED25519, data, signature), 0);
		assert_int_equal(signature_verify(&daemon_.tls_key, data, signature), 0);
	}
}

static void refuses(struct span data, uint32_t generation, uint8_t algorithm)
{
	uint8_t signature[SIGNATURE_BYTES];
	assert_int_equal(ask(daemon_.worker, generation, algorithm, data, signature), -SIS_ERR_NOT_ALLOWED);
}

static void test_anything_else_is_not(void **state)
{
	struct daemon *d = &daemon_;
	struct input good = handshake_input("TLS 1.3, server CertificateVerify", 32), input = good;
	struct input client = handshake_input("TLS 1.3, client CertificateVerify", 32);
	struct span whole = { good.bytes, good.size };
	n_refused_events = 0;
	refuses((struct span){ client.bytes, client.size }, d->generation, KEY_ED25519);
	refuses((struct span){ good.bytes, 0 }, d->generation, KEY_ED25519);
	refuses((struct span){ good.bytes, good.size - 1 }, d->generation, KEY_ED25519);
	refuses((struct span){ good.bytes, good.size + 1 }, d->generation, KEY_ED25519);
	refuses((struct span){ good.bytes + 64, good.size - 64 }, d->generation, KEY_ED25519);
	refuses((struct span){ good.bytes + 66, 32 }, d->generation, KEY_ED25519);
	for (size_t i = 0; i < 64 + sizeof("TLS 1.3, server CertificateVerify"); i++) {
		input = good;
		input.bytes[i] ^= 1;
		refuses((struct span){ input.bytes, input.size }, d->generation, KEY_ED25519);
	}
	refuses(whole, d->generation, KEY_ECDSA_P256);
	refuses((struct span){ good.bytes, 32 }, d->generation, KEY_ECDSA_P256);
	refuses(whole, d->generation, 0);
	refuses(whole, d->generation, 255);
	refuses(whole, d->generation + 1, KEY_ED25519);
	refuses(whole, 0, KEY_ED25519);
	drain_log(d);
	/* Told, but not a line for each of hundreds. */
	assert_in_range(n_refused_events, 1, 10);
}

/* What is not in the table for a worker ends that worker's channel, and nobody else's. */
static void worker_breaks(const void *packet, size_t size)
{
	int pair[2], reply;
	char byte;
	struct message_peer peer = { .worker = 66 };
	assert_int_equal(channel_pair(pair), 0);
	CHANNEL_SEND_FDS(daemon_.master, 0, peer, PEER, &peer, &pair[1], 1);
	close(pair[1]);
	fd_set_nonblocking(pair[0], false);
	static uint8_t identity[MESSAGE_MAX_BYTES];
	assert_true(recv(pair[0], identity, sizeof(identity), 0) > 0);
	assert_int_equal(send(pair[0], packet, size, MSG_NOSIGNAL), size);
	do                              /* it may have sent something before it saw this */
		reply = (int)recv(pair[0], &byte, 1, 0);
	while (reply > 0);
	close(pair[0]);
}

static size_t packet_make(uint8_t *bytes, size_t capacity, uint16_t type, const void *payload, size_t size)
{
	struct builder builder = builder_from(bytes, capacity);
	builder_put_u16(&builder, type);
	builder_put_u16(&builder, 1);
	builder_put_u32(&builder, (uint32_t)size);
	builder_put_u64(&builder, 5);
	builder_put_bytes(&builder, payload, size);
	return builder.size;
}

static size_t mint_payload(uint8_t *bytes, size_t capacity)
{
	static const uint8_t key[32] = { 1 };
	struct message_mint request = {
		.user = span_from_string("mallory"), .device = span_from_string("d"), .key_algorithm = KEY_ED25519, .public_key = { key, 32 }, .lifetime_s = 60,
	};
	struct builder builder = builder_from(bytes, capacity);
	message_mint_encode(&request, &builder);
	return builder.size;
}

static void test_worker_that_breaks_the_table(void **state)
{
	uint8_t packet[1024], payload[512];
	n_protocol_events = 0;
	size_t size = mint_payload(payload, sizeof(payload));
	worker_breaks(packet, packet_make(packet, sizeof(packet), MESSAGE_MINT, payload, size));
	worker_breaks(packet, packet_make(packet, sizeof(packet), MESSAGE_CONFIG_SIGNER, payload, 0));
	worker_breaks(packet, packet_make(packet, sizeof(packet), MESSAGE_STOP, "\0\0\0\1", 4));
	worker_breaks(packet, packet_make(packet, sizeof(packet), MESSAGE_SIGN, "\0\0\0\1\1\xff\xff\xff\xff", 9));
	worker_breaks(packet, packet_make(packet, sizeof(packet), 60000, "", 0));
	worker_breaks("garbage", 7);
	drain_log(&daemon_);
	assert_int_equal(n_protocol_events, 6);
	test_handshake_is_signed(state);
}

static void test_worker_takes_the_ticket_key_with_it(void **state)
{
	struct daemon *d = &daemon_;
	uint8_t ticket_key[64];
	uint32_t generation = d->generation;
	memcpy(ticket_key, d->ticket_key, sizeof(ticket_key));
	CHANNEL_SEND(d->master, 0, peer_gone, PEER_GONE, &(struct message_peer_gone){ .worker = 4711 });
	take_identity(d, d->worker);
	assert_int_equal(d->generation, generation);
	assert_memory_not_equal(ticket_key, d->ticket_key, sizeof(ticket_key));
}

/* --- what the ledger may --- */

static int mint(struct channel *ledger, const struct message_mint *request, struct message_minted *ret_reply)
{
	struct channel_packet packet;
	struct builder builder = channel_builder();
	message_mint_encode(request, &builder);
	assert_int_equal(channel_call(ledger, MESSAGE_MINT, &builder, MESSAGE_MINTED, TIMEOUT_MS, &packet), 0);
	assert_int_equal(message_minted_decode(&packet.payload, ret_reply), 0);
	return -(int)ret_reply->status;
}

static void test_mint(void **state)
{
	static const enum key_algorithm algorithms[] = { KEY_ED25519, KEY_ECDSA_P256 };
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		struct signing_key key;
		struct message_minted reply;
		assert_int_equal(signing_key_generate(algorithms[i], &key), 0);
		struct message_mint request = {
			.user = span_from_string("alice"), .device = span_from_string("laptop"), .key_algorithm = algorithms[i],
			.public_key = { key.public_key.bytes, public_key_size(algorithms[i]) }, .lifetime_s = 3600,
		};
		assert_int_equal(mint(daemon_.ledger, &request, &reply), 0);
		struct certificate certificate;
		assert_int_equal(certificate_parse(reply.certificate, &certificate), 0);
		assert_int_equal(certificate_verify(reply.certificate, (struct span){ daemon_.ca.data, daemon_.ca.size }, time_now()), 0);
		assert_string_equal(certificate.user, "alice");
		assert_string_equal(certificate.device, "laptop");
		assert_memory_equal(certificate.fingerprint, reply.fingerprint, FINGERPRINT_BYTES);
		assert_memory_equal(certificate.public_key.bytes, key.public_key.bytes, public_key_size(algorithms[i]));
		assert_int_equal(certificate.not_after, reply.not_after);
		assert_in_range(reply.not_after, time_now() + 3590, time_now() + 3600);
	}
}

static void test_mint_refuses(void **state)
{
	static const uint8_t bytes[64] = { 1, 2, 3 };
	const struct message_mint good = {
		.user = span_from_string("alice"), .device = span_from_string("laptop"), .key_algorithm = KEY_ED25519, .public_key = { bytes, 32 },
		.lifetime_s = 60,
	};
	struct { struct message_mint request; int wanted; } cases[9];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cases[i].request = good;
		cases[i].wanted = -SIS_ERR_BAD_NAME;
	}
	cases[0].request.user = span_from_string("");
	cases[1].request.user = span_from_string("Alice,O=root");
	cases[2].request.device = span_from_string("a name of very much more than thirty-two characters");
	cases[3].request.device = span_from_string("..");
	cases[4].request.key_algorithm = 3, cases[4].wanted = -SIS_ERR_NOT_ALLOWED;
	cases[5].request.public_key.size = 64, cases[5].wanted = -SIS_ERR_BAD_FORMAT;
	cases[6].request.key_algorithm = KEY_ECDSA_P256, cases[6].request.public_key.size = 64, cases[6].wanted = -SIS_ERR_BAD_FORMAT;
	cases[7].request.lifetime_s = 0, cases[7].wanted = -SIS_ERR_NOT_ALLOWED;
	cases[8].request.lifetime_s = UINT64_MAX, cases[8].wanted = -SIS_ERR_NOT_ALLOWED;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message_minted reply;
		assert_int_equal(mint(daemon_.ledger, &cases[i].request, &reply), cases[i].wanted);
		assert_int_equal(reply.certificate.size, 0);
	}
}

static int sign_crl_by(const uint8_t *authority, const void *entries, size_t size, struct message_crl_signed *ret_reply)
{
	struct message_sign_crl request = {
		.number = 3, .this_update = time_now(), .next_update = time_now() + DAY_S, .entries = { entries, size },
	};
	memcpy(request.authority, authority, sizeof(request.authority));
	struct channel_packet packet;
	struct builder builder = channel_builder();
	message_sign_crl_encode(&request, &builder);
	assert_int_equal(channel_call(daemon_.ledger, MESSAGE_SIGN_CRL, &builder, MESSAGE_CRL_SIGNED, TIMEOUT_MS, &packet), 0);
	assert_int_equal(message_crl_signed_decode(&packet.payload, ret_reply), 0);
	return -(int)ret_reply->status;
}

static int sign_crl(const void *entries, size_t size, struct message_crl_signed *ret_reply)
{
	return sign_crl_by(daemon_.fingerprint, entries, size, ret_reply);
}

static void test_crl_by_nobody(void **state)
{
	struct message_crl_signed reply;
	uint8_t other[FINGERPRINT_BYTES] = { 1 };
	assert_int_equal(sign_crl_by(other, "", 0, &reply), -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(reply.crl.size, 0);
}

/* A ledger gone bad cannot have keys made as often as it likes. */
static void test_no_successor_on_the_first_day(void **state)
{
	struct channel_packet packet;
	struct message_rolled_over reply;
	struct builder builder = channel_builder();
	message_roll_over_encode(&(struct message_roll_over){ 0 }, &builder);
	assert_int_equal(channel_call(daemon_.ledger, MESSAGE_ROLL_OVER, &builder, MESSAGE_ROLLED_OVER, TIMEOUT_MS, &packet), 0);
	assert_int_equal(message_rolled_over_decode(&packet.payload, &reply), 0);
	assert_int_equal(reply.status, SIS_ERR_NOT_ALLOWED);
	assert_true(span_equals(reply.detail, "the authority in force is younger than a day: try again tomorrow"));
}

static void test_crl(void **state)
{
	static const uint8_t entry[] = { 3, 0x41, 2, 3, 0, 0, 0, 0, 0x65, 0, 0, 0, 1 };
	static const uint8_t too_long[] = { 21, 0x41 };
	struct message_crl_signed reply;
	int64_t time;
	uint8_t reason;
	struct span ca = { daemon_.ca.data, daemon_.ca.size };
	assert_int_equal(sign_crl(entry, sizeof(entry), &reply), 0);
	assert_int_equal(crl_lookup(reply.crl, ca, (struct span){ entry + 1, 3 }, time_now(), &time, &reason), 1);
	assert_int_equal(time, 0x65000000);
	assert_int_equal(reason, 1);
	assert_int_equal(crl_lookup(reply.crl, ca, (struct span){ entry + 1, 2 }, time_now(), &time, &reason), 0);
	assert_int_equal(sign_crl(entry, 0, &reply), 0);
	assert_int_equal(crl_lookup(reply.crl, ca, (struct span){ entry + 1, 3 }, time_now(), &time, &reason), 0);
	for (size_t size = 1; size < sizeof(entry); size++)
		assert_int_equal(sign_crl(entry, size, &reply), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(sign_crl(too_long, sizeof(too_long), &reply), -SIS_ERR_BAD_FORMAT);
}

/* --- reload, restart, what is on the disk --- */

static void test_reload_keeps_one_generation(void **state)
{
	struct daemon *d = &daemon_;
	struct input input = handshake_input("TLS 1.3, server CertificateVerify", 32);
	struct span data = { input.bytes, input.size };
	uint8_t signature[SIGNATURE_BYTES], ticket_key[64];
	uint32_t first = d->generation;
	struct public_key first_key = d->tls_key;
	memcpy(ticket_key, d->ticket_key, sizeof(ticket_key));
	configure(d, "localhost\nexample.org", NULL);
	take_identity(d, d->worker);
	assert_int_equal(d->generation, first + 1);
	assert_memory_equal(ticket_key, d->ticket_key, sizeof(ticket_key));
	assert_int_equal(ask(d->worker, first, KEY_ED25519, data, signature), 0);
	assert_int_equal(signature_verify(&first_key, data, signature), 0);
	assert_int_equal(ask(d->worker, first + 1, KEY_ED25519, data, signature), 0);
	assert_int_equal(signature_verify(&d->tls_key, data, signature), 0);
	configure(d, "localhost", NULL);
	take_identity(d, d->worker);
	assert_int_equal(ask(d->worker, first, KEY_ED25519, data, signature), -SIS_ERR_NOT_ALLOWED);
	/* A wrong one is told, and the one in force stays. */
	configure(d, "", NULL);
	assert_int_equal(ask(d->worker, first + 2, KEY_ED25519, data, signature), 0);
}

static int file_of(const void *data, size_t size)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fflush(file);
	int fd = dup(fileno(file));
	fclose(file);
	return fd;
}

static void test_external_key(void **state)
{
	struct daemon *d = &daemon_;
	struct pki_ca *other;
	struct signing_key key;
	CLEANUP_BLOB struct blob leaf = { NULL, 0 }, pem = { NULL, 0 };
	SECRET_HEAP struct secret *key_pem = NULL;
	assert_int_equal(pki_ca_create(DAY_S, &other), 0);
	assert_int_equal(signing_key_generate(KEY_ECDSA_P256, &key), 0);
	assert_int_equal(pki_ca_issue_server(other, &key.public_key, span_from_string("localhost"), 3600, &leaf), 0);
	assert_int_equal(certificate_to_pem((struct span){ leaf.data, leaf.size }, &pem), 0);
	assert_int_equal(signing_key_to_pem(&key, NULL, &key_pem), 0);
	int fds[2] = { file_of(pem.data, pem.size), file_of(secret_peek(key_pem), secret_size(key_pem)) }, swapped[2] = { fds[1], fds[0] };
	uint32_t before = d->generation;
	configure(d, "localhost", swapped);
	take_identity(d, d->worker);            /* the own one; of the other there is none */
	assert_int_equal(d->generation, before + 1);
	assert_int_equal(d->external_generation, 0);
	configure(d, "localhost", fds);
	take_identity(d, d->worker);
	take_identity(d, d->worker);
	assert_int_equal(d->generation, before + 2);
	assert_int_equal(d->tls_key.algorithm, KEY_ED25519);
	assert_int_equal(d->external_generation, before + 3);
	assert_memory_equal(&d->external_key, &key.public_key, sizeof(key.public_key));
	uint8_t digest[49] = { 7 }, signature[SIGNATURE_BYTES];
	uint32_t external = d->external_generation;
	assert_int_equal(ask(d->worker, external, KEY_ECDSA_P256, (struct span){ digest, 32 }, signature), 0);
	refuses((struct span){ digest, 31 }, external, KEY_ECDSA_P256);
	refuses((struct span){ digest, 33 }, external, KEY_ECDSA_P256);
	refuses((struct span){ digest, 48 }, external, KEY_ECDSA_P256);
	struct input input = handshake_input("TLS 1.3, server CertificateVerify", 32);
	struct span data = { input.bytes, input.size };
	refuses(data, external, KEY_ED25519);
	refuses((struct span){ digest, 32 }, d->generation, KEY_ECDSA_P256);
	assert_int_equal(ask(d->worker, d->generation, KEY_ED25519, data, signature), 0);
	assert_int_equal(signature_verify(&d->tls_key, data, signature), 0);
	/* A wrong pair leaves the right one in force. */
	configure(d, "localhost", swapped);
	take_identity(d, d->worker);
	assert_int_equal(d->external_generation, external);
	/* A newer one: connections that began with the one before are still signed for. */
	configure(d, "localhost", fds);
	take_identity(d, d->worker);
	take_identity(d, d->worker);
	assert_true(d->external_generation > external);
	assert_int_equal(ask(d->worker, external, KEY_ECDSA_P256, (struct span){ digest, 32 }, signature), 0);
	assert_int_equal(ask(d->worker, d->external_generation, KEY_ECDSA_P256, (struct span){ digest, 32 }, signature), 0);
	close(fds[0]);
	close(fds[1]);
	pki_ca_free(other);
	external = d->external_generation;
	configure(d, "localhost", NULL);
	take_identity(d, d->worker);
	take_identity(d, d->worker);
	assert_int_equal(d->external_generation, 0);
	assert_int_equal(ask(d->worker, external, KEY_ECDSA_P256, (struct span){ digest, 32 }, signature), 0);
}

static void test_files(void **state)
{
	struct stat st;
	assert_int_equal(fstatat(daemon_.keys_fd, "ca.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(daemon_.keys_fd, "ca.pem", &st, 0), 0);
	assert_int_equal(fstatat(daemon_.keys_fd, "ca.key.new", &st, 0), -1);
	/* Nothing of the directory is open in the confined process any more, but what a successor's key will be written into. The kernel shows that to
	 * who may trace it, which is not its own user: it is not dumpable. */
	char path[64], target[256];
	unsigned n_open = 0, n_hidden = 0;
	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)daemon_.pid, fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		n_hidden += n < 0 && errno == EACCES;
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, keys_directory) == NULL)
			continue;
		n_open++;
		assert_string_equal(strrchr(target, '/'), "/next");
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0300);              /* only to be written: proc(5) */
	}
	assert_int_equal(n_open, n_hidden > 0 ? 0 : 1);
	assert_int_equal(fstatat(daemon_.keys_fd, "next", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
}

static void test_restart_loads_the_same_authority(void **state)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	memcpy(fingerprint, daemon_.fingerprint, sizeof(fingerprint));
	stop(&daemon_);
	start_all(&daemon_);
	assert_memory_equal(fingerprint, daemon_.fingerprint, sizeof(fingerprint));
}

static int status_of_start(void)
{
	struct daemon d;
	start(&d);
	configure(&d, "localhost", NULL);
	int status = wait_for(&d);
	release(&d);
	return status;
}

static void test_damaged_keys(void **state)
{
	int fd = daemon_.keys_fd;
	assert_int_equal(fchmodat(fd, "ca.key", 0640, 0), 0);
	assert_int_equal(status_of_start(), EX_CONFIG);
	assert_int_equal(fchmodat(fd, "ca.key", 0600, 0), 0);
	assert_int_equal(renameat(fd, "ca.pem", fd, "kept"), 0);
	assert_int_equal(status_of_start(), EX_CONFIG);
	assert_int_equal(file_write_atomic(fd, "ca.pem", "x", 1, 0600), 0);
	assert_int_equal(status_of_start(), EX_CONFIG);
	assert_int_equal(renameat(fd, "kept", fd, "ca.pem"), 0);
}

/* A crash between the two files: nobody has been certified yet, so it begins anew. */
static void test_certificate_without_key(void **state)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	memcpy(fingerprint, daemon_.fingerprint, sizeof(fingerprint));
	int fd = dup(daemon_.keys_fd);
	stop(&daemon_);
	assert_int_equal(unlinkat(fd, "ca.key", 0), 0);
	assert_int_equal(file_write_atomic(fd, "ca.key.new", "half", 4, 0600), 0);
	close(fd);
	start_all(&daemon_);
	assert_memory_not_equal(fingerprint, daemon_.fingerprint, sizeof(fingerprint));
	test_mint(state);
	test_files(state);
}

static int set_up(void **state)
{
	assert_non_null(mkdtemp(keys_directory));
	start_all(&daemon_);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ca.key", "ca.pem", "ca.key.new", "kept", "next" };
	stop(&daemon_);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", keys_directory, names[i]);
		(void)unlink(path);
	}
	return rmdir(keys_directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_handshake_is_signed),
		cmocka_unit_test(test_anything_else_is_not),
		cmocka_unit_test(test_worker_that_breaks_the_table),
		cmocka_unit_test(test_worker_takes_the_ticket_key_with_it),
		cmocka_unit_test(test_mint),
		cmocka_unit_test(test_mint_refuses),
		cmocka_unit_test(test_crl),
		cmocka_unit_test(test_crl_by_nobody),
		cmocka_unit_test(test_no_successor_on_the_first_day),
		cmocka_unit_test(test_reload_keeps_one_generation),
		cmocka_unit_test(test_external_key),
		cmocka_unit_test(test_restart_loads_the_same_authority),
		cmocka_unit_test(test_damaged_keys),
		cmocka_unit_test(test_certificate_without_key),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
