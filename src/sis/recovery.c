/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A recovery page: what it holds is sealed under its passphrase, written down, and read again. */
#include "sis/recovery.h"

#include "crypto/passphrase.h"
#include "sis/recovery_contents.h"
#include "sis/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void recovery_close(struct recovery *recovery)
{
	profile_free(recovery->profile);
	json_decref(recovery->files);
	*recovery = (struct recovery){ 0 };
}

static int seal_page(const char *text, const char *subject, const char *passphrase, unsigned cost, struct blob *ret_text)
{
	struct span plain = span_from_string(text);
	if (plain.size + PASSPHRASE_OVERHEAD > RECOVERY_SEALED_MAX)
		return -SIS_ERR_TOO_LARGE;
	CLEANUP_BLOB struct blob sealed = { xcalloc(1, plain.size + PASSPHRASE_OVERHEAD), plain.size + PASSPHRASE_OVERHEAD };
	int r = passphrase_seal(passphrase, cost, NULL, plain, sealed.data);
	return r < 0 ? r : recovery_page_write(subject, (struct span){ sealed.data, sealed.size }, ret_text);
}

int recovery_make(const struct profile *profile, const char *passphrase, unsigned cost, struct blob *ret_text, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	char made[TIME_TEXT + 1] = "";
	time_encode(time_now(), made);
	int r = recovery_contents_export(profile, made, &json);
	char *text = r == 0 ? json_print(json) : NULL;
	CLEANUP_FREE char *subject = xasprintf("for %s, device %s, on %s port %s, made %s", profile->user, profile->device, profile->host, profile->port, made);
	if (text != NULL)
		r = seal_page(text, subject, passphrase, cost, ret_text);
	else if (r == 0)
		r = -SIS_ERR_NO_MEMORY;
	secret_free_text(text);
	return r < 0 ? why_set(why, r, "the recovery page cannot be made: %s", error_text(r)) : 0;
}

int recovery_open(struct span sealed, const char *passphrase, struct recovery *ret_recovery, struct why *why)
{
	CLEANUP_RECOVERY struct recovery recovery = { 0 };
	CLEANUP_JSON json_t *json = NULL;
	if (sealed.size <= PASSPHRASE_OVERHEAD)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "the recovery page holds too little to be one");
	size_t size = sealed.size - PASSPHRASE_OVERHEAD;
	uint8_t *plain = xcalloc(1, size);
	int r = passphrase_open(passphrase, sealed, plain);
	if (r == 0)
		r = json_parse((struct span){ plain, size }, RECOVERY_SEALED_MAX, &json);
	secret_wipe(plain, size);
	free(plain);
	if (r == -SIS_ERR_BAD_SEAL)
		return why_set(why, -SIS_ERR_BAD_LOGIN, "the passphrase is not the one of this recovery page, or the page was altered; try again");
	if (r == -SIS_ERR_NO_MEMORY)
		return why_set(why, r, "there is not enough memory to try the passphrase; close other programs");
	if (r == 0)
		r = recovery_contents_import(json, &recovery);
	if (r == -SIS_ERR_UNKNOWN_SUITE)
		return why_set(why, r, "this recovery page was made by a newer version of sis; install that");
	if (r < 0)
		return why_set(why, r, "what the recovery page holds does not belong together: %s", error_text(r));
	*ret_recovery = recovery;
	recovery = (struct recovery){ 0 };
	return 0;
}

static int read_descriptor(int fd, char *ret_text, size_t capacity, size_t *ret_size)
{
	size_t size = 0;
	ssize_t n;
	while ((n = read(fd, ret_text + size, capacity - size)) != 0) {
		if (n < 0 && (errno != EINTR || atomic_load(&sis_cancelled)))
			return errno == EINTR ? -SIS_ERR_INTERRUPTED : error_from_errno(errno);
		size += n > 0 ? (size_t)n : 0;
		if (size == capacity)
			return -SIS_ERR_TOO_LARGE;
	}
	*ret_size = size;
	return 0;
}

int recovery_load(const char *path, struct blob *ret_sealed, char ret_subject[RECOVERY_FOR_TEXT], struct why *why)
{
	bool is_stdin = strcmp(path, "-") == 0;
	CLEANUP_FD int fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char *text = xcalloc(1, RECOVERY_TEXT_MAX + 1);
	size_t size = 0;
	if (!is_stdin && fd < 0)
		return why_set(why, error_from_errno(errno), "the recovery page %s cannot be read: %s", path, strerror(errno));
	int r = read_descriptor(is_stdin ? STDIN_FILENO : fd, text, RECOVERY_TEXT_MAX + 1, &size);
	if (r == -SIS_ERR_TOO_LARGE)
		return why_set(why, r, "%s is longer than any recovery page that sis makes", path);
	if (r < 0)
		return why_set(why, r, "the recovery page %s cannot be read: %s", path, error_text(r));
	return recovery_page_read((struct span){ (uint8_t *)text, size }, ret_sealed, ret_subject, why);
}

int recovery_ask(const char *path, struct recovery *ret_recovery, struct why *why)
{
	CLEANUP_BLOB struct blob sealed = { 0 };
	char subject[RECOVERY_FOR_TEXT], *passphrase = NULL;
	int r = recovery_load(path, &sealed, subject, why);
	if (r == 0)
		r = terminal_ask_secret("Passphrase of the recovery page: ", &passphrase, why);
	if (r == 0)
		r = recovery_open((struct span){ sealed.data, sealed.size }, passphrase, ret_recovery, why);
	secret_free_text(passphrase);
	return r;
}
