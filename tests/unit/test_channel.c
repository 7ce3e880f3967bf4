/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Channels: nothing that breaks the table reaches a handler, no descriptor leaks, a slow peer costs bounded memory. */
#include "ipc/channel.h"
#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static struct channel *ledger, *worker;
static int raw_fd = -1;                 /* the worker's end, when a test speaks by hand */
static int n_packets, n_broken, broken_error, kept_fd;
static uint64_t last_id;
static const char *broken_reason;
static struct span last_payload;        /* where it was */
static bool held_secret;
static int n_fds_at_start;

static int count_descriptors(void)
{
	int n = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (readdir(directory) != NULL)
		n++;
	closedir(directory);
	return n;
}

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	assert_true(last_id == 0 || packet->id == last_id + 1);
	last_id = packet->id;
	n_packets++;
	last_payload = (struct span){ packet->payload.at, cursor_left(&packet->payload) };
	held_secret = memmem(last_payload.data, last_payload.size, "a secret", 8) != NULL;
	if (packet->n_fds > 0)
		kept_fd = fd_take(&packet->fds[0]);
}

static void on_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	n_broken++;
	broken_error = error;
	broken_reason = reason;
}

static void stop(void *arg)
{
	loop_stop(loop, 0);
}

static void run_for(int64_t ms)
{
	assert_int_equal(loop_add_timer(loop, ms, stop, NULL, NULL), 0);
	assert_int_equal(loop_run(loop), 0);
}

static int send_done(struct channel *channel, uint64_t id, size_t size)
{
	static const uint8_t zeros[MESSAGE_MAX_BYTES];
	return CHANNEL_SEND(channel, id, done, DONE, &(struct message_done){ .status = 0, .detail = { zeros, size } });
}

#define DONE_MAX (MESSAGE_MAX_BYTES - MESSAGE_HEADER_BYTES - 8)

static int set_up_pair(void **state, bool raw)
{
	int fds[2];
	n_packets = n_broken = broken_error = 0;
	last_id = 0;
	broken_reason = NULL;
	kept_fd = -1;
	ledger = worker = NULL;
	n_fds_at_start = count_descriptors();
	if (loop_new(&loop) != 0 || channel_pair(fds) != 0)
		return 1;
	raw_fd = raw ? fds[1] : -1;
	if (!raw && channel_new(loop, fds[1], ROLE_WORKER, ROLE_LEDGER, on_packet, on_broken, NULL, &worker) != 0)
		return 1;
	return channel_new(loop, fds[0], ROLE_LEDGER, ROLE_WORKER, on_packet, on_broken, NULL, &ledger);
}

static int set_up(void **state)
{
	return set_up_pair(state, false);
}

static int set_up_raw(void **state)
{
	return set_up_pair(state, true);
}

static int tear_down(void **state)
{
	channel_free(ledger);
	channel_free(worker);
	loop_free(loop);
	fd_closep(&raw_fd);
	fd_closep(&kept_fd);
	assert_int_equal(count_descriptors(), n_fds_at_start);
	return 0;
}

static void packets_arrive_in_order(void **state)
{
	for (uint64_t id = 1; id <= 2000; id++)
		assert_int_equal(send_done(ledger, id, id * 7 % 1000), 0);
	run_for(50);
	assert_int_equal(n_packets, 2000);
	assert_int_equal(n_broken, 0);
}

/* A handler may have been given a password: what it was given is gone when it returns, and so is what the sender had composed. */
static void no_copy_of_a_packet_stays(void **state)
{
	const struct builder composed = channel_builder();
	assert_int_equal(CHANNEL_SEND(ledger, 1, done, DONE, &(struct message_done){ .status = 0, .detail = span_from_string("a secret") }), 0);
	assert_null(memmem(composed.data, composed.capacity, "a secret", 8));
	run_for(10);
	assert_int_equal(n_packets, 1);
	assert_true(held_secret);
	assert_null(memmem(last_payload.data, last_payload.size, "a secret", 8));
}

static void the_largest_packet_passes_and_no_larger(void **state)
{
	assert_int_equal(send_done(ledger, 1, DONE_MAX), 0);
	assert_int_equal(send_done(ledger, 2, DONE_MAX + 1), -SIS_ERR_TOO_LARGE);
	run_for(10);
	assert_int_equal(n_packets, 1);
	assert_int_equal(n_broken, 0);
}

