/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Retry-After: heard, told, and waited for. */
#include "sis/patience.h"

#include "base/secret.h"
#include "base/util.h"

#define TRIES 4u
#define WAIT_MAX_S 30u                  /* who asks for more gets an error with his words */
#define ASKED_MAX_S 86400u
#define SLICE_MS 100

static void (*teller)(unsigned status, unsigned seconds, void *arg);
static void *teller_arg;

void patience_set_teller(void (*tell)(unsigned status, unsigned seconds, void *arg), void *arg)
{
	teller = tell;
	teller_arg = arg;
}

unsigned patience_asked_s(const struct http_reply *reply)
{
	uint64_t seconds;
	if ((reply->status != 429 && reply->status != 503) || !span_to_u64(span_from_string(reply->retry_after), ASKED_MAX_S, &seconds))
		return 0;
	return seconds > 0 ? (unsigned)seconds : 1;
}

bool patience_pause(unsigned ms, const atomic_bool *cancelled)
{
	uint16_t number = 0;
	(void)random_bytes(&number, sizeof(number));
	uint64_t end_ns = time_monotonic_ns() + (ms + (uint64_t)ms / 2 * number / UINT16_MAX) * 1000000;
	while (time_monotonic_ns() < end_ns) {
		if (cancelled != NULL && atomic_load(cancelled))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = SLICE_MS * 1000000L }, NULL);
	}
	return true;
}

bool patience_wait(struct patience *patience, const struct http_reply *reply, const atomic_bool *cancelled)
{
	unsigned seconds = patience_asked_s(reply);
	if (seconds == 0 || seconds > WAIT_MAX_S || patience->n >= TRIES)
		return false;
	patience->n++;
	if (teller != NULL)
		teller(reply->status, seconds, teller_arg);
	return patience_pause(seconds * 1000, cancelled);
}
