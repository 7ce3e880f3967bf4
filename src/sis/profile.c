/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading and writing a profile's files. */
#include "sis/profile.h"

#include "base/json.h"
#include "sis/authorities.h"
#include "sis/profile_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE_FILE_MAX 65536u

bool address_parse(const char *text, char ret_host[HOST_MAX_TEXT + 1], char ret_port[6])
{
	const char *colon = strrchr(text, ':'), *start = text, *end = colon;
	if (colon == NULL || colon == text)
		return false;
	if (text[0] == '[') {
		start++;
		end--;
		/* Brackets are for an IPv6 address (RFC 3986 section 3.2.2): without a colon it would be written down without them, and be another one. */
		if (*end != ']' || end <= start || memchr(start, ':', (size_t)(end - start)) == NULL)
			return false;
	} else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
		return false;
	}
	uint64_t port;
	if (!span_to_u64(span_from_string(colon + 1), 65535, &port) || port == 0)
		return false;
	if (end <= start || end - start > HOST_MAX_TEXT)
		return false;
	for (const char *c = start; c < end; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
		if (!plain && *c != '.' && *c != '-' && *c != '_' && !(*c == ':' && text[0] == '[') && !(*c == '%' && text[0] == '['))
			return false;
	}
	memcpy(ret_host, start, (size_t)(end - start));
	ret_host[end - start] = '\0';
	snprintf(ret_port, 6, "%u", (unsigned)port);
	return true;
}

char *address_print(const char *host, const char *port)
{
	bool six = strchr(host, ':') != NULL;
	return xasprintf("%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
}

bool profile_take_names(struct profile *profile, const json_t *json)
{
	const char *server = json_member_string(json, "server"), *user = json_member_string(json, "user"), *device = json_member_string(json, "device");
	if (server == NULL || user == NULL || device == NULL || !address_parse(server, profile->host, profile->port) ||
	    !name_is_valid(span_from_string(user)) || !name_is_valid(span_from_string(device)))
		return false;
	snprintf(profile->user, sizeof(profile->user), "%s", user);
	snprintf(profile->device, sizeof(profile->device), "%s", device);
	return true;
}

static int read_facts(struct profile *profile, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	CLEANUP_JSON json_t *json = NULL;
	int r = file_read(profile->dir_fd, "profile.json", PROFILE_FILE_MAX, &text, &size);
	if (r == 0)
		r = json_parse((struct span){ (uint8_t *)text, size }, PROFILE_FILE_MAX, &json);
	if (r < 0)
		return why_set(why, r, "profile.json of the profile cannot be read: %s; see \"sis doctor\"", error_text(r));
	if (!profile_take_names(profile, json))
		return why_set(why, -SIS_ERR_BAD_FORMAT, "profile.json of the profile is malformed; restore it, or enroll under another --profile");
	return 0;
}

static int read_certificate(const struct profile *profile, const char *name, struct blob *ret_der, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	int r = file_read(profile->dir_fd, name, PROFILE_FILE_MAX, &text, &size);
	if (r == 0)
		r = certificate_from_pem((struct span){ (uint8_t *)text, size }, ret_der);
	return r < 0 ? why_set(why, r, "%s of the profile cannot be read: %s; see \"sis doctor\"", name, error_text(r)) : 0;
}

int profile_load_certificate(const struct profile *profile, struct blob *ret_der)
{
	struct why ignored = { "" };
	return read_certificate(profile, "device.pem", ret_der, &ignored);
}

static bool key_fits(const struct profile *profile)
{
	return memcmp(&profile->key.public_key, &profile->facts.public_key, sizeof(profile->key.public_key)) == 0;
}

/* A renewal with a new key that was cut off between its two files left the certificate under this name (profile_replace_certificate). */
static bool finish_renewal(struct profile *profile)
{
	struct why ignored = { "" };
	CLEANUP_BLOB struct blob der = { 0 };
	if (read_certificate(profile, "device.pem.next", &der, &ignored) < 0 ||
	    certificate_parse((struct span){ der.data, der.size }, &profile->facts) < 0 || !key_fits(profile) ||
	    renameat(profile->dir_fd, "device.pem.next", profile->dir_fd, "device.pem") < 0)
		return false;
	blob_free(&profile->certificate);
	profile->certificate = der;
	der = (struct blob){ 0 };
	return true;
}

static int read_keys(struct profile *profile, struct why *why)
{
	int r = profile_read_signing_key(profile, "device.key", &profile->key, why);
	if (r == 0)
		r = profile_read_secret(profile, "encryption.key", &profile->encryption_key, why);
	if (r == 0)
		r = profile_read_former(profile, why);
	if (r < 0)
		return r;
	if (!key_fits(profile) && !finish_renewal(profile))
		return why_set(why, -SIS_ERR_MISMATCH, "device.key and device.pem of the profile do not belong together; restore them from a backup");
	return 0;
}

static int profile_read(struct profile *profile, struct why *why)
{
	int r = read_facts(profile, why);
	if (r == 0)
		r = authorities_read(profile, why);
	if (r == 0)
		r = read_certificate(profile, "device.pem", &profile->certificate, why);
	if (r == 0)
		r = certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts);
	return r == 0 ? read_keys(profile, why) : r;
}

