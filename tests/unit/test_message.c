/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The message table is enforced: sender, receiver, size, descriptors, form. */
#include "ipc/message.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t packet[4096];

static struct cursor open_again(const struct builder *builder)
{
	return cursor_from(builder->data, builder->size);
}

static void a_message_comes_back_as_it_was(void **state)
{
	struct message_minted sent = {
		.status = 7, .certificate = span_from_string("der"), .serial = span_from_string(""), .not_before = -1, .not_after = INT64_MAX,
	}, got;
	memset(sent.fingerprint, 0xa5, sizeof(sent.fingerprint));
	struct builder builder = builder_from(packet, sizeof(packet));
	message_minted_encode(&sent, &builder);
	assert_int_equal(builder.size, 4 + 4 + 3 + 32 + 4 + 8 + 8);
	struct cursor cursor = open_again(&builder);
	assert_int_equal(message_minted_decode(&cursor, &got), 0);
	assert_int_equal(got.status, 7);
	assert_true(span_equals(got.certificate, "der") && span_equals(got.serial, ""));
	assert_memory_equal(got.fingerprint, sent.fingerprint, 32);
	assert_true(got.not_before == -1 && got.not_after == INT64_MAX);
}

static void each_shorter_or_longer_message_is_refused(void **state)
{
	struct message_upload_create sent = { .length = 5, .peer = span_from_string("::1") }, got = { .length = 77 };
	struct builder builder = builder_from(packet, sizeof(packet));
	message_upload_create_encode(&sent, &builder);
	for (size_t size = 0; size <= builder.size + 1; size++) {
		struct cursor cursor = cursor_from(packet, size);
		assert_int_equal(message_upload_create_decode(&cursor, &got), size == builder.size ? 0 : -SIS_ERR_PROTOCOL);
		assert_int_equal(got.length, size < builder.size ? 77 : 5);
	}
}

static void a_length_inside_cannot_reach_outside(void **state)
{
	static const uint8_t wrong[][8] = { { 0, 0, 0, 5, 'a', 'b', 'c', 'd' }, { 0xff, 0xff, 0xff, 0xff }, { 0, 0, 0, 3, 'a', 'b', 'c', 'd' } };
	for (size_t i = 0; i < 3; i++) {
		struct cursor cursor = cursor_from(wrong[i], 8);
		struct message_upload_release got;
		assert_int_equal(message_upload_release_decode(&cursor, &got), -SIS_ERR_PROTOCOL);
	}
}

/* Every row, every pair of roles: only what the table's letters say. */
static void only_the_named_roles_may_talk(void **state)
{
	static const enum role roles[] = { ROLE_MASTER, ROLE_SIGNER, ROLE_LEDGER, ROLE_WORKER };
	static const struct { enum message_type type; const char *senders, *receivers; unsigned n_fds; } table[] = {
#define MESSAGE(NAME, name, senders, receivers, n_fds, doc) { MESSAGE_##NAME, #senders, #receivers, n_fds },
#include "ipc/messages.def"
#undef MESSAGE
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (int s = 0; s < 4; s++) {
			for (int r = 0; r < 4; r++) {
				bool expected = strchr(table[i].senders, "MSLW"[s]) != NULL && strchr(table[i].receivers, "MSLW"[r]) != NULL;
				assert_int_equal(message_may_pass(table[i].type, roles[s], roles[r], 0), expected);
				assert_int_equal(message_may_pass(table[i].type, roles[s], roles[r], table[i].n_fds), expected);
				assert_false(message_may_pass(table[i].type, roles[s], roles[r], table[i].n_fds + 1));
			}
		}
	}
}

