/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * TLS server and client against each other over a socket pair: who is believed, what is reported, and how sessions resume. */
#include "base/error.h"
#include "base/util.h"
#include "tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#define STEPS_MAX 200
#define DAY_S 86400

struct world {
	struct pki_ca *ca;
	struct blob ca_der;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct signing_key server_key;
	struct tls_identity *identity;
	uint8_t ticket_key[64];
	unsigned n_signed;
};

struct pair {
	int fds[2];
	struct tls_session *server, *client;
};

static struct world ours;

static struct span span_of(const struct blob *blob)
{
	return (struct span){ blob->data, blob->size };
}

static int sign(uint32_t generation, enum key_algorithm algorithm, struct span data, uint8_t *ret_signature, size_t capacity, size_t *ret_size,
                void *arg)
{
	struct world *world = arg;
	static const char context[] = "TLS 1.3, server CertificateVerify";
	assert_int_equal(generation, 7);
	assert_true(capacity >= SIGNATURE_BYTES);
	world->n_signed++;
	*ret_size = SIGNATURE_BYTES;
	if (algorithm == KEY_ECDSA_P256) {
		assert_int_equal(data.size, 32);
		return pki_sign_digest(&world->server_key, data.data, ret_signature);
	}
	assert_true(data.size == 64 + sizeof(context) + 32 || data.size == 64 + sizeof(context) + 48);
	assert_memory_equal(data.data + 64, context, sizeof(context));
	return signature_make(&world->server_key, data, ret_signature);
}

static struct tls_identity *identity_new(struct world *world, const char *names, uint64_t lifetime_s)
{
	CLEANUP_BLOB struct blob leaf = { NULL, 0 };
	static uint8_t bytes[2 * CERTIFICATE_MAX_BYTES + 8];
	struct builder chain = builder_from(bytes, sizeof(bytes));
	struct tls_identity *identity;
	assert_int_equal(pki_ca_issue_server(world->ca, &world->server_key.public_key, span_from_string(names), lifetime_s, &leaf), 0);
	builder_put_sized(&chain, leaf.data, leaf.size);
	builder_put_sized(&chain, world->ca_der.data, world->ca_der.size);
	assert_int_equal(tls_identity_new(7, world->server_key.public_key.algorithm, (struct span){ chain.data, chain.size }, span_of(&world->ca_der),
	                                  world->ticket_key, sign, world, &identity), 0);
	return identity;
}

static void world_make(struct world *world, enum key_algorithm algorithm)
{
	assert_int_equal(pki_ca_create(10 * DAY_S, &world->ca), 0);
	assert_int_equal(pki_ca_certificate(world->ca, &world->ca_der, world->fingerprint), 0);
	assert_int_equal(signing_key_generate(algorithm, &world->server_key), 0);
	assert_int_equal(random_bytes(world->ticket_key, sizeof(world->ticket_key)), 0);
	world->identity = identity_new(world, "localhost\n127.0.0.1", DAY_S);
}

static void world_free(struct world *world)
{
	tls_identity_unref(world->identity);
	blob_free(&world->ca_der);
	pki_ca_free(world->ca);
}

static void pair_open(struct pair *pair, struct tls_identity *identity, const struct tls_client_config *config)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fds), 0);
	assert_int_equal(tls_server_new(identity, pair->fds[0], &pair->server), 0);
	assert_int_equal(tls_client_new(config, pair->fds[1], &pair->client), 0);
}

static void pair_close(struct pair *pair)
{
	tls_session_free(pair->server);
	tls_session_free(pair->client);
	close(pair->fds[0]);
	close(pair->fds[1]);
}

/* Both sides until neither has anything left to do; what each came to. */
static void shake(struct pair *pair, int *ret_server, int *ret_client)
{
	int server = -SIS_ERR_AGAIN, client = -SIS_ERR_AGAIN;
	for (unsigned i = 0; i < STEPS_MAX && (server == -SIS_ERR_AGAIN || client == -SIS_ERR_AGAIN); i++) {
		if (client == -SIS_ERR_AGAIN)
			client = tls_handshake(pair->client);
		if (server == -SIS_ERR_AGAIN)
			server = tls_handshake(pair->server);
	}
	*ret_server = server;
	*ret_client = client;
}

