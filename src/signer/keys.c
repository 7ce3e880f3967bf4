/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The CA on disk. The certificate is written first and the key last, each under another name, flushed, and renamed without replacing: a key
 * is there only when everything is, and a certificate without a key is what a crash left of an authority that never signed anything. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE "ca.key"
#define CERTIFICATE_FILE "ca.pem"
#define FILE_MAX_BYTES 16384

static bool file_exists(int dir_fd, const char *name)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static int write_new(int dir_fd, const char *name, const void *data, size_t size)
{
	char temporary[64];
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	(void)unlinkat(dir_fd, temporary, 0);   /* of a crash */
	CLEANUP_FD int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_from_errno(errno);
	int r = fd_write_all(fd, data, size);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || renameat2(dir_fd, temporary, dir_fd, name, RENAME_NOREPLACE) < 0 || fsync(dir_fd) < 0)
		return error_from_errno(errno);
	return 0;
}

static int store(int dir_fd, const struct pki_ca *ca)
{
	SECRET_HEAP struct secret *key = NULL;
	CLEANUP_BLOB struct blob certificate = { NULL, 0 };
	int r = pki_ca_export(ca, &key, &certificate);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, CERTIFICATE_FILE, 0) < 0 && errno != ENOENT)
		return error_from_errno(errno);
	r = write_new(dir_fd, CERTIFICATE_FILE, certificate.data, certificate.size);
	return r < 0 ? r : write_new(dir_fd, KEY_FILE, secret_peek(key), secret_size(key));
}

static void log_created(const struct pki_ca *ca)
{
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	char text[2 * FINGERPRINT_BYTES + 1];
	if (pki_ca_certificate(ca, &der, fingerprint) < 0)
		return;
	hex_encode(fingerprint, sizeof(fingerprint), text);
	log_event(&LOG(CA_CREATED, .detail = text));
}

static int create(int dir_fd, uint64_t lifetime_s, struct pki_ca **ret_ca, const char **ret_reason)
{
	struct pki_ca *ca = NULL;
	int r = pki_ca_create(lifetime_s, &ca);
	if (r == 0)
		r = store(dir_fd, ca);
	if (r < 0) {
		*ret_reason = "ca.key and ca.pem cannot be written to the keys directory";
		pki_ca_free(ca);
		return r;
	}
	log_created(ca);
	*ret_ca = ca;
	return 0;
}

bool keys_is_private(int dir_fd, const char *name)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0;
}

static int parse(int dir_fd, char *key, size_t key_size, struct pki_ca **ret_ca, const char **ret_reason)
{
	CLEANUP_FREE char *certificate = NULL;
	size_t size;
	*ret_reason = "ca.key is there but ca.pem cannot be read: restore it from a backup";
	int r = file_read(dir_fd, CERTIFICATE_FILE, FILE_MAX_BYTES, &certificate, &size);
	if (r < 0)
		return r;
	*ret_reason = "ca.key and ca.pem are damaged or do not belong together: restore them from a backup";
	return pki_ca_load((struct span){ (const uint8_t *)key, key_size }, (struct span){ (const uint8_t *)certificate, size }, ret_ca);
}

int keys_load(int dir_fd, uint64_t lifetime_s, struct pki_ca **ret_ca, const char **ret_reason)
{
	if (!file_exists(dir_fd, KEY_FILE))
		return create(dir_fd, lifetime_s, ret_ca, ret_reason);
	*ret_reason = "ca.key can be read by others, so it must be taken as known to them: mode 0600 is wanted";
	if (!keys_is_private(dir_fd, KEY_FILE))
		return -SIS_ERR_CONFIG;
	char *key = NULL;
	size_t size;
	int r = file_read(dir_fd, KEY_FILE, FILE_MAX_BYTES, &key, &size);
	if (r < 0) {
		*ret_reason = r == -SIS_ERR_NOT_ALLOWED ? "ca.key is there but not the signer's to read: give keys/ and all in it to signer_user (chown -R)" : "ca.key cannot be read";
		return r;
	}
	r = parse(dir_fd, key, size, ret_ca, ret_reason);
	secret_wipe(key, size);
	free(key);
	return r;
}
