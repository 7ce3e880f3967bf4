/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every role does first, seen from the master: it answers PING, logs, says READY, and ends when the master is gone. */
#include "ipc/role.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static struct channel *master;
static pid_t child;
static struct role_setup setup;

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_STOP)
		loop_stop(setup.loop, 33);
}

static _Noreturn void be_a_worker(int fd)
{
	if (fd != ROLE_MASTER_FD && (dup2(fd, ROLE_MASTER_FD) < 0 || close(fd) < 0))
		_exit(99);
	role_start(ROLE_WORKER, on_packet, NULL, &setup);
	log_event(&LOG(FETCHED, .user = "alice", .bytes = 7));
	role_ready(&setup, "in words");
	_exit(loop_run(setup.loop));
}

static int start(void **state)
{
	int fds[2];
	if (channel_pair(fds) != 0)
		return 1;
	child = fork();
	if (child == 0) {
		close(fds[0]);
		be_a_worker(fds[1]);
	}
	close(fds[1]);
	return child < 0 || channel_new(NULL, fds[0], ROLE_MASTER, ROLE_WORKER, NULL, NULL, NULL, &master) != 0;
}

static int exit_status(void)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	child = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int stop(void **state)
{
	channel_free(master);
	return child > 0 ? exit_status() : 0;
}

static void expect_log_and_ready(void)
{
	struct channel_packet packet;
	struct message_log logged;
	struct message_ready ready;
	assert_int_equal(channel_receive(master, 5000, &packet), 0);
	assert_int_equal(packet.type, MESSAGE_LOG);
	assert_int_equal(message_log_decode(&packet.payload, &logged), 0);
	assert_int_equal(logged.event, EVENT_FETCHED);
	assert_true(span_equals(logged.user, "alice") && span_equals(logged.device, "") && logged.bytes == 7);
	assert_int_equal(channel_receive(master, 5000, &packet), 0);
	assert_int_equal(packet.type, MESSAGE_READY);
	assert_int_equal(message_ready_decode(&packet.payload, &ready), 0);
	assert_true(span_equals(ready.sandbox, "in words"));
}

static void a_role_logs_is_ready_and_answers(void **state)
{
	expect_log_and_ready();
	struct builder builder = channel_builder();
	struct channel_packet packet;
	assert_int_equal(channel_call(master, MESSAGE_PING, &builder, MESSAGE_PONG, 5000, &packet), 0);
}

static void a_role_ends_with_its_master(void **state)
{
	expect_log_and_ready();
	channel_free(master);
	master = NULL;
	assert_int_equal(exit_status(), 0);
}

static void a_role_lives_through_the_terminal_s_signals(void **state)
{
	expect_log_and_ready();
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(kill(child, signals[i]), 0);
	assert_int_equal(CHANNEL_SEND(master, 0, stop, STOP, &(struct message_stop){ .grace_ms = 1 }), 0);
	assert_int_equal(exit_status(), 33);
}

static void a_role_without_a_master_refuses_to_start(void **state)
{
	child = fork();
	if (child == 0) {
		close(ROLE_MASTER_FD);
		close(STDERR_FILENO);
		role_start(ROLE_WORKER, on_packet, NULL, &setup);
		_exit(0);
	}
	assert_int_equal(exit_status(), EX_USAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_role_logs_is_ready_and_answers, start, stop),
		cmocka_unit_test_setup_teardown(a_role_ends_with_its_master, start, stop),
		cmocka_unit_test_setup_teardown(a_role_lives_through_the_terminal_s_signals, start, stop),
		cmocka_unit_test(a_role_without_a_master_refuses_to_start),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
