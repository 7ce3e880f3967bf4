/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A role is confined when the kernel says all of it: here in the words of /proc/PID/status. */
#include "sisd/master.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct master master = { .users = { .separate = true, .signer = { 11, 10 }, .ledger = { 12, 10 }, .worker = { 13, 10 } } };

static bool measure(const char *text, const struct process *process, struct measure *ret)
{
	CLEANUP_FD int fd = memfd_create("status", 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	return measure_process(fd, process, ret);
}

#define STATUS(uid, effective, privileges, mode) "Name:\tSeccomp: 2\nUmask:\t0077\nUid:\t" uid "\t13\t13\t13\nGid:\t10\t10\t10\t10\nVmRSS:\t    7040 kB\n" \
	"Threads:\t1\nCapEff:\t" effective "\nNoNewPrivs:\t" privileges "\nSeccomp:\t" mode "\nSeccomp_filters:\t1\n"
#define NONE "0000000000000000"

static void all_of_it_is_needed(void **state)
{
	static const struct { const char *text; bool confined; } cases[] = {
		{ STATUS("13", NONE, "1", "2"), true }, { STATUS("12", NONE, "1", "2"), false }, { STATUS("0", NONE, "1", "2"), false },
		{ STATUS("13", "0000000000000080", "1", "2"), false }, { STATUS("13", NONE, "0", "2"), false }, { STATUS("13", NONE, "1", "0"), false },
		{ STATUS("13", NONE, "1", "1"), false }, { "Name:\tsisd-worker\n", false },
	};
	const struct process worker = { .master = &master, .role = ROLE_WORKER };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct measure got;
		assert_true(measure(cases[i].text, &worker, &got));
		assert_int_equal(got.confined, cases[i].confined);
	}
}

static void figures_are_read(void **state)
{
	const struct process signer = { .master = &master, .role = ROLE_SIGNER };
	struct measure got;
	assert_true(measure(STATUS("13", "000001ffffffffff", "1", "2"), &signer, &got));
	assert_int_equal(got.uid, 13);
	assert_int_equal(got.gid, 10);
	assert_int_equal(got.memory_kib, 7040);
	assert_int_equal(got.threads, 1);
	assert_true((uint64_t)got.capabilities == UINT64_C(0x1ffffffffff));
	assert_false(got.confined);
	assert_true(measure(STATUS("13", "000001ffffffffff", "1", "2"), NULL, &got));
	assert_true(got.confined);                      /* the master itself: root with its few capabilities */
}

static void a_wait_for_the_disk_is_seen(void **state)
{
	static const struct { const char *text; bool waits; } cases[] = {
		{ "Name:\tD\nState:\tD (disk sleep)\n", true }, { "Name:\tState:\tD\nState:\tS (sleeping)\n", false }, { "Name:\tx\n", false }, { "", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FD int fd = memfd_create("status", 0);
		assert_int_equal(fd_write_all(fd, cases[i].text, strlen(cases[i].text)), 0);
		assert_int_equal(measure_waits_for_disk(fd), cases[i].waits);
	}
}

static void the_child_hands_it_over(void **state)
{
	int pair[2];
	struct measure got;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	if (pid == 0) {
		measure_offer(pair[1]);
		_exit(close(pair[0]) + (int)read(pair[1], (char[1]){ 0 }, 1));
	}
	close(pair[1]);
	CLEANUP_FD int fd = measure_take(pair[0]);
	assert_true(measure_process(fd, NULL, &got));
	assert_int_equal(got.uid, getuid());
	close(pair[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(measure_process(fd, NULL, &got));  /* the file of who is gone */
}

static void a_child_that_says_nothing_is_not_waited_for(void **state)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(measure_take(pair[0]), -1);
	close(pair[0]);
}

static void nothing_is_no_measure(void **state)
{
	struct measure got;
	assert_false(measure("", NULL, &got));
	assert_false(measure_process(-1, NULL, &got));
}

static void all_workers_share_an_id_when_unprivileged(void **state)
{
	struct master unprivileged = { 0 };
	const struct process ledger = { .master = &unprivileged, .role = ROLE_LEDGER };
	struct measure got;
	assert_true(measure(STATUS("1000", NONE, "1", "2"), &ledger, &got));
	assert_true(got.confined);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_needed),
		cmocka_unit_test(figures_are_read),
		cmocka_unit_test(nothing_is_no_measure),
		cmocka_unit_test(a_wait_for_the_disk_is_seen),
		cmocka_unit_test(the_child_hands_it_over),
		cmocka_unit_test(a_child_that_says_nothing_is_not_waited_for),
		cmocka_unit_test(all_workers_share_an_id_when_unprivileged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
