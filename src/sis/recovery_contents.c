/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a recovery page holds, as JSON: out of a profile, and back. */
#include "sis/recovery_contents.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECOVERY_VERSION 1
#define FILE_MAX (8u << 20)
#define GROUPS "groups"

/* Of the profile, besides its keys: what the device has learned, and where its own chain stands. */
static const char *const carried[] = { "contacts.json", "chain.json", "groups.json" };

/* ------------------------------------------------ out of a profile ------------------------------------------------ */

static json_t *json_base64(const void *data, size_t size)
{
	char *text = xcalloc(1, BASE64_SIZE(size) + 1);
	base64_encode(data, size, text);
	json_t *json = json_string(text);
	secret_wipe(text, BASE64_SIZE(size));
	free(text);
	return json;
}

static int export_file(const struct profile *profile, const char *name, json_t *files)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	int r = file_read(profile->dir_fd, name, FILE_MAX, &text, &size);
	if (r == -SIS_ERR_NO_INPUT)
		return 0;
	return r < 0 ? r : json_object_set_new(files, name, json_stringn(text, size)) == 0 ? 0 : -SIS_ERR_BAD_FORMAT;
}

static int export_groups(const struct profile *profile, json_t *files)
{
	int fd = openat(profile->dir_fd, GROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	while (r == 0 && directory != NULL && (entry = readdir(directory)) != NULL) {
		CLEANUP_FREE char *name = xasprintf(GROUPS "/%s", entry->d_name);
		if (name_is_valid(span_from_string(entry->d_name)))
			r = export_file(profile, name, files);
	}
	if (directory != NULL)
		closedir(directory);
	return r;
}

static int export_files(const struct profile *profile, json_t **ret_files)
{
	CLEANUP_JSON json_t *files = json_object();
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(carried) && r == 0; i++)
		r = export_file(profile, carried[i], files);
	if (r == 0)
		r = export_groups(profile, files);
	if (r == 0) {
		*ret_files = files;
		files = NULL;
	}
	return r;
}

static json_t *export_former(const struct profile *profile)
{
	json_t *former = json_object();
	for (unsigned i = 0; i < profile->n_former; i++)
		json_object_set_new(former, profile->former[i].device, json_base64(profile->former[i].key.bytes, sizeof(profile->former[i].key.bytes)));
	return former;
}

int recovery_contents_export(const struct profile *profile, const char *made, json_t **ret_json)
{
	SECRET_HEAP struct secret *pem = NULL;
	json_t *files = NULL;
	CLEANUP_FREE char *server = address_print(profile->host, profile->port);
	int r = signing_key_to_pem(&profile->key, NULL, &pem);
	if (r == 0)
		r = export_files(profile, &files);
	if (r < 0)
		return r;
	json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:s%, s:o, s:o, s:o}", "version", RECOVERY_VERSION, "made", made, "server", server, "user",
		profile->user, "device", profile->device, "ca", json_base64(profile->ca.data, profile->ca.size), "certificate",
		json_base64(profile->certificate.data, profile->certificate.size), "signing_key", (const char *)secret_peek(pem), secret_size(pem),
		"encryption_key", json_base64(profile->encryption_key.bytes, sizeof(profile->encryption_key.bytes)), "former", export_former(profile),
		"files", files);
	*ret_json = json;
	return json != NULL ? 0 : -SIS_ERR_NO_MEMORY;
}

/* ------------------------------------------------ and back ------------------------------------------------ */

static int import_blob(const json_t *json, const char *name, size_t max, struct blob *ret_blob)
{
	const char *text = json_member_string(json, name);
	size_t size = text != NULL ? strlen(text) * 3 / 4 : 0;
	if (size == 0 || size > max)
		return -SIS_ERR_BAD_FORMAT;
	struct blob blob = { xcalloc(1, size), size };
	int r = base64_decode(span_from_string(text), blob.data, size);
	if (r < 0)
		blob_free(&blob);
	else
		*ret_blob = blob;
	return r;
}

