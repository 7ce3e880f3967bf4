/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The private keys of a profile as files. */
#include "sis/profile_keys.h"

#include "sis/terminal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536u
#define FORMER "former"
#define FORMER_ENDING ".key"

typedef int pem_fn(struct span pem, const char *passphrase, void *ret_key);

static int signing_from(struct span pem, const char *passphrase, void *ret_key)
{
	return signing_key_from_pem(pem, passphrase, ret_key);
}

static int secret_from_key(struct span pem, const char *passphrase, void *ret_key)
{
	return signing_secret_from_pem(pem, passphrase, ret_key);
}

static int read_key(struct profile *profile, const char *name, pem_fn *from_pem, void *ret_key, struct why *why)
{
	char *text = NULL;
	size_t size = 0;
	int r = file_read(profile->dir_fd, name, KEY_FILE_MAX, &text, &size);
	if (r < 0)
		return why_set(why, r, "%s of the profile cannot be read: %s; see \"sis doctor\"", name, error_text(r));
	struct span pem = { (uint8_t *)text, size };
	r = from_pem(pem, profile->passphrase, ret_key);
	if (r == -SIS_ERR_BAD_LOGIN && profile->passphrase == NULL) {
		r = terminal_ask_secret("Passphrase of the keys: ", &profile->passphrase, why);
		if (r == 0)
			r = from_pem(pem, profile->passphrase, ret_key);
	}
	secret_wipe(text, size);
	free(text);
	if (r == -SIS_ERR_BAD_LOGIN && why->text[0] == '\0')
		return why_set(why, r, "the passphrase is wrong; try again");
	return r < 0 && why->text[0] == '\0' ? why_set(why, r, "%s of the profile cannot be used: %s; see \"sis doctor\"", name, error_text(r)) : r;
}

int profile_read_signing_key(struct profile *profile, const char *name, struct signing_key *ret_key, struct why *why)
{
	return read_key(profile, name, signing_from, ret_key, why);
}

int profile_read_secret(struct profile *profile, const char *name, struct secret32 *ret_secret, struct why *why)
{
	return read_key(profile, name, secret_from_key, ret_secret, why);
}

int profile_write_signing_key(int dir_fd, const char *name, const struct signing_key *key, const char *passphrase)
{
	SECRET_HEAP struct secret *pem = NULL;
	int r = signing_key_to_pem(key, passphrase, &pem);
	return r == 0 ? file_write_atomic(dir_fd, name, secret_peek(pem), secret_size(pem), 0600) : r;
}

int profile_write_secret(int dir_fd, const char *name, const struct secret32 *secret, const char *passphrase)
{
	struct signing_key container = { .public_key.algorithm = KEY_ED25519, .secret = *secret };
	int r = profile_write_signing_key(dir_fd, name, &container, passphrase);
	signing_key_wipe(&container);
	return r;
}

/* ------------------------------------------------ keys of devices that we were ------------------------------------------------ */

int profile_add_former(struct profile *profile, const char *device, const struct secret32 *key)
{
	for (unsigned i = 0; i < profile->n_former; i++) {
		if (strcmp(profile->former[i].device, device) == 0)
			return constant_time_compare(profile->former[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0 ? 0 : -SIS_ERR_CONFLICT;
	}
	if (!name_is_valid(span_from_string(device)))
		return -SIS_ERR_BAD_NAME;
	if (profile->n_former == FORMER_KEYS_MAX)
		return -SIS_ERR_TOO_MANY;
	/* All at once: a list that grew would leave keys behind in the memory that it outgrew. */
	if (profile->former == NULL)
		profile->former = xcalloc(FORMER_KEYS_MAX, sizeof(*profile->former));
	struct former_key *former = &profile->former[profile->n_former++];
	snprintf(former->device, sizeof(former->device), "%s", device);
	former->key = *key;
	return 0;
}

/* "tablet.key" -> "tablet"; anything else in the directory is left alone. */
static bool former_name(const char *file, char ret_device[NAME_MAX_TEXT + 1])
{
	size_t size = strlen(file), ending = strlen(FORMER_ENDING);
	if (size <= ending || strcmp(file + size - ending, FORMER_ENDING) != 0)
		return false;
	struct span name = { (const uint8_t *)file, size - ending };
	return name_is_valid(name) && span_to_string(name, ret_device, NAME_MAX_TEXT + 1);
}

static int read_one_former(struct profile *profile, const char *file, struct why *why)
{
	char device[NAME_MAX_TEXT + 1];
	SECRET struct secret32 key = { { 0 } };
	if (!former_name(file, device))
		return 0;
	CLEANUP_FREE char *path = xasprintf(FORMER "/%s", file);
	int r = profile_read_secret(profile, path, &key, why);
	if (r == 0)
		r = profile_add_former(profile, device, &key);
	return r == -SIS_ERR_TOO_MANY ? why_set(why, r, "the profile holds the keys of more than %u former devices", FORMER_KEYS_MAX) : r;
}

int profile_read_former(struct profile *profile, struct why *why)
{
	CLEANUP_FD int fd = openat(profile->dir_fd, FORMER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent **entries = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : why_set(why, error_from_errno(errno), FORMER " of the profile cannot be read: %s", strerror(errno));
	int n = scandirat(fd, ".", &entries, NULL, alphasort), r = n < 0 ? error_from_errno(errno) : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_one_former(profile, entries[i]->d_name, why);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int profile_write_former(const struct profile *profile, int dir_fd, const char *passphrase)
{
	int r = 0;
	if (profile->n_former > 0 && mkdirat(dir_fd, FORMER, 0700) < 0 && errno != EEXIST)
		return error_from_errno(errno);
	for (unsigned i = 0; i < profile->n_former && r == 0; i++) {
		CLEANUP_FREE char *name = xasprintf(FORMER "/%s" FORMER_ENDING, profile->former[i].device);
		r = profile_write_secret(dir_fd, name, &profile->former[i].key, passphrase);
	}
	return r;
}