static void shake_well(struct pair *pair)
{
	int server, client;
	shake(pair, &server, &client);
	if (server != 0 || client != 0)
		print_message("# server %d %s, client %d %s\n", server, tls_error_words(pair->server), client, tls_error_words(pair->client));
	assert_int_equal(server, 0);
	assert_int_equal(client, 0);
}

static void talk(struct pair *pair)
{
	char text[16];
	assert_int_equal(tls_write(pair->client, "question", 8), 8);
	assert_int_equal(tls_read(pair->server, text, sizeof(text)), 8);
	assert_memory_equal(text, "question", 8);
	assert_int_equal(tls_write(pair->server, "answer", 6), 6);
	assert_int_equal(tls_read(pair->client, text, sizeof(text)), 6);
	assert_int_equal(tls_read(pair->client, text, sizeof(text)), -SIS_ERR_AGAIN);
	assert_false(tls_wants_write(pair->client));
}

struct device {
	struct signing_key key;
	struct blob certificate;
};

static void device_make(struct device *device, const struct pki_ca *ca, enum key_algorithm algorithm, uint64_t lifetime_s)
{
	assert_int_equal(signing_key_generate(algorithm, &device->key), 0);
	assert_int_equal(pki_ca_issue_device(ca, &device->key.public_key, "alice", "laptop", lifetime_s, &device->certificate), 0);
}

static struct tls_client_config config_for(const struct world *world, const struct device *device)
{
	struct tls_client_config config = { .ca = span_of(&world->ca_der), .server_name = "localhost" };
	if (device != NULL) {
		config.certificate = span_of(&device->certificate);
		config.key = &device->key;
	}
	return config;
}

static void test_without_client_certificate(void **state)
{
	struct pair pair;
	struct tls_client_config config = config_for(&ours, NULL);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	assert_int_equal(tls_peer_certificate(pair.server).size, 0);
	assert_int_equal(tls_peer_error(pair.server), 0);
	assert_false(tls_is_resumed(pair.server));
	talk(&pair);
	struct secret *ticket = NULL;
	assert_int_equal(tls_session_save(pair.client, &ticket), -SIS_ERR_AGAIN);
	assert_null(ticket);
	pair_close(&pair);
}

static void test_with_client_certificate(void **state)
{
	enum key_algorithm algorithms[] = { KEY_ED25519, KEY_ECDSA_P256 };
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		struct pair pair;
		struct device device = { 0 };
		device_make(&device, ours.ca, algorithms[i], DAY_S);
		struct tls_client_config config = config_for(&ours, &device);
		pair_open(&pair, ours.identity, &config);
		shake_well(&pair);
		struct span peer = tls_peer_certificate(pair.server);
		assert_int_equal(peer.size, device.certificate.size);
		assert_memory_equal(peer.data, device.certificate.data, peer.size);
		assert_int_equal(tls_peer_error(pair.server), 0);
		talk(&pair);
		pair_close(&pair);
		blob_free(&device.certificate);
	}
}

static void test_ecdsa_server_key(void **state)
{
	struct world other = { 0 };
	struct pair pair;
	world_make(&other, KEY_ECDSA_P256);
	struct tls_client_config config = config_for(&other, NULL);
	pair_open(&pair, other.identity, &config);
	shake_well(&pair);
	talk(&pair);
	assert_int_equal(other.n_signed, 1);
	pair_close(&pair);
	world_free(&other);
}

static int peer_error_of(const struct device *device)
{
	struct pair pair;
	struct tls_client_config config = config_for(&ours, device);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	assert_int_equal(tls_peer_certificate(pair.server).size, device->certificate.size);
	int error = tls_peer_error(pair.server);
	talk(&pair);
	struct secret *ticket = NULL;
	assert_int_equal(tls_session_save(pair.client, &ticket), error == 0 ? 0 : -SIS_ERR_AGAIN);
	secret_free(ticket);
	pair_close(&pair);
	return error;
}

