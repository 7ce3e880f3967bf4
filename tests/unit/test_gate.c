/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The gallery's gate: which requests pass, by a table. */
#include "sis/gallery/gate.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOST "127.0.0.1:4711"
#define ORIGIN "http://127.0.0.1:4711"
#define OURS "same-origin"

/* cookie and key: '+' right, '-' wrong, 0 absent. */
static const struct { enum gate_need need; const char *method, *host, *origin, *site, *mode; char cookie, key; unsigned status; } cases[] = {
	{ GATE_SESSION, "GET", HOST, NULL, OURS, "cors", '+', '+', 0 },
	{ GATE_SESSION, "GET", HOST, NULL, NULL, NULL, '+', '+', 0 },
	{ GATE_SESSION, "GET", HOST, ORIGIN, OURS, "cors", '+', '+', 0 },
	{ GATE_SESSION, "DELETE", HOST, ORIGIN, OURS, "cors", '+', '+', 0 },
	{ GATE_SESSION, "DELETE", HOST, NULL, OURS, "cors", '+', '+', 403 },
	{ GATE_SESSION, "DELETE", HOST, "null", OURS, "cors", '+', '+', 403 },
	{ GATE_SESSION, "DELETE", HOST, "http://127.0.0.1:4712", OURS, "cors", '+', '+', 403 },
	{ GATE_SESSION, "DELETE", HOST, "https://127.0.0.1:4711", OURS, "cors", '+', '+', 403 },
	{ GATE_SESSION, "GET", HOST, "http://evil.example", NULL, NULL, '+', '+', 403 },
	{ GATE_SESSION, "GET", HOST, NULL, "same-site", "cors", '+', '+', 403 },
	{ GATE_SESSION, "GET", HOST, NULL, "cross-site", "navigate", '+', '+', 403 },
	{ GATE_SESSION, "GET", HOST, NULL, "none", "navigate", '+', '+', 403 },
	{ GATE_SESSION, "GET", NULL, NULL, OURS, NULL, '+', '+', 421 },
	{ GATE_SESSION, "GET", "localhost:4711", NULL, OURS, NULL, '+', '+', 421 },
	{ GATE_SESSION, "GET", HOST ".", NULL, OURS, NULL, '+', '+', 421 },
	{ GATE_SESSION, "GET", "127.0.0.1:47", NULL, OURS, NULL, '+', '+', 421 },
	{ GATE_SESSION, "GET", HOST, NULL, OURS, "cors", '+', 0, 401 },
	{ GATE_SESSION, "GET", HOST, NULL, OURS, "cors", '+', '-', 401 },
	{ GATE_SESSION, "GET", HOST, NULL, OURS, "cors", 0, '+', 401 },
	{ GATE_SESSION, "GET", HOST, NULL, OURS, "cors", '-', '+', 401 },
	{ GATE_COOKIE, "GET", HOST, NULL, OURS, "navigate", '+', 0, 0 },
	{ GATE_COOKIE, "GET", HOST, NULL, OURS, "navigate", 0, 0, 401 },
	{ GATE_COOKIE, "GET", HOST, NULL, "cross-site", "navigate", '+', 0, 403 },
	{ GATE_PAGE, "GET", HOST, NULL, "cross-site", "navigate", 0, 0, 0 },
	{ GATE_PAGE, "GET", HOST, NULL, "none", "navigate", 0, 0, 0 },
	{ GATE_PAGE, "GET", HOST, NULL, "cross-site", "no-cors", 0, 0, 403 },
	{ GATE_PAGE, "GET", "evil.example", NULL, "none", "navigate", 0, 0, 421 },
	{ GATE_ENTER, "POST", HOST, ORIGIN, OURS, "cors", 0, 0, 0 },
	{ GATE_ENTER, "POST", HOST, NULL, OURS, "cors", 0, 0, 403 },
	{ GATE_ENTER, "POST", HOST, ORIGIN, "same-site", "cors", 0, 0, 403 },
};