static void a_slow_peer_is_queued_for_then_given_up(void **state)
{
	uint64_t id = 1;
	int error;
	while ((error = send_done(ledger, id, DONE_MAX)) == 0)
		id++;
	assert_int_equal(error, -SIS_ERR_BUSY);
	assert_in_range(id, (64u << 20) / MESSAGE_MAX_BYTES - 1, (66u << 20) / MESSAGE_MAX_BYTES);
	assert_int_equal(send_done(ledger, id, 0), -SIS_ERR_CLOSED);
	assert_int_equal(n_broken, 0);          /* told by the loop, not from within the send */
	for (int i = 0; i < 1000 && n_broken < 2; i++)
		run_for(10);
	assert_int_equal(n_broken, 2);          /* and the worker sees the end */
}

static void descriptors_travel_through_the_queue(void **state)
{
	char path[] = "/tmp/sis-channel-XXXXXX";
	CLEANUP_FD int fd = mkstemp(path);
	struct stat sent, got;
	assert_int_equal(unlink(path), 0);
	for (uint64_t id = 1; id <= 20; id++)   /* more than the socket holds */
		assert_int_equal(send_done(ledger, id, DONE_MAX), 0);
	struct message_upload_opened message = { .upload = span_from_string("u") };
	assert_int_equal(CHANNEL_SEND_FDS(ledger, 21, upload_opened, UPLOAD_OPENED, &message, &fd, 1), 0);
	assert_int_equal(fstat(fd, &sent), 0);
	fd_closep(&fd);
	run_for(30);
	assert_int_equal(n_packets, 21);
	assert_int_equal(fstat(kept_fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	assert_true(fcntl(kept_fd, F_GETFD) & FD_CLOEXEC);
}

static void a_slow_peer_cannot_hoard_descriptors(void **state)
{
	struct message_upload_opened message = { .upload = span_from_string("u") };
	int error = 0, fd = STDERR_FILENO, n;
	for (uint64_t id = 1; id <= 20; id++)   /* fill the socket */
		assert_int_equal(send_done(ledger, id, DONE_MAX), 0);
	for (n = 0; error == 0 && n < 1000; n++)
		error = CHANNEL_SEND_FDS(ledger, 0, upload_opened, UPLOAD_OPENED, &message, &fd, 1);
	assert_int_equal(error, -SIS_ERR_BUSY);
	assert_int_equal(n, 257);
}

static void small_packets_are_counted_with_what_they_cost(void **state)
{
	int n = 0;
	while (send_done(ledger, 0, 0) == 0)
		n++;
	assert_in_range(n, 100000, 800000);
}

static void an_orderly_end_comes_after_the_last_packet(void **state)
{
	assert_int_equal(send_done(ledger, 1, 10), 0);
	channel_free(ledger);
	ledger = NULL;
	run_for(10);
	assert_int_equal(n_packets, 1);
	assert_int_equal(n_broken, 1);
	assert_int_equal(broken_error, -SIS_ERR_CLOSED);
	assert_int_equal(CHANNEL_SEND(worker, 1, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){ 0 }), -SIS_ERR_CLOSED);
}

static void free_in_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	n_packets++;
	channel_free(channel);
	channel_free(channel);                  /* forgiven inside of the callback */
	worker = NULL;
}

static void free_in_broken(struct channel *channel, int error, const char *reason, void *arg)
{
	n_broken++;
	channel_free(channel);
	ledger = NULL;
}

static void a_channel_may_be_freed_in_its_callbacks(void **state)
{
	channel_free(ledger);
	channel_free(worker);
	int fds[2];
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(loop, fds[0], ROLE_LEDGER, ROLE_WORKER, on_packet, free_in_broken, NULL, &ledger), 0);
	assert_int_equal(channel_new(loop, fds[1], ROLE_WORKER, ROLE_LEDGER, free_in_packet, on_broken, NULL, &worker), 0);
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(send_done(ledger, id, 10), 0);
	run_for(10);
	assert_int_equal(n_packets, 1);
	assert_int_equal(n_broken, 1);
	assert_null(ledger);
	assert_null(worker);
}

static void break_it(struct channel *channel, struct channel_packet *packet, void *arg)
{
	n_packets++;
	channel_break(channel, "it lied");
}