static void test_foreign_certificate_is_reported(void **state)
{
	struct world other = { 0 };
	struct device device = { 0 };
	world_make(&other, KEY_ED25519);
	device_make(&device, other.ca, KEY_ED25519, DAY_S);
	assert_int_equal(peer_error_of(&device), -SIS_ERR_UNTRUSTED);
	assert_int_equal(peer_error_of(&device), -SIS_ERR_UNTRUSTED);
	blob_free(&device.certificate);
	world_free(&other);
}

static void test_server_certificate_is_no_device(void **state)
{
	struct device device = { 0 };
	assert_int_equal(signing_key_generate(KEY_ED25519, &device.key), 0);
	assert_int_equal(pki_ca_issue_server(ours.ca, &device.key.public_key, span_from_string("alice"), DAY_S, &device.certificate), 0);
	assert_int_equal(peer_error_of(&device), -SIS_ERR_UNTRUSTED);
	blob_free(&device.certificate);
}

static struct secret *ticket_of(const struct device *device)
{
	struct pair pair;
	struct tls_client_config config = config_for(&ours, device);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	talk(&pair);
	struct secret *ticket = NULL;
	assert_int_equal(tls_session_save(pair.client, &ticket), 0);
	pair_close(&pair);
	return ticket;
}

static void test_resumption_with_another_worker(void **state)
{
	struct device device = { 0 };
	device_make(&device, ours.ca, KEY_ED25519, DAY_S);
	SECRET_HEAP struct secret *ticket = ticket_of(&device);
	struct tls_identity *second = identity_new(&ours, "localhost", DAY_S);
	struct tls_client_config config = config_for(&ours, &device);
	config.resume = (struct span){ secret_peek(ticket), secret_size(ticket) };
	unsigned n_signed = ours.n_signed;
	struct pair pair;
	pair_open(&pair, second, &config);
	shake_well(&pair);
	assert_true(tls_is_resumed(pair.server));
	assert_true(tls_is_resumed(pair.client));
	assert_int_equal(ours.n_signed, n_signed);
	assert_int_equal(tls_peer_certificate(pair.server).size, device.certificate.size);
	assert_memory_equal(tls_peer_certificate(pair.server).data, device.certificate.data, device.certificate.size);
	assert_int_equal(tls_peer_error(pair.server), 0);
	talk(&pair);
	SECRET_HEAP struct secret *next = NULL;
	assert_int_equal(tls_session_save(pair.client, &next), 0);
	pair_close(&pair);
	tls_identity_unref(second);
	blob_free(&device.certificate);
}

static void test_foreign_ticket_key_means_full_handshake(void **state)
{
	struct device device = { 0 };
	device_make(&device, ours.ca, KEY_ED25519, DAY_S);
	SECRET_HEAP struct secret *ticket = ticket_of(&device);
	uint8_t kept = ours.ticket_key[20];
	ours.ticket_key[20] ^= 1;
	ours.ticket_key[0] ^= 1;
	struct tls_identity *other = identity_new(&ours, "localhost", DAY_S);
	ours.ticket_key[20] = kept;
	ours.ticket_key[0] ^= 1;
	struct tls_client_config config = config_for(&ours, &device);
	config.resume = (struct span){ secret_peek(ticket), secret_size(ticket) };
	struct pair pair;
	pair_open(&pair, other, &config);
	shake_well(&pair);
	assert_false(tls_is_resumed(pair.server));
	talk(&pair);
	pair_close(&pair);
	tls_identity_unref(other);
	blob_free(&device.certificate);
}

static void test_expired_certificate_is_reported_on_resumption(void **state)
{
	struct device device = { 0 };
	enum { LIFETIME_S = 5 };        /* long enough for a handshake on a machine that is busy with other things */
	device_make(&device, ours.ca, KEY_ED25519, LIFETIME_S);
	SECRET_HEAP struct secret *ticket = ticket_of(&device);
	int64_t start = time_now();
	while (time_now() <= start + LIFETIME_S + 1)
		usleep(100 * 1000);
	struct tls_client_config config = config_for(&ours, &device);
	config.resume = (struct span){ secret_peek(ticket), secret_size(ticket) };
	struct pair pair;
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	assert_true(tls_is_resumed(pair.server));
	assert_int_equal(tls_peer_error(pair.server), -SIS_ERR_EXPIRED);
	pair_close(&pair);
	assert_int_equal(peer_error_of(&device), -SIS_ERR_EXPIRED);
	blob_free(&device.certificate);
}