static void make_cookie(const struct gate *gate, char which, char *ret_text, size_t capacity)
{
	char value[GATE_SECRET_TEXT + 1];
	snprintf(value, sizeof(value), "%s", gate->cookie);
	if (which == '-')
		value[0] = value[0] == 'a' ? 'b' : 'a';
	snprintf(ret_text, capacity, "a=b; %s=%s; c=d", gate->cookie_name, value);
}

static void test_table(void **state)
{
	struct gate gate;
	char token[GATE_SECRET_TEXT + 1];
	assert_int_equal(gate_open(&gate, HOST), 0);
	strcpy(token, gate.token);
	assert_true(gate_enter(&gate, token));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char cookie[160];
		const char *why = NULL;
		make_cookie(&gate, cases[i].cookie, cookie, sizeof(cookie));
		const struct gate_request request = { cases[i].method, cases[i].host, cases[i].origin, cases[i].site, cases[i].mode,
			cases[i].cookie != 0 ? cookie : NULL, cases[i].key == '+' ? gate.key : cases[i].key == '-' ? gate.cookie : NULL };
		if (gate_check(&gate, cases[i].need, &request, &why) != cases[i].status)
			fail_msg("case %zu", i);
		assert_true((why != NULL) == (cases[i].status != 0));
	}
}

static void test_token(void **state)
{
	struct gate gate;
	char token[GATE_SECRET_TEXT + 1], cookie[160];
	const char *why = NULL;
	assert_int_equal(gate_open(&gate, HOST), 0);
	strcpy(token, gate.token);
	make_cookie(&gate, '+', cookie, sizeof(cookie));
	const struct gate_request request = { "GET", HOST, NULL, NULL, NULL, cookie, gate.key };
	assert_int_equal(gate_check(&gate, GATE_SESSION, &request, &why), 401);         /* nobody has come in yet */
	assert_false(gate_enter(&gate, NULL));
	assert_false(gate_enter(&gate, ""));
	assert_false(gate_enter(&gate, gate.cookie));
	assert_true(gate_enter(&gate, token));
	assert_int_equal(gate_check(&gate, GATE_SESSION, &request, &why), 0);
	assert_false(gate_enter(&gate, token));
	assert_false(gate_enter(&gate, ""));
}

static void join(const char *const parts[4], char *ret_text, size_t capacity)
{
	*ret_text = '\0';
	for (size_t i = 0; i < 4 && parts[i] != NULL; i++)
		strncat(ret_text, parts[i], capacity - strlen(ret_text) - 1);
}

/* A value that somebody set for another path, or cut short, or named alike, is not ours; ours is found wherever it stands. */
static void test_cookies(void **state)
{
	struct gate gate;
	char token[GATE_SECRET_TEXT + 1], text[400];
	const char *why = NULL;
	assert_int_equal(gate_open(&gate, HOST), 0);
	strcpy(token, gate.token);
	assert_true(gate_enter(&gate, token));
	const char *name = gate.cookie_name, *value = gate.cookie;
	const char *const wrong[][4] = { { name, "" }, { name, "=" }, { "x", name, "=", value }, { name, "=", value, "x" }, { name, value }, { ";;;" }, { " " }, { "" } };
	struct gate_request request = { "GET", HOST, NULL, NULL, NULL, text, gate.key };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		join(wrong[i], text, sizeof(text));
		assert_int_equal(gate_check(&gate, GATE_SESSION, &request, &why), 401);
	}
	snprintf(text, sizeof(text), "%s=%s", name, value);
	assert_int_equal(gate_check(&gate, GATE_SESSION, &request, &why), 0);
	/* Another server of this host has set one of our name before. */
	snprintf(text, sizeof(text), "%s=stale; %s=%s", name, name, value);
	assert_int_equal(gate_check(&gate, GATE_SESSION, &request, &why), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_token), cmocka_unit_test(test_cookies) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
