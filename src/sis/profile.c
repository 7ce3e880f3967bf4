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
#define TICKET_MAX 16384u

bool address_parse(const char *text, char ret_host[HOST_MAX_TEXT + 1], char ret_port[6])
{
	const char *colon = strrchr(text, ':'), *start = text, *end = colon;
	if (colon == NULL || colon == text)
		return false;
	if (text[0] == '[') {
		start++;
		end--;
		if (*end != ']')
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

static char *home_path(const struct sis *sis)
{
	const char *chosen = sis->home != NULL ? sis->home : getenv("SIS_HOME");
	if (chosen != NULL && *chosen != '\0')
		return xstrdup(chosen);
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data != NULL && data[0] == '/')
		return xasprintf("%s/sis", data);
	return home != NULL && home[0] == '/' ? xasprintf("%s/.local/share/sis", home) : NULL;
}

static int make_directories(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		int r = mkdir(path, 0700);
		*slash = '/';
		if (r < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return error_from_errno(errno);
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? error_from_errno(errno) : 0;
}

static char *profiles_path(const struct sis *sis, struct why *why)
{
	CLEANUP_FREE char *home = home_path(sis);
	if (home == NULL) {
		why_set(why, 0, "there is no home directory; name one with --home DIR");
		return NULL;
	}
	return xasprintf("%s/profiles", home);
}

int profile_open_home(const struct sis *sis, int *ret_dir_fd, char **ret_path, struct why *why)
{
	CLEANUP_FREE char *path = profiles_path(sis, why);
	if (path == NULL)
		return -SIS_ERR_NO_INPUT;
	int r = make_directories(path);
	CLEANUP_FD int fd = r == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0)
		return why_set(why, r < 0 ? r : error_from_errno(errno), "%s cannot be made: %s", path, strerror(errno));
	*ret_dir_fd = fd_take(&fd);
	*ret_path = path;
	path = NULL;
	return 0;
}

int profile_name(const struct sis *sis, const char **ret_name, struct why *why)
{
	const char *name = sis->profile != NULL ? sis->profile : getenv("SIS_PROFILE");
	if (name == NULL || *name == '\0')
		name = "default";
	if (!name_is_valid(span_from_string(name)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" cannot name a profile: 1 to 32 of a-z 0-9 . _ -", name);
	*ret_name = name;
	return 0;
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
	const char *server = json_member_string(json, "server"), *user = json_member_string(json, "user"), *device = json_member_string(json, "device");
	if (server == NULL || user == NULL || device == NULL || !address_parse(server, profile->host, profile->port) ||
	    !name_is_valid(span_from_string(user)) || !name_is_valid(span_from_string(device)))
		return why_set(why, -SIS_ERR_BAD_FORMAT, "profile.json of the profile is malformed; restore it, or enroll under another --profile");
	snprintf(profile->user, sizeof(profile->user), "%s", user);
	snprintf(profile->device, sizeof(profile->device), "%s", device);
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

int profile_open_directory(const struct sis *sis, int *ret_fd, char **ret_path, struct why *why)
{
	const char *name;
	int r = profile_name(sis, &name, why);
	if (r < 0)
		return r;
	CLEANUP_FREE char *profiles = profiles_path(sis, why);
	if (profiles == NULL)
		return -SIS_ERR_NO_INPUT;
	char *path = xasprintf("%s/%s", profiles, name);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		*ret_fd = fd;
		*ret_path = path;
		return 0;
	}
	if (errno == ENOENT)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no profile at %s; enroll first with the invite from your administrator: sis enroll 'sis://…'", path);
	else
		r = why_set(why, error_from_errno(errno), "%s cannot be opened: %s", path, strerror(errno));
	free(path);
	return r;
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
	if (profile->passphrase != NULL)
		secret_wipe(profile->passphrase, strlen(profile->passphrase));
	free(profile->passphrase);
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
	bool six = strchr(profile->host, ':') != NULL;
	CLEANUP_FREE char *server = xasprintf("%s%s%s:%s", six ? "[" : "", profile->host, six ? "]" : "", profile->port);
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