static void client_refuses(struct tls_identity *identity, const struct tls_client_config *config, int wanted)
{
	struct pair pair;
	int server, client;
	pair_open(&pair, identity, config);
	shake(&pair, &server, &client);
	assert_int_equal(client, wanted);
	assert_int_equal(server, -SIS_ERR_TLS);
	/* Nothing of the client's own was shown. */
	assert_int_equal(tls_peer_certificate(pair.server).size, 0);
	pair_close(&pair);
}

static void test_wrong_server_name(void **state)
{
	const char *wrong[] = { "example.org", "127.0.0.2", "ocalhost", "::1" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct tls_client_config config = config_for(&ours, NULL);
		config.server_name = wrong[i];
		client_refuses(ours.identity, &config, -SIS_ERR_UNTRUSTED);
	}
}

static void test_address_as_server_name(void **state)
{
	struct pair pair;
	struct tls_client_config config = config_for(&ours, NULL);
	config.server_name = "127.0.0.1";
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	pair_close(&pair);
}

static void test_server_of_another_authority(void **state)
{
	struct world other = { 0 };
	world_make(&other, KEY_ED25519);
	struct tls_client_config config = config_for(&ours, NULL);
	client_refuses(other.identity, &config, -SIS_ERR_UNTRUSTED);
	world_free(&other);
}

static void test_expired_server(void **state)
{
	struct tls_identity *old = identity_new(&ours, "localhost", 1);
	int64_t start = time_now();
	while (time_now() < start + 3)
		usleep(100 * 1000);
	struct tls_client_config config = config_for(&ours, NULL);
	client_refuses(old, &config, -SIS_ERR_EXPIRED);
	tls_identity_unref(old);
}

static void test_fingerprint(void **state)
{
	struct pair pair;
	struct tls_client_config config = { .server_name = "localhost" };
	memcpy(config.ca_fingerprint, ours.fingerprint, sizeof(config.ca_fingerprint));
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	CLEANUP_BLOB struct blob ca = { NULL, 0 };
	assert_int_equal(tls_client_ca(pair.client, &ca), 0);
	assert_int_equal(ca.size, ours.ca_der.size);
	assert_memory_equal(ca.data, ours.ca_der.data, ca.size);
	pair_close(&pair);
	config.ca_fingerprint[31] ^= 1;
	client_refuses(ours.identity, &config, -SIS_ERR_UNTRUSTED);
}

/* An attacker can send our CA, which is public, but has no certificate from it. */
static void test_fingerprint_of_an_authority_that_did_not_sign(void **state)
{
	struct world other = { 0 };
	world_make(&other, KEY_ED25519);
	struct blob own = other.ca_der;
	other.ca_der = ours.ca_der;
	struct tls_identity *liar = identity_new(&other, "localhost", DAY_S);
	struct tls_client_config config = { .server_name = "localhost" };
	memcpy(config.ca_fingerprint, ours.fingerprint, sizeof(config.ca_fingerprint));
	client_refuses(liar, &config, -SIS_ERR_UNTRUSTED);
	tls_identity_unref(liar);
	other.ca_der = own;
	world_free(&other);
}

