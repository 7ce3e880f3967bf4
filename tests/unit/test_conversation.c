/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Conversations: what is missing, late, again or false is found, and nothing else; the state survives. */
#include "test_sis.h"

#include "sis/conversation.h"

static struct conversation conversation;
static struct finding findings[FINDINGS_MAX];
static uint64_t sequence;

static struct span statement(const char *device, uint64_t number, const char *variant)
{
	static char text[100];
	snprintf(text, sizeof(text), "%s %llu%s", device, (unsigned long long)number, variant);
	return span_from_string(text);
}

static void begin(void)
{
	free(conversation.devices);
	conversation = (struct conversation){ .is_new = true, .own = "alice/laptop" };
	sequence = 0;
}

static unsigned arrive(const char *user, const char *device, uint64_t number, const char *variant, const char *follows, const char *seen_device,
                       uint64_t seen)
{
	struct manifest_conversation place = { .number = number };
	struct span before = statement(device, number - 1, follows);
	bool known;
	digest_sha256(before.data, before.size, place.previous);
	if (seen_device != NULL) {
		place.n_seen = 1;
		snprintf(place.seen[0].user, sizeof(place.seen[0].user), "%.*s", (int)strcspn(seen_device, "/"), seen_device);
		snprintf(place.seen[0].device, sizeof(place.seen[0].device), "%s", strchr(seen_device, '/') + 1);
		place.seen[0].number = seen;
	}
	const struct arrival arrival = { .user = user, .device = device, .item = "aebagaaaaaaaaaaaaaaaaaaaaa", .sequence = ++sequence,
	                                 .statement = statement(device, number, variant), .place = &place };
	memset(findings, 0xff, sizeof(findings));
	unsigned n = conversation_accept(&conversation, &arrival, findings, &known);
	assert_false(known);
	return n;
}

static unsigned say(const char *user, const char *device, uint64_t number)
{
	return arrive(user, device, number, "", "", NULL, 0);
}

static void check_finding(unsigned at, enum finding_kind kind, const char *device, uint64_t n)
{
	assert_int_equal(findings[at].kind, kind);
	assert_string_equal(findings[at].device, device);
	assert_int_equal(findings[at].n, n);
}

static void who_reads_first_starts_anywhere_and_then_every_step_counts(void **state)
{
	begin();
	assert_int_equal(say("bob", "phone", 7), 0);
	assert_int_equal(say("bob", "phone", 8), 0);
	assert_int_equal(say("carol", "desk", 1), 0);
	assert_int_equal(say("bob", "phone", 9), 0);
}

static void missing_messages_are_counted_and_may_come_late(void **state)
{
	begin();
	say("bob", "phone", 1);
	assert_int_equal(say("bob", "phone", 4), 1);
	check_finding(0, FINDING_MISSING, "bob/phone", 2);
	assert_int_equal(say("bob", "phone", 3), 1);
	check_finding(0, FINDING_LATE, "bob/phone", 1);
	assert_int_equal(say("bob", "phone", 3), 1);
	check_finding(0, FINDING_AGAIN, "bob/phone", 1);
	assert_int_equal(say("bob", "phone", 5), 0);
}

static void repeated_forked_and_spliced_messages_are_found(void **state)
{
	begin();
	say("bob", "phone", 2);
	assert_int_equal(say("bob", "phone", 2), 1);
	check_finding(0, FINDING_AGAIN, "bob/phone", 1);
	assert_int_equal(arrive("bob", "phone", 2, "other", "", NULL, 0), 1);
	check_finding(0, FINDING_FORKED, "bob/phone", 1);
	assert_int_equal(arrive("bob", "phone", 3, "", "other", NULL, 0), 1);
	check_finding(0, FINDING_BROKEN, "bob/phone", 1);
	assert_int_equal(say("bob", "phone", 1), 1);
	check_finding(0, FINDING_ANEW, "bob/phone", 3);
	assert_int_equal(say("bob", "phone", 2), 0);
}

