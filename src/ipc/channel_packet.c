/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One packet over one socket, with its descriptors. */
#include "ipc/channel_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void channel_packet_close_fds(struct channel_packet *packet)
{
	for (unsigned i = 0; i < packet->n_fds; i++)
		packet->fds[i] = fd_close(packet->fds[i]);
	packet->n_fds = 0;
}

int packet_send(int fd, struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS)]; } control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = n_parts };
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n_fds) };
		memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
	}
	ssize_t n;
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_from_errno(errno) : 0;
}

static unsigned take_descriptors(struct msghdr *message, int fds[MESSAGE_MAX_FDS])
{
	unsigned n = 0;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n_here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n_here; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (n < MESSAGE_MAX_FDS)
				fds[n++] = fd;
			else
				fd_close(fd);
		}
	}
	return n;
}

int packet_receive(const struct channel *channel, uint8_t *buffer, struct channel_packet *packet, const char **ret_reason)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS)]; } control;
	struct iovec part = { .iov_base = buffer, .iov_len = MESSAGE_MAX_BYTES };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;
	/* A peer that ended without having read everything is told as ECONNRESET, once, and before its last words: they come with the next call. */
	do
		n = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	*ret_reason = "the connection was closed";
	if (n < 0)
		return error_from_errno(errno);
	*packet = (struct channel_packet){ 0 };
	memset(packet->fds, -1, sizeof(packet->fds));
	packet->n_fds = take_descriptors(&message, packet->fds);
	if (n == 0) {                           /* also an empty packet, which no honest peer sends */
		channel_packet_close_fds(packet);
		return -SIS_ERR_CLOSED;
	}
	struct cursor cursor = cursor_from(buffer, (size_t)n);
	if (message.msg_flags & MSG_CTRUNC && packet->n_fds < MESSAGE_MAX_FDS)
		*ret_reason = "this process has no descriptors left";
	else if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		*ret_reason = "a packet of a wrong size";
	else
		*ret_reason = message_open(&cursor, channel->peer, channel->self, packet->n_fds, &packet->type, &packet->id);
	packet->payload = cursor;
	if (*ret_reason == NULL)
		return 0;
	channel_packet_close_fds(packet);
	return -SIS_ERR_PROTOCOL;
}
