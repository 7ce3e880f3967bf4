/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading Varlink calls by the table: what is accepted, and by which name the rest is refused. */
#include "ledger/control_call.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void calls_are_accepted(void **state)
{
	static const struct { const char *text; enum control_method method; bool oneway, more; } good[] = {
		{ "{\"method\":\"org.varlink.service.GetInfo\"}", CONTROL_GET_INFO, false, false },
		{ "{\"method\":\"io.sis.control.AddUser\",\"parameters\":{\"user\":\"alice\",\"device\":null}}", CONTROL_ADD_USER, false, false },
		{ "{\"method\":\"io.sis.control.ListUsers\",\"parameters\":{},\"oneway\":true}", CONTROL_LIST_USERS, true, false },
		{ "{\"method\":\"io.sis.control.Logs\",\"more\":true,\"parameters\":{\"follow\":false}}", CONTROL_LOGS, false, true },
		{ "{\"method\":\"io.sis.control.SetQuota\",\"parameters\":{\"user\":\"alice\",\"bytes\":0}}", CONTROL_SET_QUOTA, false, false },
		{ "{\"method\":\"io.sis.control.Status\",\"upgrade\":false}", CONTROL_STATUS, false, false },
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct control_call_text call;
		struct control_refusal refusal;
		bool oneway;
		assert_int_equal(control_call_parse(span_from_string(good[i].text), &call, &refusal, &oneway), 0);
		assert_int_equal(call.method, good[i].method);
		assert_int_equal(call.oneway, good[i].oneway);
		assert_int_equal(call.more, good[i].more);
		assert_true(json_is_object(call.parameters));
		json_decref(call.parameters);
	}
}

static void calls_are_refused_by_name(void **state)
{
#define V "org.varlink.service."
	static const struct { const char *text; int result; const char *error, *about; } bad[] = {
		{ "", -SIS_ERR_BAD_FORMAT, "io.sis.control.Failed", NULL },
		{ "[]", -SIS_ERR_BAD_FORMAT, "io.sis.control.Failed", NULL },
		{ "{\"method\":5}", -SIS_ERR_BAD_FORMAT, "io.sis.control.Failed", NULL },
		{ "{\"method\":\"a\",\"method\":\"b\"}", -SIS_ERR_BAD_FORMAT, "io.sis.control.Failed", NULL },
		{ "{\"method\":\"\"}", -SIS_ERR_USAGE, V "InterfaceNotFound", "" },
		{ "{\"method\":\"io.sis.control\"}", -SIS_ERR_USAGE, V "InterfaceNotFound", "io.sis" },
		{ "{\"method\":\"io.sis.control.Halt\"}", -SIS_ERR_USAGE, V "MethodNotFound", "Halt" },
		{ "{\"method\":\"io.sis.control.AddUser\"}", -SIS_ERR_USAGE, V "InvalidParameter", "user" },
		{ "{\"method\":\"io.sis.control.AddUser\",\"parameters\":[]}", -SIS_ERR_USAGE, V "InvalidParameter", "parameters" },
		{ "{\"method\":\"io.sis.control.AddUser\",\"parameters\":{\"user\":null}}", -SIS_ERR_USAGE, V "InvalidParameter", "user" },
		{ "{\"method\":\"io.sis.control.AddUser\",\"parameters\":{\"user\":\"a\",\"x\":1}}", -SIS_ERR_USAGE, V "InvalidParameter", "x" },
		{ "{\"method\":\"io.sis.control.Revoke\",\"parameters\":{\"user\":\"a\",\"compromised\":1}}", -SIS_ERR_USAGE, V "InvalidParameter", "compromised" },
		{ "{\"method\":\"io.sis.control.Logs\"}", -SIS_ERR_USAGE, V "ExpectedMore", NULL },
		{ "{\"method\":\"io.sis.control.Status\",\"upgrade\":true}", -SIS_ERR_USAGE, V "InvalidParameter", "upgrade" },
		{ "{\"method\":\"io.sis.control.Status\",\"other\":1}", -SIS_ERR_USAGE, V "InvalidParameter", "other" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct control_call_text call;
		struct control_refusal refusal = { 0 };
		bool oneway;
		assert_int_equal(control_call_parse(span_from_string(bad[i].text), &call, &refusal, &oneway), bad[i].result);
		assert_string_equal(refusal.error, bad[i].error);
		if (bad[i].about != NULL)
			assert_string_equal(refusal.about, bad[i].about);
	}
}

static void every_method_is_described(void **state)
{
	char *ours = control_describe(CONTROL_INTERFACE), *service = control_describe("org.varlink.service");
	assert_non_null(strstr(ours, "method Revoke(user: string, device: ?string, reason: ?string, compromised: ?bool) -> (devices: int, connections: int)"));
	assert_non_null(strstr(ours, "method SetQuota(user: string, bytes: ?int) -> ()"));
	assert_non_null(strstr(ours, "\nerror UserExists (user: string)\n"));
	assert_non_null(strstr(service, "method GetInfo() -> ("));
	assert_null(control_describe("io.sis.other"));
	free(ours);
	free(service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_accepted), cmocka_unit_test(calls_are_refused_by_name), cmocka_unit_test(every_method_is_described),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
