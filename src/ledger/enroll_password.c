/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Enrollment by name and password (registration = "open"): yescrypt on the pool's threads, few at once, failures counted before they are known. */
#include "ledger/enroll.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"

#include <crypt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MIN 8
#define PASSWORDS_MAX_QUEUED 32
/* yescrypt takes 16 MiB each time: so many at once. */
#define PASSWORDS_MAX_RUNNING 2

static struct {
	struct enrollment *first, **last;
	unsigned n_queued, n_running;
} passwords = { .last = &passwords.first };

static void enroll_password_work(struct job *job)
{
	struct enrollment *enrollment = (struct enrollment *)((char *)job - offsetof(struct enrollment, job));
	void *data = NULL;
	int size = 0;
	char *setting = enrollment->new_user ? crypt_gensalt_ra("$y$", 0, NULL, 0) : strdup(enrollment->hash);
	const char *hash = setting != NULL ? crypt_ra(enrollment->password, setting, &data, &size) : NULL;
	size_t length = hash != NULL && hash[0] != '*' ? strlen(hash) : 0;
	if (length > 0 && length < sizeof(enrollment->hash)) {
		if (enrollment->new_user)
			memcpy(enrollment->hash, hash, length + 1);
		enrollment->password_right = strlen(enrollment->hash) == length && constant_time_compare(enrollment->hash, hash, length) == 0;
	}
	if (data != NULL)
		secret_wipe(data, (size_t)size);
	free(data);
	free(setting);
}

static void enroll_password_next(void);

static void enroll_password_done(struct completion *completion)
{
	struct job *job = (struct job *)completion;
	struct enrollment *enrollment = (struct enrollment *)((char *)job - offsetof(struct enrollment, job));
	secret_wipe(enrollment->password, sizeof(enrollment->password));
	passwords.n_running--;
	enroll_password_next();
	/* It was counted as a failure before, so that many guesses at once do not slip through. */
	attempts_forgive(ATTEMPTS_SOURCE, enrollment->peer);
	if (enrollment->password_right && !enrollment->new_user)
		attempts_forgive(ATTEMPTS_NAME, enrollment->user);
	if (enrollment->password_right)
		enroll_name_device(enrollment);
	else
		enroll_refuse(enrollment, -SIS_ERR_BAD_LOGIN, NULL);
}

static void enroll_password_next(void)
{
	while (passwords.first != NULL && passwords.n_running < PASSWORDS_MAX_RUNNING) {
		struct enrollment *enrollment = passwords.first;
		passwords.first = enrollment->next;
		if (passwords.first == NULL)
			passwords.last = &passwords.first;
		passwords.n_queued--;
		passwords.n_running++;
		enrollment->job.work = enroll_password_work;
		enrollment->job.completion.done = enroll_password_done;
		pool_submit(&enrollment->job);
	}
}

void enroll_by_password(struct enrollment *enrollment)
{
	struct store_user user;
	/* Said before it is looked whether there is such a user. */
	if (strlen(enrollment->password) < PASSWORD_MIN) {
		enroll_refuse(enrollment, -SIS_ERR_NOT_ALLOWED, "a password needs at least 8 characters");
		return;
	}
	int r = store_find_user(ledger.view, enrollment->user, &user);
	enrollment->new_user = r == -SIS_ERR_NO_USER;
	uint32_t wait_s = r == 0 ? attempts_wait_s(ATTEMPTS_NAME, enrollment->user) :
	                  enrollment->new_user ? attempts_wait_s(ATTEMPTS_REGISTRATIONS, enrollment->peer) : 0;
	/* Before it is known whether it is right, so that many guesses at once do not slip through. */
	if (r == 0 && wait_s == 0)
		attempts_add(ATTEMPTS_NAME, enrollment->user);
	if (wait_s > 0 && enrollment->new_user)
		enroll_let_wait(enrollment, LIMIT_REGISTRATIONS, "too many names were registered from this address: wait, or ask the administrator for an invite", wait_s);
	else if (wait_s > 0)
		enroll_let_wait(enrollment, LIMIT_ENROLL_PER_NAME, "too many wrong passwords were tried for this name: wait, or ask the administrator for an invite", wait_s);
	else if (r == 0 && (user.state != STORE_LIVE || user.password[0] == '\0'))
		enroll_refuse(enrollment, -SIS_ERR_BAD_LOGIN, NULL);
	else if (r < 0 && !enrollment->new_user)
		enroll_refuse(enrollment, r, NULL);
	else if (passwords.n_queued >= PASSWORDS_MAX_QUEUED)
		enroll_refuse(enrollment, -SIS_ERR_BUSY, NULL);
	else {
		if (r == 0) {
			enrollment->user_id = user.user_id;
			memcpy(enrollment->hash, user.password, sizeof(user.password));
		}
		secret_wipe(&user, sizeof(user));
		if (enrollment->new_user)
			attempts_add(ATTEMPTS_REGISTRATIONS, enrollment->peer);
		attempts_add(ATTEMPTS_SOURCE, enrollment->peer);
		*passwords.last = enrollment;
		passwords.last = &enrollment->next;
		passwords.n_queued++;
		enroll_password_next();
	}
}