/* A client that is not ours, and takes any certificate; and how the handshake ends on either side. */
static void shake_stranger(struct tls_identity *identity, const char *priorities, const gnutls_datum_t *protocols, unsigned n_protocols,
                           int wanted_server, int wanted_client)
{
	int fds[2], r = GNUTLS_E_AGAIN, server = -SIS_ERR_AGAIN;
	struct tls_session *session;
	gnutls_session_t client;
	gnutls_certificate_credentials_t none;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(tls_server_new(identity, fds[0], &session), 0);
	gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	gnutls_priority_set_direct(client, priorities, NULL);
	if (n_protocols > 0)
		gnutls_alpn_set_protocols(client, protocols, n_protocols, 0);
	gnutls_certificate_allocate_credentials(&none);
	gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, none);
	gnutls_transport_set_int(client, fds[1]);
	for (unsigned i = 0; i < STEPS_MAX && (r == GNUTLS_E_AGAIN || server == -SIS_ERR_AGAIN); i++) {
		if (r == GNUTLS_E_AGAIN)
			r = gnutls_handshake(client);
		if (server == -SIS_ERR_AGAIN)
			server = tls_handshake(session);
	}
	assert_int_equal(server, wanted_server);
	assert_int_equal(r, wanted_client);
	gnutls_deinit(client);
	gnutls_certificate_free_credentials(none);
	tls_session_free(session);
	close(fds[0]);
	close(fds[1]);
}

/* Signed by the key of which of the two? */
static void shows_external(struct world *own, struct world *external, bool is_external, const gnutls_datum_t *protocols, unsigned n_protocols)
{
	unsigned n_own = own->n_signed, n_external = external->n_signed;
	shake_stranger(own->identity, "NORMAL:-VERS-ALL:+VERS-TLS1.3", protocols, n_protocols, 0, 0);
	assert_int_equal(own->n_signed - n_own, is_external ? 0 : 1);
	assert_int_equal(external->n_signed - n_external, is_external ? 1 : 0);
}

static void test_strangers_are_shown_the_external_certificate(void **state)
{
	struct world own = { 0 }, external = { 0 };
	unsigned char h2[] = "h2", http[] = "http/1.1", sis[] = "sis/1", longer[] = "sis/11", nearly[] = "sis/2";
	const gnutls_datum_t browser[] = { { h2, 2 }, { http, 8 } }, both[] = { { http, 8 }, { sis, 5 } }, first[] = { { sis, 5 }, { http, 8 } },
	                     others[] = { { longer, 6 }, { nearly, 5 } };
	world_make(&own, KEY_ED25519);
	world_make(&external, KEY_ECDSA_P256);
	shows_external(&own, &external, false, NULL, 0);
	/* The devices' authority and the ticket key stay the own ones, whatever is shown. */
	struct blob ca_of_external = external.ca_der;
	tls_identity_unref(external.identity);
	external.ca_der = own.ca_der;
	memcpy(external.ticket_key, own.ticket_key, sizeof(own.ticket_key));
	external.identity = identity_new(&external, "localhost", DAY_S);
	tls_identity_set_external(own.identity, external.identity);
	shows_external(&own, &external, true, NULL, 0);
	shows_external(&own, &external, true, browser, 2);
	shows_external(&own, &external, true, browser, 1);
	shows_external(&own, &external, true, others, 2);
	shows_external(&own, &external, true, both, 2);
	shows_external(&own, &external, false, first, 2);
	shows_external(&own, &external, false, first, 1);
	/* Ours trusts the own authority alone, and is shown it: by its certificate, and by its fingerprint when enrolling. */
	struct tls_client_config known = config_for(&own, NULL), enrolling = { .server_name = "localhost" };
	memcpy(enrolling.ca_fingerprint, own.fingerprint, sizeof(enrolling.ca_fingerprint));
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair;
		pair_open(&pair, own.identity, i == 0 ? &known : &enrolling);
		shake_well(&pair);
		pair_close(&pair);
	}
	tls_identity_set_external(own.identity, NULL);
	shows_external(&own, &external, false, browser, 2);
	external.ca_der = ca_of_external;
	world_free(&external);
	world_free(&own);
}

static void test_tls_1_2_is_refused(void **state)
{
	shake_stranger(ours.identity, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL, 0, -SIS_ERR_TLS, GNUTLS_E_FATAL_ALERT_RECEIVED);
}

static void test_garbage(void **state)
{
	static const char *garbage[] = { "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "\x80\x80\x80\x80\x80\x80\x80\x80", "SSH-2.0-x\r\n" };
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int fds[2];
		struct tls_session *session;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(tls_server_new(ours.identity, fds[0], &session), 0);
		assert_int_equal(tls_handshake(session), -SIS_ERR_AGAIN);
		assert_false(tls_wants_write(session));
		assert_int_equal(write(fds[1], garbage[i], strlen(garbage[i])), strlen(garbage[i]));
		close(fds[1]);
		int r = tls_handshake(session);
		if (r != -SIS_ERR_CLOSED)
			assert_int_equal(r, -SIS_ERR_TLS);
		tls_session_free(session);
		close(fds[0]);
	}
}