static void a_handler_may_break_the_channel(void **state)
{
	channel_free(worker);
	channel_free(ledger);
	int fds[2];
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(loop, fds[0], ROLE_LEDGER, ROLE_WORKER, on_packet, NULL, NULL, &ledger), 0);
	assert_int_equal(channel_new(loop, fds[1], ROLE_WORKER, ROLE_LEDGER, break_it, on_broken, NULL, &worker), 0);
	assert_int_equal(send_done(ledger, 1, 10), 0);
	assert_int_equal(send_done(ledger, 2, 10), 0);
	run_for(10);
	assert_int_equal(n_packets, 1);
	assert_int_equal(n_broken, 1);
	assert_int_equal(broken_error, -SIS_ERR_PROTOCOL);
	assert_string_equal(broken_reason, "it lied");
}

/* By hand */

static void send_raw(const void *data, size_t size, const int *fds, size_t n_fds)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * 64)]; } control;
	struct iovec part = { .iov_len = size };
	memcpy(&part.iov_base, &data, sizeof(data));
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	memset(&control, 0, sizeof(control));
	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n_fds) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, sizeof(int) * n_fds);
	}
	assert_int_equal(sendmsg(raw_fd, &message, MSG_NOSIGNAL), size);
}

static uint8_t packet[MESSAGE_MAX_BYTES + 100];

static struct builder start_packet(enum message_type type, size_t payload_size)
{
	struct builder builder = builder_from(packet, sizeof(packet));
	message_put_header(&builder, type, 1, payload_size);
	return builder;
}

static void expect_broken(const char *reason)
{
	run_for(10);
	assert_int_equal(n_packets, 0);
	assert_int_equal(n_broken, 1);
	assert_int_equal(broken_error, -SIS_ERR_PROTOCOL);
	assert_string_equal(broken_reason, reason);
	char byte;
	assert_int_equal(recv(raw_fd, &byte, 1, MSG_DONTWAIT), 0);      /* the peer has been cut off */
}

static void a_wrong_sender_is_cut_off(void **state)
{
	struct builder builder = start_packet(MESSAGE_DONE, 8);         /* the ledger's word */
	message_done_encode(&(struct message_done){ 0 }, &builder);
	send_raw(packet, builder.size, NULL, 0);
	expect_broken("a message that it may not send");
}

static void an_unknown_message_is_cut_off(void **state)
{
	struct builder builder = start_packet((enum message_type)999, 0);
	send_raw(packet, builder.size, NULL, 0);
	expect_broken("a message that it may not send");
}

static void trailing_bytes_are_cut_off(void **state)
{
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 5);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	builder_put_u8(&builder, 0);
	send_raw(packet, builder.size, NULL, 0);
	expect_broken("a malformed message");
}

static void a_wrong_size_is_cut_off(void **state)
{
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 9);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	send_raw(packet, builder.size, NULL, 0);
	expect_broken("a packet of a wrong size");
}

static void half_a_header_is_cut_off(void **state)
{
	start_packet(MESSAGE_REVOKE_DONE, 4);
	send_raw(packet, 7, NULL, 0);
	expect_broken("a packet of a wrong size");
}

static void a_packet_too_large_is_cut_off(void **state)
{
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 4);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	send_raw(packet, sizeof(packet), NULL, 0);
	expect_broken("a packet of a wrong size");
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
	int fds[2] = { raw_fd, raw_fd };
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 4);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	send_raw(packet, builder.size, fds, 1);
	expect_broken("a message that it may not send");
}

static void more_descriptors_than_any_message_has_are_closed(void **state)
{
	int fds[MESSAGE_MAX_FDS + 1];
	for (int i = 0; i <= MESSAGE_MAX_FDS; i++)
		fds[i] = raw_fd;
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 4);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	send_raw(packet, builder.size, fds, MESSAGE_MAX_FDS + 1);
	expect_broken("a packet of a wrong size");
}

