/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Penalties, and what becomes of a source that is known for good when very many others come. No test waits: what is asked is for how long. */
#include "http/internal.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS (3600u * 1000)
#define HOUR_NS (3600 * (uint64_t)NS_PER_S)
#define STRANGERS 200000u               /* twelve times as many as the table has places */
#define GOOD "2001:db8:1:2::3"

static const uint8_t hash_key[SIPHASH_KEY_BYTES] = { 0x17, 0x5a, 9 };       /* fixed, so that each run is the same */
static struct http_server server;

static int make_server(void **state)
{
	server = (struct http_server){ .limits = { .max_connections = 1000, .max_connections_per_source = 1000, .max_connections_per_account = 1000,
		.handshakes_per_s = 200, .penalty_min_ms = HOUR_MS, .penalty_max_ms = 10 * HOUR_MS,
		.penalty_ms = { [OFFENCE_HANDSHAKE] = 2 * HOUR_MS, [OFFENCE_REQUEST] = HOUR_MS / 2, [OFFENCE_CERTIFICATE] = 10 * HOUR_MS } } };
	assert_int_equal(rate_table_new(11, hash_key, &server.sources), 0);
	assert_int_equal(rate_table_new(11, hash_key, &server.known), 0);
	return 0;
}

static int free_server(void **state)
{
	rate_table_free(server.sources);
	rate_table_free(server.known);
	return 0;
}

static struct http_connection connection_from(const char *address)
{
	struct http_connection connection = { .server = &server };
	struct in_addr v4;
	if (inet_pton(AF_INET6, address, connection.address) != 1) {
		assert_int_equal(inet_pton(AF_INET, address, &v4), 1);
		memset(connection.address + 10, 0xff, 2);
		memcpy(connection.address + 12, &v4, 4);
	}
	connection.source = source_from(connection.address);
	return connection;
}

static void offend(const char *address, enum http_offence offence)
{
	struct http_connection connection = connection_from(address);
	penalty_add(&connection, offence);
}

static void serve(const char *address, uint64_t account)
{
	struct http_connection connection = connection_from(address);
	connection.account = account;
	penalty_know(&connection);
}

static bool is_refused(const char *address)
{
	const struct http_connection connection = connection_from(address);
	return penalty_is_due(&connection);
}

/* For how long, of the source itself; 0: not at all. */
static uint64_t refused_for(const char *address)
{
	const struct http_connection connection = connection_from(address);
	uint64_t now = time_monotonic_ns(), until = source_account(&server, connection.source.level[0], now)->until_ns[SLOT_BLOCKED];
	return until > now ? until - now : 0;
}

static bool is_known(const char *address)
{
	const struct http_connection connection = connection_from(address);
	return rate_look(server.known, connection.source.level[0], time_monotonic_ns()) != NULL;
}

/* One of very many: each in a /48 of its own, of a /16 that somebody announced, or an IPv4 address of a botnet. */
static const char *stranger(uint32_t i, bool is_v6)
{
	static char text[INET6_ADDRSTRLEN];
	if (is_v6)
		snprintf(text, sizeof(text), "2a0f:%x:%x::1", i >> 16, i & 0xffff);
	else
		snprintf(text, sizeof(text), "%u.%u.%u.7", 20 + (i >> 16), i >> 8 & 0xff, i & 0xff);
	return text;
}

static void flood(bool is_v6, bool offends)
{
	for (uint32_t i = 0; i < STRANGERS; i++) {
		struct http_connection connection = connection_from(stranger(i, is_v6));
		(void)rates_take_handshake(&connection);
		if (offends)
			penalty_add(&connection, OFFENCE_CERTIFICATE);
	}
}

static void a_stranger_is_refused_for_long_and_a_known_source_for_the_least_time(void **state)
{
	offend("192.0.2.7", OFFENCE_CERTIFICATE);
	assert_true(is_refused("192.0.2.7") && refused_for("192.0.2.7") > 9 * HOUR_NS);
	serve(GOOD, 1);
	offend(GOOD, OFFENCE_CERTIFICATE);
	assert_true(is_refused(GOOD) && refused_for(GOOD) <= HOUR_NS);
	assert_int_equal(http_server_n_penalised(&server), 2);
}