static void test_blocked_write_goes_on(void **state)
{
	enum { SIZE = 4 << 20 };
	struct pair pair;
	struct tls_client_config config = config_for(&ours, NULL);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	assert_int_equal(random_bytes(sent, SIZE), 0);
	size_t n_sent = 0, n_got = 0;
	bool was_blocked = false;
	while (n_got < SIZE) {
		ssize_t n = n_sent < SIZE ? tls_write(pair.server, sent + n_sent, SIZE - n_sent) : -SIS_ERR_AGAIN;
		if (n > 0) {
			n_sent += (size_t)n;
			continue;
		}
		assert_int_equal(n, -SIS_ERR_AGAIN);
		if (n_sent < SIZE)
			assert_true(tls_wants_write(pair.server));
		was_blocked = true;
		n = tls_read(pair.client, got + n_got, SIZE - n_got);
		assert_true(n > 0);
		n_got += (size_t)n;
	}
	assert_true(was_blocked);
	assert_memory_equal(sent, got, SIZE);
	free(sent);
	free(got);
	pair_close(&pair);
}

static void test_close(void **state)
{
	char byte;
	struct pair pair;
	struct tls_client_config config = config_for(&ours, NULL);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	assert_int_equal(tls_shutdown(pair.client), 0);
	assert_int_equal(tls_read(pair.server, &byte, 1), -SIS_ERR_CLOSED);
	pair_close(&pair);
	pair_open(&pair, ours.identity, &config);
	shake_well(&pair);
	shutdown(pair.fds[1], SHUT_RDWR);
	assert_int_equal(tls_read(pair.server, &byte, 1), -SIS_ERR_CLOSED);
	assert_int_equal(tls_write(pair.server, "x", 1), -SIS_ERR_CLOSED);
	pair_close(&pair);
}

/* Not a timed test: the figure is printed; the bound is the project's promise. */
static void test_memory_of_an_idle_session(void **state)
{
	enum { N = 100 };
	static struct pair pairs[N];
	struct device device = { 0 };
	device_make(&device, ours.ca, KEY_ED25519, DAY_S);
	struct tls_client_config config = config_for(&ours, &device);
	for (size_t i = 0; i < N; i++) {
		pair_open(&pairs[i], ours.identity, &config);
		shake_well(&pairs[i]);
		talk(&pairs[i]);
		tls_session_free(pairs[i].client);
		pairs[i].client = NULL;
	}
	size_t before = mallinfo2().uordblks;
	for (size_t i = 0; i < N; i++) {
		tls_session_free(pairs[i].server);
		pairs[i].server = NULL;
	}
	size_t each = (before - mallinfo2().uordblks) / N;
	print_message("# %zu bytes for each established server session\n", each);
	assert_true(each < 32 * 1024);
	for (size_t i = 0; i < N; i++)
		pair_close(&pairs[i]);
	blob_free(&device.certificate);
}

static int set_up(void **state)
{
	world_make(&ours, KEY_ED25519);
	return 0;
}

static int tear_down(void **state)
{
	world_free(&ours);
	return 0;
}

/* --- successors --- */