/* Not the peer's fault, but the packet is lost and with it the channel: the reason must say so. */
static void no_descriptors_left_is_told(void **state)
{
	struct rlimit limit, tight;
	int fd = raw_fd;
	struct builder builder = start_packet(MESSAGE_REVOKE_DONE, 4);
	message_revoke_done_encode(&(struct message_revoke_done){ 0 }, &builder);
	send_raw(packet, builder.size, &fd, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	expect_broken("this process has no descriptors left");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Blocking use */

static void *answer(void *arg)
{
	struct channel *channel = arg;
	struct channel_packet got;
	if (channel_receive(channel, 2000, &got) != 0)
		return NULL;
	/* Something else first, then a stale answer, then the real one. CHANNEL_SEND's scratch buffer belongs to the main thread. */
	uint8_t data[256];
	struct builder builder = builder_from(data, sizeof(data));
	message_published_encode(&(struct message_published){ .sequence = 5 }, &builder);
	(void)channel_send(channel, MESSAGE_PUBLISHED, 0, &builder, NULL, 0);
	builder = builder_from(data, sizeof(data));
	message_done_encode(&(struct message_done){ .status = 3 }, &builder);
	(void)channel_send(channel, MESSAGE_DONE, got.id, &builder, NULL, 0);
	return NULL;
}

static void ignore_packet(struct channel *channel, struct channel_packet *got, void *arg)
{
	n_packets++;
}

static void a_call_waits_for_its_answer(void **state)
{
	int fds[2];
	struct channel *client, *server;
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_new(NULL, fds[0], ROLE_WORKER, ROLE_LEDGER, ignore_packet, on_broken, NULL, &client), 0);
	assert_int_equal(channel_new(NULL, fds[1], ROLE_LEDGER, ROLE_WORKER, NULL, NULL, NULL, &server), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, answer, server), 0);
	struct builder builder = channel_builder();
	message_upload_cancel_encode(&(struct message_upload_cancel){ .upload = span_from_string("u") }, &builder);
	struct channel_packet got;
	struct message_done done;
	assert_int_equal(channel_call(client, MESSAGE_UPLOAD_CANCEL, &builder, MESSAGE_DONE, 2000, &got), 0);
	assert_int_equal(message_done_decode(&got.payload, &done), 0);
	assert_int_equal(done.status, 3);
	assert_int_equal(n_packets, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(channel_receive(client, 0, &got), -SIS_ERR_TIMEOUT);
	channel_free(server);
	assert_int_equal(channel_receive(client, 100, &got), -SIS_ERR_CLOSED);
	assert_int_equal(channel_receive(client, 100, &got), -SIS_ERR_CLOSED);
	channel_free(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define RAW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_raw, tear_down)

static void the_last_words_of_a_peer_that_had_not_read_everything_arrive(void **state)
{
	for (uint64_t id = 1; id <= 2; id++)
		assert_int_equal(CHANNEL_SEND(worker, id, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){ 0 }), 0);
	assert_int_equal(send_done(ledger, 9, 5), 0);           /* which nobody reads */
	channel_free(worker);
	worker = NULL;
	run_for(50);
	assert_int_equal(n_packets, 2);
	assert_int_equal(n_broken, 1);
	assert_int_equal(broken_error, -SIS_ERR_CLOSED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(packets_arrive_in_order),
		TEST(no_copy_of_a_packet_stays),
		TEST(the_largest_packet_passes_and_no_larger),
		TEST(a_slow_peer_is_queued_for_then_given_up),
		TEST(descriptors_travel_through_the_queue),
		TEST(a_slow_peer_cannot_hoard_descriptors),
		TEST(small_packets_are_counted_with_what_they_cost),
		TEST(an_orderly_end_comes_after_the_last_packet),
		TEST(the_last_words_of_a_peer_that_had_not_read_everything_arrive),
		TEST(a_channel_may_be_freed_in_its_callbacks),
		TEST(a_handler_may_break_the_channel),
		RAW_TEST(a_wrong_sender_is_cut_off),
		RAW_TEST(an_unknown_message_is_cut_off),
		RAW_TEST(trailing_bytes_are_cut_off),
		RAW_TEST(a_wrong_size_is_cut_off),
		RAW_TEST(half_a_header_is_cut_off),
		RAW_TEST(a_packet_too_large_is_cut_off),
		RAW_TEST(descriptors_that_nobody_asked_for_are_closed),
		RAW_TEST(more_descriptors_than_any_message_has_are_closed),
		RAW_TEST(no_descriptors_left_is_told),
		TEST(a_call_waits_for_its_answer),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