static int import_key(const char *text, struct secret32 *ret_key)
{
	return text != NULL ? base64_decode(span_from_string(text), ret_key->bytes, sizeof(ret_key->bytes)) : -SIS_ERR_BAD_FORMAT;
}

static int import_former(const json_t *json, struct profile *profile)
{
	const char *device;
	json_t *text;
	int r = json_is_object(json) ? 0 : -SIS_ERR_BAD_FORMAT;
	json_object_foreach((json_t *)(uintptr_t)json, device, text) {
		SECRET struct secret32 key = { { 0 } };
		if (r == 0)
			r = import_key(json_string_value(text), &key);
		if (r == 0)
			r = profile_add_former(profile, device, &key);
	}
	return r;
}

/* It came whole out of its seal, but that says only that whoever made it knew the passphrase. */
static int check_profile(struct profile *profile)
{
	struct span ca = { profile->ca.data, profile->ca.size }, certificate = { profile->certificate.data, profile->certificate.size };
	int r = authorities_check(ca);
	if (r == 0)
		r = certificate_parse(certificate, &profile->facts);
	if (r == 0)
		r = certificate_verify(certificate, ca, profile->facts.not_before);
	if (r < 0)
		return r;
	bool fits = strcmp(profile->facts.user, profile->user) == 0 && strcmp(profile->facts.device, profile->device) == 0 &&
	            memcmp(&profile->key.public_key, &profile->facts.public_key, sizeof(profile->key.public_key)) == 0;
	return fits ? 0 : -SIS_ERR_MISMATCH;
}

static int import_profile(const json_t *json, struct profile *profile)
{
	const char *pem = json_member_string(json, "signing_key");
	int r = profile_take_names(profile, json) ? 0 : -SIS_ERR_BAD_FORMAT;
	if (r == 0)
		r = import_blob(json, "ca", AUTHORITIES_MAX_BYTES, &profile->ca);
	if (r == 0)
		r = import_blob(json, "certificate", CERTIFICATE_MAX_BYTES, &profile->certificate);
	if (r == 0)
		r = pem != NULL ? signing_key_from_pem(span_from_string(pem), NULL, &profile->key) : -SIS_ERR_BAD_FORMAT;
	if (r == 0)
		r = import_key(json_member_string(json, "encryption_key"), &profile->encryption_key);
	if (r == 0)
		r = import_former(json_object_get(json, "former"), profile);
	return r < 0 ? r : check_profile(profile);
}

/* The names come from the page: only those that we write are taken. */
static bool file_is_carried(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(carried); i++) {
		if (strcmp(name, carried[i]) == 0)
			return true;
	}
	size_t size = strlen(GROUPS "/");
	return strncmp(name, GROUPS "/", size) == 0 && name_is_valid(span_from_string(name + size));
}

int recovery_contents_import(const json_t *json, struct recovery *recovery)
{
	uint64_t version = 0;
	const char *name;
	json_t *text, *files = json_object_get(json, "files");
	if (json_member_u64(json, "version", &version) < 0 || version != RECOVERY_VERSION)
		return -SIS_ERR_UNKNOWN_SUITE;
	if (!json_is_object(files))
		return -SIS_ERR_BAD_FORMAT;
	json_object_foreach(files, name, text) {
		if (!file_is_carried(name) || !json_is_string(text))
			return -SIS_ERR_BAD_FORMAT;
	}
	recovery->profile = xcalloc(1, sizeof(*recovery->profile));
	recovery->profile->dir_fd = -1;
	recovery->files = json_incref(files);
	return import_profile(json, recovery->profile);
}

int recovery_write_files(const struct recovery *recovery, int dir_fd, bool same_device, struct why *why)
{
	const char *name;
	json_t *text;
	json_object_foreach(recovery->files, name, text) {
		if (!same_device && strcmp(name, "chain.json") == 0)
			continue;
		if (strchr(name, '/') != NULL)
			mkdirat(dir_fd, GROUPS, 0700);
		int r = file_write_atomic(dir_fd, name, json_string_value(text), json_string_length(text), 0600);
		if (r < 0)
			return why_set(why, r, "%s of the profile cannot be written: %s", name, error_text(r));
	}
	return 0;
}