static void what_others_have_seen_is_said_once_and_moves_nothing(void **state)
{
	begin();
	say("bob", "phone", 1);
	assert_int_equal(arrive("carol", "desk", 1, "", "", "bob/phone", 3), 1);
	check_finding(0, FINDING_CLAIMED, "bob/phone", 2);
	assert_string_equal(findings[0].by, "carol/desk");
	assert_int_equal(arrive("carol", "desk", 2, "", "", "bob/phone", 3), 0);
	assert_int_equal(say("bob", "phone", 2), 0);
	/* A lie about somebody else's numbers makes no trouble for their true ones. */
	assert_int_equal(arrive("carol", "desk", 3, "", "", "bob/phone", MESSAGE_NUMBER_MAX), 1);
	assert_int_equal(say("bob", "phone", 3), 0);
	assert_int_equal(arrive("carol", "desk", 4, "", "", "dave/phone", 5), 0);
}

static void own_messages_come_back_and_a_copy_of_this_device_is_noticed(void **state)
{
	struct manifest_conversation place;
	struct span text = statement("laptop", 1, "");
	begin();
	conversation_next(&conversation, &place);
	assert_int_equal(place.number, 1);
	conversation_set_pending(&conversation, 1, text, "aebagaaaaaaaaaaaaaaaaaaaaa");
	assert_int_equal(arrive("bob", "phone", 1, "", "", "alice/laptop", 1), 0);
	assert_int_equal(say("alice", "laptop", 1), 0);
	assert_int_equal(conversation.pending.number, 0);
	conversation_next(&conversation, &place);
	assert_int_equal(place.number, 2);
	assert_int_equal(place.n_seen, 1);
	assert_string_equal(place.seen[0].device, "phone");
	assert_int_equal(say("alice", "laptop", 5), 0);                 /* the state had been lost */
	conversation_next(&conversation, &place);
	assert_int_equal(place.number, 6);
	assert_int_equal(arrive("bob", "phone", 2, "", "", "alice/laptop", 9), 1);
	check_finding(0, FINDING_CLONED, "alice/laptop", 4);
}

static void a_message_that_never_arrived_gives_its_number_back(void **state)
{
	struct manifest_conversation place;
	begin();
	conversation_set_pending(&conversation, 1, statement("laptop", 1, ""), "aebagaaaaaaaaaaaaaaaaaaaaa");
	conversation_settle(&conversation, false);
	conversation_next(&conversation, &place);
	assert_int_equal(place.number, 1);
	conversation_set_pending(&conversation, 1, statement("laptop", 1, ""), "aebagaaaaaaaaaaaaaaaaaaaaa");
	conversation_settle(&conversation, true);
	conversation_next(&conversation, &place);
	assert_int_equal(place.number, 2);
}

static void what_this_device_said_is_told_from_what_others_did(void **state)
{
	struct manifest_conversation place = { .number = 1 };
	struct arrival arrival = { .user = "alice", .device = "laptop", .place = &place };
	begin();
	assert_false(conversation_has_sent(&conversation, &arrival));
	conversation_set_pending(&conversation, 1, statement("laptop", 1, ""), "aebagaaaaaaaaaaaaaaaaaaaaa");
	assert_false(conversation_has_sent(&conversation, &arrival));
	conversation_settle(&conversation, true);
	assert_true(conversation_has_sent(&conversation, &arrival));
	place.number = 2;
	assert_false(conversation_has_sent(&conversation, &arrival));
	place.number = 1;
	arrival.device = "phone";
	assert_false(conversation_has_sent(&conversation, &arrival));
}