/* What a server shows whose authority has a successor; by: who certifies that. */
static struct tls_identity *identity_of_successor(struct world *world, const struct pki_ca *successor, const struct pki_ca *by)
{
	CLEANUP_BLOB struct blob leaf = { NULL, 0 }, root = { NULL, 0 }, cross = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	static uint8_t bytes[4 * (CERTIFICATE_MAX_BYTES + 4)];
	struct builder chain = builder_from(bytes, sizeof(bytes));
	struct tls_identity *identity;
	assert_int_equal(pki_ca_certificate(successor, &root, fingerprint), 0);
	assert_int_equal(pki_ca_cross_sign(by, span_of(&root), &cross), 0);
	assert_int_equal(pki_ca_issue_server(successor, &world->server_key.public_key, span_from_string("localhost"), DAY_S, &leaf), 0);
	builder_put_sized(&chain, leaf.data, leaf.size);
	builder_put_sized(&chain, cross.data, cross.size);
	builder_put_sized(&chain, world->ca_der.data, world->ca_der.size);
	builder_put_sized(&chain, root.data, root.size);
	assert_int_equal(tls_identity_new(7, world->server_key.public_key.algorithm, (struct span){ chain.data, chain.size }, span_of(&world->ca_der),
	                                  world->ticket_key, sign, world, &identity), 0);
	return identity;
}

static void test_a_successor_is_believed_and_told(void **state)
{
	struct pki_ca *successor;
	struct pair pair;
	CLEANUP_BLOB struct blob known = { NULL, 0 }, root = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	assert_int_equal(pki_ca_create_successor(ours.ca, 20 * DAY_S, &successor), 0);
	assert_int_equal(pki_ca_certificate(successor, &root, fingerprint), 0);
	struct tls_identity *identity = identity_of_successor(&ours, successor, ours.ca);
	struct tls_client_config config = config_for(&ours, NULL);
	pair_open(&pair, identity, &config);
	shake_well(&pair);
	assert_int_equal(tls_client_ca(pair.client, &known), 0);
	assert_true(authorities_find(span_of(&known), ours.fingerprint, NULL));
	assert_true(authorities_find(span_of(&known), fingerprint, NULL));
	pair_close(&pair);
	/* Enrolling, by the fingerprint of the one or of the other. */
	for (unsigned i = 0; i < 2; i++) {
		struct tls_client_config enrolling = { .server_name = "localhost" };
		memcpy(enrolling.ca_fingerprint, i == 0 ? ours.fingerprint : fingerprint, FINGERPRINT_BYTES);
		pair_open(&pair, identity, &enrolling);
		shake_well(&pair);
		pair_close(&pair);
	}
	tls_identity_unref(identity);
	pki_ca_free(successor);
}

static void test_a_successor_by_a_stranger_is_not(void **state)
{
	struct pki_ca *successor, *stranger;
	struct pair pair;
	int server, client;
	assert_int_equal(pki_ca_create_successor(ours.ca, 20 * DAY_S, &successor), 0);
	assert_int_equal(pki_ca_create_successor(ours.ca, 20 * DAY_S, &stranger), 0);
	struct tls_identity *identity = identity_of_successor(&ours, successor, stranger);
	struct tls_client_config config = config_for(&ours, NULL);
	pair_open(&pair, identity, &config);
	shake(&pair, &server, &client);
	assert_int_equal(client, -SIS_ERR_UNTRUSTED);
	assert_non_null(strstr(tls_error_words(pair.client), "not from the expected authority"));
	pair_close(&pair);
	tls_identity_unref(identity);
	pki_ca_free(successor);
	pki_ca_free(stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_client_certificate),
		cmocka_unit_test(test_with_client_certificate),
		cmocka_unit_test(test_ecdsa_server_key),
		cmocka_unit_test(test_foreign_certificate_is_reported),
		cmocka_unit_test(test_server_certificate_is_no_device),
		cmocka_unit_test(test_resumption_with_another_worker),
		cmocka_unit_test(test_foreign_ticket_key_means_full_handshake),
		cmocka_unit_test(test_expired_certificate_is_reported_on_resumption),
		cmocka_unit_test(test_wrong_server_name),
		cmocka_unit_test(test_address_as_server_name),
		cmocka_unit_test(test_server_of_another_authority),
		cmocka_unit_test(test_expired_server),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_fingerprint_of_an_authority_that_did_not_sign),
		cmocka_unit_test(test_strangers_are_shown_the_external_certificate),
		cmocka_unit_test(test_tls_1_2_is_refused),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_blocked_write_goes_on),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_memory_of_an_idle_session),
		cmocka_unit_test(test_a_successor_is_believed_and_told),
		cmocka_unit_test(test_a_successor_by_a_stranger_is_not),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
