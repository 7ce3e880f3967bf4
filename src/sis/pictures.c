/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis-picture's other end. A child may have been taken over by the picture that it decoded: what comes from it is measured before it is believed. */
#include "sis/picture_job.h"


#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>


#define GRACE_SECONDS 5
#define PROGRAM "sis-picture"

extern char **environ;

struct pictures {
	pthread_mutex_t mutex;
	int control_fd;
	pid_t pid;
	bool is_started;
};

int pictures_start(const struct sis *sis, struct pictures **ret_pictures)
{
	(void)sis;
	struct pictures *pictures = xcalloc(1, sizeof(*pictures));
	pthread_mutex_init(&pictures->mutex, NULL);
	pictures->control_fd = -1;
	*ret_pictures = pictures;
	return 0;
}

char *program_path(const char *name)
{
	CLEANUP_FREE char *directory = program_directory();
	if (directory != NULL) {
		char *path = xasprintf("%s/%s", directory, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xasprintf("%s/%s", SIS_LIBEXECDIR, name);
}

static void spawn(struct pictures *pictures)
{
	CLEANUP_FREE char *path = program_path(PROGRAM);
	char *const arguments[] = { (char[]){ PROGRAM }, NULL };
	posix_spawn_file_actions_t actions;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, pair[1], JOB_CONTROL_FD);
	if (posix_spawn(&pictures->pid, path, &actions, NULL, arguments, environ) == 0)
		pictures->control_fd = fd_take(&pair[0]);
	posix_spawn_file_actions_destroy(&actions);
	fd_close(pair[0]);
	close(pair[1]);
}

void pictures_wake(struct pictures *pictures)
{
	pthread_mutex_lock(&pictures->mutex);
	if (!pictures->is_started)
		spawn(pictures);
	pictures->is_started = true;
	pthread_mutex_unlock(&pictures->mutex);
}

void pictures_stop(struct pictures *pictures)
{
	if (pictures == NULL)
		return;
	if (pictures->control_fd >= 0) {
		close(pictures->control_fd);
		kill(pictures->pid, SIGKILL);
		waitpid(pictures->pid, NULL, 0);
	}
	pthread_mutex_destroy(&pictures->mutex);
	free(pictures);
}

/* The child's end of the stream goes to the program with the job. */
static int pass_stream(const struct pictures *pictures, uint8_t job, int fd)
{
	union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec part = { &job, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(pictures->control_fd, &message, MSG_NOSIGNAL) == 1 ? 0 : -SIS_ERR_UNAVAILABLE;
}

static int wait_ready(const struct stream *stream, short events)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = stream->fd, .events = events };
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		if (time_monotonic_ns() > stream->deadline_ns)
			return -SIS_ERR_TIMEOUT;
		if (poll(&poll_fd, 1, 100) > 0)
			return 0;
	}
}

static int stream_write(const struct stream *stream, const void *data, size_t size)
{
	const uint8_t *at = data, *end = at + size;
	while (at < end) {
		int r = wait_ready(stream, POLLOUT);
		ssize_t n = r == 0 ? send(stream->fd, at, (size_t)(end - at), MSG_NOSIGNAL | MSG_DONTWAIT) : r;
		if (r < 0)
			return r;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -SIS_ERR_CLOSED;
		at += n > 0 ? n : 0;
	}
	return 0;
}

static int stream_read(const struct stream *stream, void *ret_data, size_t size)
{
	uint8_t *at = ret_data, *end = at + size;
	while (at < end) {
		int r = wait_ready(stream, POLLIN);
		ssize_t n = r == 0 ? recv(stream->fd, at, (size_t)(end - at), MSG_DONTWAIT) : r;
		if (r < 0)
			return r;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return -SIS_ERR_CLOSED;
		at += n > 0 ? n : 0;
	}
	return 0;
}

