/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The event loop: callbacks may remove anything, timers come in order, batches come after. */
#include "base/error.h"
#include "base/loop.h"
#include "base/util.h"

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

static struct loop *loop;
static struct loop_source *sources[4];
static int n_calls, pipes[2][2];
static char order[64], letters[] = "abcxyz";

static void note(char what)
{
	size_t n = strlen(order);
	assert_true(n + 1 < sizeof(order));
	order[n] = what;
	order[n + 1] = 0;
}

static void stop(void *arg)
{
	loop_stop(loop, 42);
}

static void stop_in(int64_t delay_ms)
{
	assert_int_equal(loop_add_timer(loop, delay_ms, stop, NULL, NULL), 0);
	assert_int_equal(loop_run(loop), 42);
}

static void note_arg(void *arg)
{
	note(*(const char *)arg);
}

static void add_timers(void)
{
	assert_int_equal(loop_add_timer(loop, 30, note_arg, &letters[2], NULL), 0);
	assert_int_equal(loop_add_timer(loop, 10, note_arg, &letters[0], NULL), 0);
	assert_int_equal(loop_add_timer(loop, 20, note_arg, &letters[1], NULL), 0);
	assert_int_equal(loop_add_timer(loop, -1, note_arg, &letters[3], NULL), 0);
	assert_int_equal(loop_add_timer(loop, 5, note_arg, &letters[4], &sources[0]), 0);
	loop_remove(sources[0]);
}

static void timers_come_in_order(void **state)
{
	/* Anew where the machine did other things in between, for so long that another order is the right one. */
	for (uint64_t began = time_monotonic_ns(); add_timers(), time_monotonic_ns() - began > 5000000; began = time_monotonic_ns()) {
		loop_free(loop);
		assert_int_equal(loop_new(&loop), 0);
	}
	stop_in(40);
	assert_string_equal(order, "abc");
}

static void many_timers_come_in_order(void **state)
{
	enum { N = 500 };
	static struct loop_source *timers[N];
	for (int i = 0; i < N; i++)
		assert_int_equal(loop_add_timer(loop, i * 7919 % 101, note_arg, &letters[5], &timers[i]), 0);
	for (int i = 0; i < N; i++) {           /* in the heap's worst order: from everywhere */
		if (i % 3 == 0)
			loop_timer_set(timers[i], -1);
		else
			loop_remove(timers[i]);
	}
	stop_in(120);
	assert_string_equal(order, "");
}

static void rearm(void *arg)
{
	note('r');
	if (++n_calls < 3)
		loop_timer_set(sources[0], 0);
}

static void a_timer_rearms_itself(void **state)
{
	assert_int_equal(loop_add_timer(loop, 0, rearm, NULL, &sources[0]), 0);
	stop_in(20);
	assert_string_equal(order, "rrr");
}

/* Whichever of the two comes first removes both. */
static void remove_both(uint32_t epoll_events, void *arg)
{
	n_calls++;
	loop_remove(sources[0]);
	loop_remove(sources[1]);
	sources[0] = sources[1] = NULL;
}

static void callbacks_may_remove_anything(void **state)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_add_io(loop, pipes[i][0], EPOLLIN, remove_both, NULL, &sources[i]), 0);
		assert_int_equal(fd_write_all(pipes[i][1], "x", 1), 0);
	}
	stop_in(20);
	assert_int_equal(n_calls, 1);
	loop_remove(NULL);
}

static void read_one(uint32_t epoll_events, void *arg)
{
	char byte;
	n_calls++;
	assert_int_equal(read(pipes[0][0], &byte, 1), 1);
}

static void interest_can_be_taken_back(void **state)
{
	for (int exclusive = 0; exclusive < 2; exclusive++) {
		uint32_t flags = exclusive ? (uint32_t)EPOLLEXCLUSIVE : 0;
		n_calls = 0;
		assert_int_equal(loop_add_io(loop, pipes[0][0], EPOLLIN | flags, read_one, NULL, &sources[0]), 0);
		assert_int_equal(loop_modify_io(sources[0], flags), 0);
		assert_int_equal(fd_write_all(pipes[0][1], "x", 1), 0);
		stop_in(10);
		assert_int_equal(n_calls, 0);
		assert_int_equal(loop_modify_io(sources[0], EPOLLIN | flags), 0);
		stop_in(10);
		assert_int_equal(n_calls, 1);
		loop_remove(sources[0]);
	}
}

static void note_after(void *arg)
{
	note('A');
}

static void first(uint32_t epoll_events, void *arg)
{
	char byte;
	assert_int_equal(read(*(int *)arg, &byte, 1), 1);
	note('i');
	if (n_calls++ == 0)
		assert_int_equal(loop_add_after(loop, note_after, NULL), 0);
}

static void batches_come_after_the_round(void **state)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_add_io(loop, pipes[i][0], EPOLLIN, first, &pipes[i][0], &sources[i]), 0);
		assert_int_equal(fd_write_all(pipes[i][1], "x", 1), 0);
	}
	stop_in(10);
	assert_string_equal(order, "iiA");
}

static void add_again(void *arg)
{
	note('a');
	if (++n_calls < 3)
		assert_int_equal(loop_add_after(loop, add_again, NULL), 0);
	else
		loop_stop(loop, 7);
}

static void an_after_may_add_another_without_waiting(void **state)
{
	assert_int_equal(loop_add_after(loop, add_again, NULL), 0);
	assert_int_equal(loop_run(loop), 7);
	assert_string_equal(order, "aaa");
}

static void on_signal(int number, void *arg)
{
	note(number == SIGUSR1 ? '1' : '2');
}

static void signals_are_events(void **state)
{
	assert_int_equal(loop_add_signal(loop, SIGUSR1, on_signal, NULL), 0);
	assert_int_equal(loop_add_signal(loop, SIGUSR2, on_signal, NULL), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	stop_in(10);
	assert_string_equal(order, "12");
}

static void a_stop_before_the_run_counts(void **state)
{
	loop_stop(loop, 3);
	assert_int_equal(loop_run(loop), 3);
}

static void a_bad_descriptor_is_an_error(void **state)
{
	assert_true(loop_add_io(loop, -1, EPOLLIN, read_one, NULL, &sources[3]) < 0);
	assert_true(loop_add_io(loop, 99999, EPOLLIN, read_one, NULL, NULL) < 0);
}

static int set_up(void **state)
{
	n_calls = 0;
	order[0] = 0;
	return loop_new(&loop) != 0 || pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0;
}

static int tear_down(void **state)
{
	loop_free(loop);
	for (int i = 0; i < 4; i++)
		fd_close(pipes[i / 2][i % 2]);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_come_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_timers_come_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_rearms_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(callbacks_may_remove_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(interest_can_be_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(batches_come_after_the_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_after_may_add_another_without_waiting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals_are_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stop_before_the_run_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_descriptor_is_an_error, set_up, tear_down),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