static void what_must_never_pass(void **state)
{
	assert_false(message_may_pass(MESSAGE_MINT, ROLE_WORKER, ROLE_SIGNER, 0));
	assert_false(message_may_pass(MESSAGE_SIGN_CRL, ROLE_WORKER, ROLE_SIGNER, 0));
	assert_false(message_may_pass(MESSAGE_AUDIT, ROLE_WORKER, ROLE_LEDGER, 0));
	assert_false(message_may_pass(MESSAGE_TLS_IDENTITY, ROLE_WORKER, ROLE_SIGNER, 0));
	assert_false(message_may_pass(MESSAGE_NONE, ROLE_MASTER, ROLE_WORKER, 0));
	assert_false(message_may_pass(MESSAGE_END, ROLE_MASTER, ROLE_WORKER, 0));
	assert_false(message_may_pass((enum message_type)60000, ROLE_MASTER, ROLE_WORKER, 0));
	assert_false(message_may_pass(MESSAGE_STOP, (enum role)0, ROLE_WORKER, 0));
	assert_false(message_may_pass(MESSAGE_STOP, ROLE_MASTER, (enum role)3, 0));
}

static const char *open_stop(unsigned type, unsigned version, uint32_t size, size_t cut, enum role sender, unsigned n_fds)
{
	struct builder builder = builder_from(packet, sizeof(packet));
	builder_put_u16(&builder, (uint16_t)type);
	builder_put_u16(&builder, (uint16_t)version);
	builder_put_u32(&builder, size);
	builder_put_u64(&builder, 9);
	message_stop_encode(&(struct message_stop){ .grace_ms = 5 }, &builder);
	struct cursor cursor = cursor_from(packet, builder.size - cut);
	enum message_type got_type = MESSAGE_NONE;
	uint64_t id = 0;
	const char *reason = message_open(&cursor, sender, ROLE_WORKER, n_fds, &got_type, &id);
	assert_int_equal(got_type, reason == NULL ? MESSAGE_STOP : MESSAGE_NONE);
	assert_int_equal(id, reason == NULL ? 9 : 0);
	return reason;
}

static void headers_are_checked_in_every_field(void **state)
{
	assert_null(open_stop(MESSAGE_STOP, 1, 4, 0, ROLE_MASTER, 0));
	assert_string_equal(open_stop(MESSAGE_STOP, 1, 4, 0, ROLE_LEDGER, 0), "a message that it may not send");
	assert_string_equal(open_stop(MESSAGE_STOP, 1, 4, 0, ROLE_MASTER, 1), "a message that it may not send");
	assert_string_equal(open_stop(0xffff, 1, 4, 0, ROLE_MASTER, 0), "a message that it may not send");
	assert_string_equal(open_stop(MESSAGE_STOP, 2, 4, 0, ROLE_MASTER, 0), "a packet of another version");
	assert_string_equal(open_stop(MESSAGE_STOP, 1, 5, 0, ROLE_MASTER, 0), "a packet of a wrong size");
	assert_string_equal(open_stop(MESSAGE_STOP, 1, 0xfffffff4, 0, ROLE_MASTER, 0), "a packet of a wrong size");
	assert_string_equal(open_stop(MESSAGE_STOP, 1, 3, 1, ROLE_MASTER, 0), "a malformed message");
	assert_string_equal(open_stop(MESSAGE_PING, 1, 4, 0, ROLE_MASTER, 0), "a malformed message");
	for (size_t cut = 5; cut <= MESSAGE_HEADER_BYTES + 4; cut++)
		assert_string_equal(open_stop(MESSAGE_STOP, 1, 4, cut, ROLE_MASTER, 0), "a packet of a wrong size");
}

static void names_are_known(void **state)
{
	assert_string_equal(message_name(MESSAGE_UPLOAD_COMMIT), "UPLOAD_COMMIT");
	assert_string_equal(message_name((enum message_type)60000), "unknown");
	assert_string_equal(role_name(ROLE_LEDGER), "ledger");
	assert_int_equal(role_letter(ROLE_WORKER), 'W');
	assert_string_equal(role_name((enum role)3), "nobody");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_as_it_was),
		cmocka_unit_test(each_shorter_or_longer_message_is_refused),
		cmocka_unit_test(a_length_inside_cannot_reach_outside),
		cmocka_unit_test(only_the_named_roles_may_talk),
		cmocka_unit_test(what_must_never_pass),
		cmocka_unit_test(headers_are_checked_in_every_field),
		cmocka_unit_test(names_are_known),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