static void a_truncated_history_is_found_unless_it_is_explained(void **state)
{
	struct finding finding;
	begin();
	say("bob", "phone", 5);
	assert_false(conversation_check_newest(&conversation, "bob/phone", 5, &finding));
	assert_true(conversation_check_newest(&conversation, "bob/phone", 3, &finding));
	assert_int_equal(finding.kind, FINDING_TRUNCATED);
	assert_int_equal(finding.n, 2);
	assert_false(conversation_check_newest(&conversation, "carol/desk", 0, &finding));
	assert_false(conversation_remove(&conversation, "aaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_true(conversation_remove(&conversation, "aebagaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(conversation_check_newest(&conversation, "bob/phone", 3, &finding));
}

static void every_finding_has_its_sentence(void **state)
{
	char text[300];
	for (int kind = FINDING_MISSING; kind <= FINDING_TRUNCATED; kind++) {
		const struct finding finding = { .kind = (enum finding_kind)kind, .device = "bob/phone", .by = "carol/desk", .n = 2 };
		finding_text(&finding, text, sizeof(text));
		assert_non_null(strstr(text, "bob/phone"));
	}
	finding_text(&(struct finding){ .kind = FINDING_MISSING, .device = "bob/phone", .n = 2 }, text, sizeof(text));
	assert_string_equal(text, "2 messages of bob/phone before this one have not arrived");
}

static void the_state_is_read_as_it_was_written(void **state)
{
	static const char *const names[] = { "alice", "bob" };
	struct profile *profile = test_profile_open();
	struct conversation again;
	char key[CONVERSATION_KEY];
	struct why why = { "" };
	int lock = -1;
	conversation_key(names, 2, key);
	begin();
	assert_int_equal(conversation_open(profile, key, &again, &lock, &why), 0);
	assert_true(again.is_new);
	conversation_close(&again, &lock);
	say("bob", "phone", 1);
	say("bob", "phone", 9);
	arrive("carol", "desk", 1, "", "", "bob/phone", 12);
	conversation_set_pending(&conversation, 3, statement("x", 1, ""), "aebagaaaaaaaaaaaaaaaaaaaaa");
	conversation.is_new = false;
	strcpy(conversation.key, key);
	assert_int_equal(conversation_save(profile, &conversation, &why), 0);
	assert_int_equal(conversation_open(profile, key, &again, &lock, &why), 0);
	assert_string_equal(again.own, "alice/laptop");
	assert_int_equal(again.n_devices, conversation.n_devices);
	assert_int_equal(again.sequence, conversation.sequence);
	assert_false(again.is_new);
	assert_memory_equal(again.devices, conversation.devices, again.n_devices * sizeof(*again.devices));
	assert_int_equal(again.pending.number, 3);
	assert_memory_equal(again.pending.hash, conversation.pending.hash, DIGEST_BYTES);
	conversation_close(&again, &lock);
	profile_free(profile);
}

static void a_message_from_before_what_was_looked_at_is_known(void **state)
{
	struct manifest_conversation place = { .number = 3 };
	const struct arrival arrival = { .user = "bob", .device = "phone", .item = "x", .sequence = 4, .statement = test_span("text"), .place = &place };
	bool known = false;
	begin();
	conversation.sequence = 4;
	assert_int_equal(conversation_accept(&conversation, &arrival, findings, &known), 0);
	assert_true(known);
	assert_int_equal(conversation.n_devices, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_reads_first_starts_anywhere_and_then_every_step_counts),
		cmocka_unit_test(missing_messages_are_counted_and_may_come_late),
		cmocka_unit_test(repeated_forked_and_spliced_messages_are_found),
		cmocka_unit_test(what_others_have_seen_is_said_once_and_moves_nothing),
		cmocka_unit_test(own_messages_come_back_and_a_copy_of_this_device_is_noticed),
		cmocka_unit_test(a_message_that_never_arrived_gives_its_number_back),
		cmocka_unit_test(what_this_device_said_is_told_from_what_others_did),
		cmocka_unit_test(a_truncated_history_is_found_unless_it_is_explained),
		cmocka_unit_test(every_finding_has_its_sentence),
		cmocka_unit_test_setup_teardown(the_state_is_read_as_it_was_written, test_home_make, test_home_remove),
		cmocka_unit_test(a_message_from_before_what_was_looked_at_is_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("conversation", tests, NULL, NULL);
}
