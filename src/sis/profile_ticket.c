/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A profile's TLS ticket, and how a file is written that may be lost. */
#include "sis/profile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICKET_MAX 16384u

/* The file is the fingerprint of the certificate as which the ticket resumes, then the ticket: one that another process leaves there after a renewal
 * would outlive the old certificate. */
struct secret *profile_load_ticket(const struct profile *profile, int64_t *ret_age_s)
{
	CLEANUP_FD int fd = openat(profile->dir_fd, "ticket", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	SECRET_HEAP struct secret *ticket = NULL;
	if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= FINGERPRINT_BYTES || status.st_size > (off_t)TICKET_MAX)
		return NULL;
	if (fd_read_all(fd, fingerprint, sizeof(fingerprint)) < 0 || memcmp(fingerprint, profile->facts.fingerprint, sizeof(fingerprint)) != 0)
		return NULL;
	size_t size = (size_t)status.st_size - sizeof(fingerprint);
	if (secret_new(size, &ticket) < 0 || fd_read_all(fd, secret_data(ticket), size) < 0)
		return NULL;
	*ret_age_s = time_now() - status.st_mtime;
	struct secret *taken = ticket;
	ticket = NULL;
	return taken;
}

/* Not flushed to the disk: what is lost costs a millisecond to get again, a flush costs more. */
void profile_write_quick(const struct profile *profile, const char *name, struct span data)
{
	char other[48];
	snprintf(other, sizeof(other), "%.24s.%d", name, (int)getpid());
	CLEANUP_FD int fd = openat(profile->dir_fd, other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (fd_write_all(fd, data.data, data.size) < 0 || renameat(profile->dir_fd, other, profile->dir_fd, name) < 0)
		unlinkat(profile->dir_fd, other, 0);
}

/* Not kept at all when the keys are under a passphrase: who has a ticket needs no key to speak as this device, and to have a certificate made for
 * another one. */
void profile_save_ticket(const struct profile *profile, const struct secret *ticket)
{
	SECRET_HEAP struct secret *tagged = NULL;
	if (profile->passphrase != NULL || secret_new(FINGERPRINT_BYTES + secret_size(ticket), &tagged) < 0)
		return;
	memcpy(secret_data(tagged), profile->facts.fingerprint, FINGERPRINT_BYTES);
	memcpy(secret_data(tagged) + FINGERPRINT_BYTES, secret_peek(ticket), secret_size(ticket));
	profile_write_quick(profile, "ticket", (struct span){ secret_peek(tagged), secret_size(tagged) });
}
