/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Events: the table, the filter, the text. */
#include "base/log.h"

#include <syslog.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int n_seen;
static enum event last_seen;

static void count(const struct log_args *args, void *arg)
{
	n_seen++;
	last_seen = args->event;
}

static void every_event_is_complete(void **state)
{
	for (int event = 0; event < EVENT_END; event++) {
		assert_int_equal(strspn(event_message_id((enum event)event), "0123456789abcdef"), 32);
		assert_int_equal(strlen(event_message_id((enum event)event)), 32);
		assert_in_range(event_priority((enum event)event), LOG_EMERG, LOG_DEBUG);
		char text[1024];
		struct log_args args = { .event = (enum event)event };
		event_format(&args, text, sizeof(text));        /* asserts that each {field} exists */
		assert_null(strchr(text, '{'));
		for (int other = 0; other < event; other++)
			assert_string_not_equal(event_message_id((enum event)event), event_message_id((enum event)other));
	}
}

static void fields_are_filled_and_harmless(void **state)
{
	char text[200];
	event_format(&LOG(UPLOADED, .user = "alice", .device = "phone", .item = "abc", .bytes = 12, .peer = "\033[2J"), text, sizeof(text));
	assert_string_equal(text, "alice/phone uploaded abc, 12 bytes, from ?[2J");
	event_format(&LOG(UPLOADED), text, sizeof(text));
	assert_string_equal(text, "-/- uploaded -, 0 bytes, from -");
}

static void a_text_is_cut_on_a_character_border(void **state)
{
	for (uint32_t capacity = 1; capacity < 12; capacity++) {
		char text[12];
		memset(text, 'x', sizeof(text));
		event_format(&LOG(DIAGNOSTIC, .detail = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), text, capacity);
		assert_int_equal(strlen(text), (capacity - 1) / 3 * 3);
	}
}

static void the_level_filters_but_never_the_audit(void **state)
{
	log_event(&LOG(STARTED));               /* no sink yet: nothing happens */
	log_set_sink(count, NULL);
	log_event(&LOG(DIAGNOSTIC));
	assert_int_equal(n_seen, 0);
	log_set_level(LOG_DEBUG);
	log_event(&LOG(DIAGNOSTIC));
	assert_int_equal(n_seen, 1);
	log_set_level(LOG_ERR);
	log_event(&LOG(REQUEST_REFUSED));
	assert_int_equal(n_seen, 1);
	log_event(&LOG(UPLOADED));
	assert_int_equal(n_seen, 2);
	assert_int_equal(last_seen, EVENT_UPLOADED);
	assert_false(log_level_allows(EVENT_UPLOADED));
	log_set_level(LOG_INFO);
	log_set_sink(NULL, NULL);
}

static void roles_raise_only_their_own_events(void **state)
{
	assert_true(event_allowed_for(EVENT_UPLOADED, 'L'));
	assert_false(event_allowed_for(EVENT_UPLOADED, 'W'));
	assert_false(event_allowed_for(EVENT_CA_CREATED, 'M'));
	assert_false(event_allowed_for(EVENT_UPLOADED, 0));
	assert_true(event_is_audited(EVENT_REVOKED));
	assert_true(event_names(EVENT_REVOKED, "count"));
	assert_false(event_names(EVENT_REVOKED, "pid"));
	assert_false(event_names(EVENT_REVOKED, "coun"));
	assert_string_equal(event_name(EVENT_REVOKED), "REVOKED");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_is_complete),
		cmocka_unit_test(fields_are_filled_and_harmless),
		cmocka_unit_test(a_text_is_cut_on_a_character_border),
		cmocka_unit_test(the_level_filters_but_never_the_audit),
		cmocka_unit_test(roles_raise_only_their_own_events),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
