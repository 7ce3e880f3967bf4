/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PROXY protocol version 2: headers made by another implementation (tests/python/sis_balancer.py), and what has to be refused. */
#include "base/error.h"
#include "http/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START "0d0a0d0a000d0a515549540a"
#define V4 "c0000207c0000201126701bb"
#define V6 "20010db800000000000000000000000720010db8000000000000000000000001126701bb"

static const struct { const char *hex, *peer; int error; } headers[] = {
	{ START "2111000c" V4, "192.0.2.7:4711", 0 },
	{ START "21210024" V6, "2001:db8::7:4711", 0 },
	/* with authority, padding, SSL and a balancer's own field */
	{ START "21110042" V4 "02001470696374757265732e6578616d706c652e6f726704000020000f0100000000210007544c5376312e33ea000701767063652d31", "192.0.2.7:4711", 0 },
	{ START "21110019" V4 "040003616263030004c0c35888", "192.0.2.7:4711", 0 },      /* CRC-32C */
	{ START "20000000", NULL, 0 }, { START "20000006040003616263", NULL, 0 }, { START "2111000c" V4, "192.0.2.7:4711", 0 },
	{ START "2011000c" V4, NULL, 0 },               /* LOCAL: addresses are skipped */
	{ START "21000000", NULL, 0 }, { START "21000006040003616263", NULL, 0 },
	{ START "21110019" V4 "040003616263030004c0c35889", NULL, -SIS_ERR_BAD_ROOT },
	{ START "21110019" V4 "040003616263030004c0c35988", NULL, -SIS_ERR_BAD_ROOT },
	{ START "21110018" V4 "040003616263030003c0c358", NULL, -SIS_ERR_BAD_ROOT },    /* a checksum of three bytes */
	{ START "2111000b" "c0000207c0000201126701", NULL, -SIS_ERR_BAD_FORMAT },
	{ START "2121000c" V4, NULL, -SIS_ERR_BAD_FORMAT },
	{ START "2112000c" V4, NULL, -SIS_ERR_BAD_FORMAT },             /* UDP */
	{ START "2131000c" V4, NULL, -SIS_ERR_BAD_FORMAT },             /* AF_UNIX */
	{ START "2211000c" V4, NULL, -SIS_ERR_BAD_FORMAT }, { START "3111000c" V4, NULL, -SIS_ERR_BAD_FORMAT },
	{ START "2111000f" V4 "040009", NULL, -SIS_ERR_BAD_FORMAT }, { START "2111000e" V4 "0400", NULL, -SIS_ERR_BAD_FORMAT },
	{ START "2111000d" V4 "04", NULL, -SIS_ERR_BAD_FORMAT },
	{ START "2111000c" V4 "00", NULL, -SIS_ERR_BAD_FORMAT },        /* longer than it says */
	{ START "2111000d" V4, NULL, -SIS_ERR_BAD_FORMAT }, { START "211100", NULL, -SIS_ERR_BAD_FORMAT }, { "", NULL, -SIS_ERR_BAD_FORMAT },
	{ "0d0a0d0a000d0a515549540b2111000c" V4, NULL, -SIS_ERR_BAD_FORMAT },
	/* wrong, twice */
	{ START "2111001a" V4 "03000400000000" "03000400000000", NULL, -SIS_ERR_BAD_ROOT },
};

static size_t unhex(const char *hex, uint8_t *ret_bytes)
{
	size_t n = 0;
	for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		ret_bytes[n] = (uint8_t)byte;
	return n;
}

static void peer_format(const struct sockaddr_storage *address, char *ret_text, size_t capacity)
{
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	memcpy(&in, address, sizeof(in));
	memcpy(&in6, address, sizeof(in6));
	bool is_v6 = address->ss_family == AF_INET6;
	assert_non_null(inet_ntop(address->ss_family, is_v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, host, sizeof(host)));
	snprintf(ret_text, capacity, "%s:%u", host, ntohs(is_v6 ? in6.sin6_port : in.sin_port));
}

static void headers_are_read_or_refused(void **state)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		uint8_t bytes[256];
		char peer[80] = "";
		bool announced = false;
		struct sockaddr_storage address = { 0 };
		size_t size = unhex(headers[i].hex, bytes);
		int r = proxy_parse((struct span){ bytes, size }, &announced, &address);
		if (r != headers[i].error || announced != (headers[i].peer != NULL) || (!announced && address.ss_family != 0))
			fail_msg("%s: %d", headers[i].hex, r);
		if (announced)
			peer_format(&address, peer, sizeof(peer));
		if (announced && strcmp(peer, headers[i].peer) != 0)
			fail_msg("%s: %s", headers[i].hex, peer);
	}
}

static const struct { const char *hex; int error; size_t size; } starts[] = {
	{ START "2111000c", 0, 28 }, { START "20000000", 0, 16 }, { START "21110800", 0, 2064 }, { START "21110801", -SIS_ERR_TOO_LARGE, 77 },
	{ START "2111ffff", -SIS_ERR_TOO_LARGE, 77 }, { "50524f58592054435034203139322e30", -SIS_ERR_UNKNOWN_SUITE, 77 },
	{ "16030100c8010000c403030000000000", -SIS_ERR_BAD_FORMAT, 77 }, { "474554202f20485454502f312e310d0a", -SIS_ERR_BAD_FORMAT, 77 },
};

static void the_start_tells_how_much_follows(void **state)
{
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint8_t bytes[PROXY_START_BYTES + 1];
		size_t size = 77;
		assert_int_equal(unhex(starts[i].hex, bytes), PROXY_START_BYTES);
		assert_int_equal(proxy_size(bytes, &size), starts[i].error);
		assert_int_equal(size, starts[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(headers_are_read_or_refused), cmocka_unit_test(the_start_tells_how_much_follows) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
