/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The PROXY header of a balancer: what its start says of its length, and the whole. */
#include "http/proxy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t wanted = 0;
	bool announced = false;
	struct sockaddr_storage address = { 0 };
	int parsed = proxy_parse((struct span){ data, size }, &announced, &address);
	assert(announced == (address.ss_family != 0) && (parsed == 0 || !announced));
	if (size < PROXY_START_BYTES)
		return 0;
	int started = proxy_size(data, &wanted);
	assert(started < 0 || (wanted >= PROXY_START_BYTES && wanted <= PROXY_MAX_BYTES));
	/* What is read whole is as long as its start said. */
	assert(parsed < 0 || started < 0 || wanted == size);
	return 0;
}
