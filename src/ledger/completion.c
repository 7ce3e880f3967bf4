/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How work that other threads have ended comes back to the loop thread: a list and an eventfd. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	struct completion *first, **last;
	int event_fd;
	atomic_uint n_expected;
} completions = { .lock = PTHREAD_MUTEX_INITIALIZER, .event_fd = -1 };

void completion_post(struct completion *completion)
{
	completion->next = NULL;
	pthread_mutex_lock(&completions.lock);
	bool first = completions.first == NULL;
	*completions.last = completion;
	completions.last = &completion->next;
	pthread_mutex_unlock(&completions.lock);
	if (first)
		(void)eventfd_write(completions.event_fd, 1);
}

void completion_expect(void)
{
	completions.n_expected++;
}

unsigned completion_n_expected(void)
{
	return completions.n_expected;
}

static void completion_run(uint32_t events, void *arg)
{
	eventfd_t count;
	(void)eventfd_read(completions.event_fd, &count);
	pthread_mutex_lock(&completions.lock);
	struct completion *completion = completions.first;
	completions.first = NULL;
	completions.last = &completions.first;
	pthread_mutex_unlock(&completions.lock);
	while (completion != NULL) {
		struct completion *next = completion->next;
		completions.n_expected--;
		completion->done(completion);
		completion = next;
	}
	ledger_step();
}

int completion_start(struct loop *loop)
{
	completions.last = &completions.first;
	completions.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (completions.event_fd < 0)
		return error_from_errno(errno);
	return loop_add_io(loop, completions.event_fd, EPOLLIN, completion_run, NULL, NULL);
}