int stream_open(struct pictures *pictures, uint8_t job, struct span file, struct stream *ret_stream)
{
	int pair[2];
	uint64_t size = file.size, seconds = GRACE_SECONDS + (job == JOB_CONVERT ? JOB_CONVERT_SECONDS : JOB_SECONDS);
	pictures_wake(pictures);
	if (pictures->control_fd < 0)
		return -SIS_ERR_UNAVAILABLE;
	if (size > JOB_PICTURE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_from_errno(errno);
	struct stream stream = { pair[0], time_monotonic_ns() + seconds * 1000000000u };
	bool may_be_heif = file.size > 8 && memcmp(file.data + 4, "ftyp", 4) == 0;
	int r = pass_stream(pictures, may_be_heif ? job | JOB_HEIF : job, pair[1]);
	close(pair[1]);
	if (r == 0)
		r = stream_write(&stream, &size, sizeof(size));
	if (r == 0)
		r = stream_write(&stream, file.data, file.size);
	if (r < 0)
		close(stream.fd);
	else
		*ret_stream = stream;
	return r;
}

int stream_get(const struct stream *stream, enum job_frame frame, uint64_t max, struct blob *ret_bytes)
{
	uint8_t kind;
	uint64_t size;
	int r = stream_read(stream, &kind, 1);
	if (r == 0)
		r = stream_read(stream, &size, sizeof(size));
	if (r < 0)
		return r;
	if (kind != frame || size > max)
		return -SIS_ERR_BAD_FORMAT;
	CLEANUP_BLOB struct blob bytes = { malloc((size_t)size + 1), (size_t)size };
	if (bytes.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	r = stream_read(stream, bytes.data, bytes.size);
	if (r < 0)
		return r;
	bytes.data[size] = 0;
	*ret_bytes = bytes;
	bytes = (struct blob){ 0 };
	return 0;
}

void stream_close(struct stream *stream)
{
	stream->fd = fd_close(stream->fd);
}

static int get_size(const struct stream *stream, uint32_t *ret_width, uint32_t *ret_height)
{
	CLEANUP_BLOB struct blob bytes = { 0 };
	int r = stream_get(stream, JOB_SIZE, 8, &bytes);
	struct cursor cursor = cursor_from(bytes.data, bytes.size);
	uint32_t width = cursor_get_u32(&cursor), height = cursor_get_u32(&cursor);
	if (r == 0 && (!cursor_done(&cursor) || width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX))
		r = -SIS_ERR_BAD_FORMAT;
	if (r == 0) {
		*ret_width = width;
		*ret_height = height;
	}
	return r;
}

int stream_get_picture(const struct stream *stream, enum job_frame frame, uint64_t max, struct rendered *ret_rendered)
{
	CLEANUP_BLOB struct blob bytes = { 0 }, end = { 0 };
	struct rendered rendered = { 0 };
	int r = get_size(stream, &rendered.width, &rendered.height);
	if (r == 0)
		r = stream_get(stream, frame, max, &bytes);
	if (r == 0)
		r = stream_get(stream, JOB_END, 0, &end);
	bool good = r == 0 && (frame == JOB_PIXELS ? (uint64_t)rendered.width * rendered.height * 4 == bytes.size
	                                           : bytes.size > 3 && memcmp(bytes.data, "\xff\xd8\xff", 3) == 0);
	if (!good)
		return r == -SIS_ERR_INTERRUPTED || r == -SIS_ERR_NO_MEMORY ? r : -SIS_ERR_BAD_FORMAT;
	rendered.bytes = bytes;
	bytes = (struct blob){ 0 };
	*ret_rendered = rendered;
	return 0;
}

static int do_job(struct pictures *pictures, uint8_t job, struct span file, enum job_frame frame, uint64_t max, struct rendered *ret_rendered)
{
	struct stream stream;
	int r = stream_open(pictures, job, file, &stream);
	if (r < 0)
		return r == -SIS_ERR_CLOSED || r == -SIS_ERR_TIMEOUT ? -SIS_ERR_BAD_FORMAT : r;
	r = stream_get_picture(&stream, frame, max, ret_rendered);
	stream_close(&stream);
	return r;
}

static int hand_out(int r, struct rendered *rendered, struct blob *ret_bytes, uint32_t *ret_width, uint32_t *ret_height)
{
	if (r < 0)
		return r;
	*ret_bytes = rendered->bytes;
	*ret_width = rendered->width;
	*ret_height = rendered->height;
	return 0;
}

int pictures_decode(struct pictures *pictures, struct span jpeg, struct blob *ret_pixels, uint32_t *ret_width, uint32_t *ret_height)
{
	struct rendered rendered;
	uint64_t max = (uint64_t)JOB_DRAWN_MAX_EDGE * JOB_DRAWN_MAX_EDGE * 4;
	return hand_out(do_job(pictures, JOB_DECODE, jpeg, JOB_PIXELS, max, &rendered), &rendered, ret_pixels, ret_width, ret_height);
}

int pictures_convert(struct pictures *pictures, struct span file, struct blob *ret_jpeg, uint32_t *ret_width, uint32_t *ret_height)
{
	struct rendered rendered;
	return hand_out(do_job(pictures, JOB_CONVERT, file, JOB_JPEG, JOB_PICTURE_MAX_BYTES, &rendered), &rendered, ret_jpeg, ret_width, ret_height);
}