static void nobody_forgets_who_is_known_for_all_strangers_that_come(void **state)
{
	serve(GOOD, 1);
	flood(true, false);
	flood(false, false);
	assert_true(is_known(GOOD));
	offend(GOOD, OFFENCE_CERTIFICATE);
	assert_true(refused_for(GOOD) > 0 && refused_for(GOOD) <= HOUR_NS);
}

/* Each of them penalised for longer than a known source can be: what keeps a place among strangers. */
static void nor_for_all_strangers_that_misbehave(void **state)
{
	serve(GOOD, 1);
	offend(GOOD, OFFENCE_CERTIFICATE);
	const struct http_connection connection = connection_from(GOOD);
	uint64_t open = source_account(&server, connection.source.level[0], time_monotonic_ns())->until_ns[SLOT_OPEN];
	flood(true, true);
	flood(false, true);
	assert_true(is_known(GOOD));
	assert_true(refused_for(GOOD) > 0 && refused_for(GOOD) <= HOUR_NS);
	/* The time after it, in which everybody from there is let in, is still promised. */
	assert_int_equal(source_account(&server, connection.source.level[0], time_monotonic_ns())->until_ns[SLOT_OPEN], open);
}

static void one_of_ours_who_comes_from_everywhere_pushes_out_nobody_else(void **state)
{
	char address[INET6_ADDRSTRLEN];
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "2001:db8:%x:2::3", i);
		serve(address, 1 + i);
	}
	for (uint32_t i = 0; i < STRANGERS; i++)
		serve(stranger(i, true), 5000);
	unsigned n = 0;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "2001:db8:%x:2::3", i);
		n += is_known(address);
	}
	assert_int_equal(n, 1000);
}

static void what_stands_against_a_source_stays_when_it_becomes_known(void **state)
{
	offend(GOOD, OFFENCE_REQUEST);                  /* half the least penalty */
	assert_false(is_refused(GOOD));
	serve(GOOD, 1);
	offend(GOOD, OFFENCE_REQUEST);
	offend(GOOD, OFFENCE_REQUEST);
	assert_true(is_refused(GOOD));
}

/* It goes to the other workers: once for each hour, not with each request. */
static void what_makes_a_source_known_is_told_once(void **state)
{
	struct http_connection connection = connection_from(GOOD);
	struct http_request request = { .connection = &connection };
	uint8_t address[ADDRESS_BYTES];
	connection.account = 1;
	assert_false(http_request_makes_known(&request, address));
	penalty_know(&connection);
	assert_true(http_request_makes_known(&request, address));
	assert_memory_equal(address, connection.address, ADDRESS_BYTES);
	assert_false(http_request_makes_known(&request, address));
	penalty_know(&connection);
	assert_false(http_request_makes_known(&request, address));
	source_account(&server, connection.source.level[0], time_monotonic_ns())->kept_until_ns -= 2 * HOUR_NS;
	penalty_know(&connection);
	assert_true(http_request_makes_known(&request, address));
}

static void what_another_server_knows_is_known(void **state)
{
	const struct http_connection connection = connection_from(GOOD);
	offend(GOOD, OFFENCE_CERTIFICATE);
	http_server_know(&server, connection.address, 1);
	assert_true(is_known(GOOD));
	assert_true(is_refused(GOOD) && refused_for(GOOD) <= HOUR_NS);
}

/* A device that was connected before goes on asking: whoever shares its address waits no longer than behind a source that was known before. */
static void a_penalty_is_cut_when_its_source_becomes_known(void **state)
{
	offend(GOOD, OFFENCE_CERTIFICATE);
	assert_true(refused_for(GOOD) > 9 * HOUR_NS);
	serve(GOOD, 1);
	assert_true(is_refused(GOOD) && refused_for(GOOD) <= HOUR_NS);
	serve(GOOD, 1);
	assert_true(is_refused(GOOD));
	assert_int_equal(http_server_n_penalised(&server), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, make_server, free_server)
		TEST(a_stranger_is_refused_for_long_and_a_known_source_for_the_least_time), TEST(nobody_forgets_who_is_known_for_all_strangers_that_come),
		TEST(nor_for_all_strangers_that_misbehave), TEST(one_of_ours_who_comes_from_everywhere_pushes_out_nobody_else),
		TEST(what_stands_against_a_source_stays_when_it_becomes_known), TEST(a_penalty_is_cut_when_its_source_becomes_known),
		TEST(what_makes_a_source_known_is_told_once), TEST(what_another_server_knows_is_known),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