int profile_open(const struct sis *sis, struct profile **ret_profile, struct why *why)
{
	CLEANUP_PROFILE struct profile *profile = xcalloc(1, sizeof(*profile));
	CLEANUP_FREE char *path = NULL;
	profile->dir_fd = -1;
	int r = profile_open_directory(sis, &profile->dir_fd, &path, why);
	if (r == 0)
		r = profile_read(profile, why);
	if (r < 0)
		return r;
	*ret_profile = profile;
	profile = NULL;
	return 0;
}

int profile_peek_user(const struct sis *sis, char ret_user[NAME_MAX_TEXT + 1])
{
	struct why ignored = { "" };
	struct profile profile = { .dir_fd = -1 };
	CLEANUP_FREE char *path = NULL;
	int r = profile_open_directory(sis, &profile.dir_fd, &path, &ignored);
	if (r == 0)
		r = read_facts(&profile, &ignored);
	if (r == 0)
		memcpy(ret_user, profile.user, sizeof(profile.user));
	fd_close(profile.dir_fd);
	return r;
}

void profile_free(struct profile *profile)
{
	if (profile == NULL)
		return;
	profile->dir_fd = fd_close(profile->dir_fd);
	blob_free(&profile->ca);
	blob_free(&profile->certificate);
	signing_key_wipe(&profile->key);
	secret32_wipe(&profile->encryption_key);
	if (profile->former != NULL)
		secret_wipe(profile->former, profile->n_former * sizeof(*profile->former));
	free(profile->former);
	secret_free_text(profile->passphrase);
	free(profile);
}

void profile_freep(struct profile **profile)
{
	profile_free(*profile);
}

static int write_certificate(int dir_fd, const char *name, struct span der)
{
	CLEANUP_BLOB struct blob pem = { 0 };
	int r = certificate_to_pem(der, &pem);
	return r == 0 ? file_write_atomic(dir_fd, name, pem.data, pem.size, 0644) : r;
}

static int write_facts(const struct profile *profile, int dir_fd)
{
	CLEANUP_FREE char *server = address_print(profile->host, profile->port);
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:s, s:s}", "server", server, "user", profile->user, "device", profile->device);
	CLEANUP_FREE char *text = json != NULL ? json_print(json) : NULL;
	return text != NULL ? file_write_atomic(dir_fd, "profile.json", text, strlen(text), 0644) : -SIS_ERR_NO_MEMORY;
}

int profile_write(const struct profile *profile, int dir_fd, const char *passphrase)
{
	int r = write_facts(profile, dir_fd);
	if (r == 0)
		r = authorities_write(dir_fd, (struct span){ profile->ca.data, profile->ca.size });
	if (r == 0)
		r = write_certificate(dir_fd, "device.pem", (struct span){ profile->certificate.data, profile->certificate.size });
	if (r == 0)
		r = profile_write_signing_key(dir_fd, "device.key", &profile->key, passphrase);
	if (r == 0)
		r = profile_write_secret(dir_fd, "encryption.key", &profile->encryption_key, passphrase);
	if (r == 0)
		r = profile_write_former(profile, dir_fd, passphrase);
	if (r == 0 && mkdirat(dir_fd, "uploads", 0700) < 0 && errno != EEXIST)
		r = error_from_errno(errno);
	return r;
}

int profile_prepare_certificate(const struct profile *profile, const struct signing_key *key, struct why *why)
{
	/* The old certificate is as large as the new one will be. */
	int r = write_certificate(profile->dir_fd, "device.pem.next", (struct span){ profile->certificate.data, profile->certificate.size });
	if (r == 0 && key != NULL)
		r = profile_write_signing_key(profile->dir_fd, PROFILE_NEXT_KEY, key, profile->passphrase);
	unlinkat(profile->dir_fd, "device.pem.next", 0);
	return r < 0 ? why_set(why, r, "nothing was asked for, because the profile cannot be written: %s", error_text(r)) : 0;
}

int profile_replace_certificate(const struct profile *profile, const struct signing_key *key, struct span certificate, struct why *why)
{
	int r = write_certificate(profile->dir_fd, "device.pem.next", certificate);
	if (r == 0 && key != NULL && renameat(profile->dir_fd, PROFILE_NEXT_KEY, profile->dir_fd, "device.key") < 0)
		r = error_from_errno(errno);
	if (r == 0 && renameat(profile->dir_fd, "device.pem.next", profile->dir_fd, "device.pem") < 0)
		r = error_from_errno(errno);
	/* The ticket resumes as the old certificate. */
	unlinkat(profile->dir_fd, "ticket", 0);
	return r < 0 ? why_set(why, r, "the new certificate could not be written to the profile: %s", error_text(r)) : 0;
}

int profile_lock(const struct profile *profile, const char *name, int *ret_fd)
{
	CLEANUP_FD int fd = openat(profile->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_from_errno(errno);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR || atomic_load(&sis_cancelled))
			return errno == EINTR ? -SIS_ERR_INTERRUPTED : error_from_errno(errno);
	}
	*ret_fd = fd_take(&fd);
	return 0;
}
