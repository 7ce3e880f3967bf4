/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a decoder of pictures says that was taken over by one of them. The first byte chooses what was asked for. */
#include "base/util.h"
#include "sis/picture_job.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	CLEANUP_BLOB struct blob tags = { 0 };
	struct rendered rendered = { 0 };
	if (size < 1 || size > 65536)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || fd_write_all(pair[1], data + 1, size - 1) < 0 || shutdown(pair[1], SHUT_WR) < 0)
		abort();
	struct stream stream = { pair[0], time_monotonic_ns() + 10000000000u };
	bool is_pixels = data[0] & 1;
	int r = data[0] & 2 ? stream_get(&stream, JOB_TAGS, 4096, &tags) : 0;
	if (r == 0 && (tags.size > 4096 || (tags.data != NULL && tags.data[tags.size] != 0)))
		abort();
	if (r == 0)
		r = stream_get_picture(&stream, is_pixels ? JOB_PIXELS : JOB_JPEG, 16384, &rendered);
	if (r == 0 && (rendered.width == 0 || rendered.height == 0 || rendered.bytes.size > 16384 ||
	               (is_pixels && rendered.bytes.size / 4 / rendered.width != rendered.height)))
		abort();
	blob_free(&rendered.bytes);
	stream_close(&stream);
	close(pair[1]);
	return 0;
}
