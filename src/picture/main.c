/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis-picture, started by sis: loads the pictures' libraries once, then forks a confined child for each picture. It reads no byte of a picture itself. */
#include "picture/child.h"

#include "base/util.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* One job and its stream; -1 at the end. */
static int receive_job(uint8_t *ret_job)
{
	union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec part = { ret_job, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;
	do
		n = recvmsg(JOB_CONTROL_FD, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	int fd;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void serve(void)
{
	uint8_t job;
	int fd;
	while ((fd = receive_job(&job)) >= 0) {
		if (job & JOB_HEIF)
			render_load_heif();
		pid_t pid = fork();
		if (pid == 0)
			child_run(fd, job & (uint8_t)~JOB_HEIF);
		close(fd);                      /* when there was no fork, too: sis sees the end */
	}
}

int main(int argc, char **argv)
{
	if (argc != 1) {
		fprintf(stderr, "%s is started by sis and does nothing alone\n", argv[0]);
		return EX_USAGE;
	}
	sandbox_begin(JOB_CONTROL_FD + 1);
	/* sis ends us when it is done, by closing the socket. Not by its death as our parent: that would be the death of the thread that started us. */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);                       /* nobody waits for the children: their stream tells */
	if (!inspect_start() || !render_start(argv[0]))
		return EX_SOFTWARE;
	serve();
	_exit(0);
}
