/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis enroll: makes this device's keys here, has them certified, and leaves a whole profile or nothing. */
#include "sis/enroll.h"

#include "crypto/hpke.h"
#include "sis/command.h"
#include "sis/invite.h"
#include "sis/output.h"
#include "sis/terminal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct enroll_options { const char *device, *server, *ca_fingerprint, *user; bool passphrase; };

static const struct option_row rows[] = {
	{ "device", 0, "NAME", "this device's name (default: the host's name)", OPTION_TEXT, offsetof(struct enroll_options, device) },
	{ "passphrase", 0, NULL, "ask for a passphrase and keep the keys under it", OPTION_FLAG, offsetof(struct enroll_options, passphrase) },
	{ "server", 0, "HOST:PORT", "without an invite, where registration is open", OPTION_TEXT, offsetof(struct enroll_options, server) },
	{ "ca-fingerprint", 0, "HEX", "SHA-256 of the server's authority, as its administrator tells it", OPTION_TEXT,
	  offsetof(struct enroll_options, ca_fingerprint) },
	{ "user", 0, "NAME", "the name to register, or to enroll a further device for", OPTION_TEXT, offsetof(struct enroll_options, user) },
};

/* Where the new profile grows before it gets its name. */
struct nursery {
	int home_fd, lock_fd, dir_fd;
	char *path;
	char temporary[32];
};

static void directory_remove(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlinkat(fd, entry->d_name, 0) < 0)
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	if (directory != NULL)
		closedir(directory);
	unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static void nursery_close(struct nursery *nursery)
{
	if (nursery->dir_fd >= 0)
		directory_remove(nursery->home_fd, nursery->temporary);
	nursery->dir_fd = fd_close(nursery->dir_fd);
	nursery->lock_fd = fd_close(nursery->lock_fd);
	nursery->home_fd = fd_close(nursery->home_fd);
	free(nursery->path);
}

/* One enrolment at a time per home: so whatever an earlier one left when it was killed is known to be rubbish. */
static int nursery_open(const struct sis *sis, const char *name, struct nursery *nursery, struct why *why)
{
	int r = profile_open_home(sis, &nursery->home_fd, &nursery->path, why);
	if (r < 0)
		return r;
	nursery->lock_fd = openat(nursery->home_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (nursery->lock_fd < 0 || flock(nursery->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return why_set(why, -SIS_ERR_BUSY, "another enrolment goes on in %s; wait until it is done", nursery->path);
	struct stat status;
	if (fstatat(nursery->home_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return why_set(why, -SIS_ERR_EXISTS, "there is already a profile \"%s\" in %s; choose another with \"sis --profile NAME enroll …\", or move it away first",
		               name, nursery->path);
	snprintf(nursery->temporary, sizeof(nursery->temporary), ".enrolling");
	directory_remove(nursery->home_fd, nursery->temporary);
	if (mkdirat(nursery->home_fd, nursery->temporary, 0700) < 0)
		return why_set(why, error_from_errno(errno), "%s cannot be written to: %s", nursery->path, strerror(errno));
	nursery->dir_fd = openat(nursery->home_fd, nursery->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return nursery->dir_fd >= 0 ? 0 : error_from_errno(errno);
}

static int nursery_publish(struct nursery *nursery, const char *name, struct why *why)
{
	if (renameat2(nursery->home_fd, nursery->temporary, nursery->home_fd, name, RENAME_NOREPLACE) < 0)
		return why_set(why, error_from_errno(errno), "the profile cannot get its name in %s: %s", nursery->path, strerror(errno));
	fsync(nursery->home_fd);
	nursery->dir_fd = fd_close(nursery->dir_fd);
	return 0;
}

static void device_name_default(char ret_name[NAME_MAX_TEXT + 1])
{
	char host[256] = "";
	size_t n = 0;
	gethostname(host, sizeof(host) - 1);
	for (const char *c = host; *c != '\0' && *c != '.' && n < NAME_MAX_TEXT; c++) {
		char lower = (char)tolower((unsigned char)*c);
		bool first = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
		if (first || (n > 0 && (lower == '-' || lower == '_')))
			ret_name[n++] = lower;
	}
	ret_name[n] = '\0';
	if (!name_is_valid(span_from_string(ret_name)))
		strcpy(ret_name, "device");
}

static int invite_read_stdin(char *ret_text, size_t capacity)
{
	size_t size = 0;
	while (size + 1 < capacity) {
		ssize_t n = read(STDIN_FILENO, ret_text + size, capacity - 1 - size);
		if (n < 0 && errno == EINTR && !atomic_load(&sis_cancelled))
			continue;
		if (n < 0)
			return errno == EINTR ? -SIS_ERR_INTERRUPTED : error_from_errno(errno);
		if (n == 0)
			break;
		size += (size_t)n;
		if (memchr(ret_text, '\n', size) != NULL)
			break;
	}
	ret_text[size] = '\0';
	return 0;
}

static int invite_take(const char *argument, struct invite *ret_invite, struct why *why)
{
	char text[1024];
	if (strcmp(argument, "-") != 0)
		return invite_parse(span_from_string(argument), ret_invite, why);
	int r = invite_read_stdin(text, sizeof(text));
	if (r == 0)
		r = invite_parse(span_from_string(text), ret_invite, why);
	secret_wipe(text, sizeof(text));
	return r;
}

/* Open registration: everything but the password is on the command line. */
static int registration_take(const struct enroll_options *options, struct invite *ret_invite, char **ret_password, struct why *why)
{
	struct invite invite = { 0 };
	if (!address_parse(options->server, invite.host, invite.port))
		return why_set(why, -SIS_ERR_USAGE, "\"%s\" is not HOST:PORT", options->server);
	if (fingerprint_parse(options->ca_fingerprint, invite.ca_fingerprint) < 0)
		return why_set(why, -SIS_ERR_USAGE, "the fingerprint is not 64 hex digits; ask the administrator for it");
	if (!name_is_valid(span_from_string(options->user)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" is not a valid user name: 1 to 32 of a-z 0-9 . _ -", options->user);
	strcpy(invite.user, options->user);
	int r = terminal_ask_secret("Password on the server: ", ret_password, why);
	if (r == 0)
		*ret_invite = invite;
	return r;
}

static int ask_new_passphrase(char **ret_passphrase, struct why *why)
{
	char *first = NULL, *second = NULL;
	int r = terminal_ask_secret("New passphrase for the keys: ", &first, why);
	if (r == 0)
		r = terminal_ask_secret("The same again: ", &second, why);
	if (r == 0 && strcmp(first, second) != 0)
		r = why_set(why, -SIS_ERR_BAD_LOGIN, "the two passphrases differ");
	if (second != NULL)
		secret_wipe(second, strlen(second));
	free(second);
	if (r == 0) {
		*ret_passphrase = first;
		return 0;
	}
	if (first != NULL)
		secret_wipe(first, strlen(first));
	free(first);
	return r;
}

/* The authority is checked before anything secret is sent: by the handshake, and here once more, on what the handshake found. */
static int meet_authority(struct http_client *client, const struct invite *invite, struct profile *profile, struct why *why)
{
	struct http_call call = { .method = "GET", .target = "/healthz", .max_collect = 4096 };
	struct http_reply reply;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	int r = http_client_call(client, &call, &reply, NULL);
	if (r == -SIS_ERR_UNTRUSTED)
		return why_set(why, r, "the server at %s:%s does not have the authority that the invite names, so the code was not sent; ask the administrator "
		               "for a new invite", invite->host, invite->port);
	if (r < 0)
		return session_transport_error(client, r, why);
	r = tls_client_ca(http_client_tls(client), &profile->ca);
	struct span ca = { profile->ca.data, profile->ca.size };
	if (r == 0)
		r = certificate_is_ca(ca);
	if (r < 0)
		return why_set(why, -SIS_ERR_UNTRUSTED, "the server's authority cannot be read; ask the administrator");
	certificate_fingerprint(ca, fingerprint);
	if (memcmp(fingerprint, invite->ca_fingerprint, sizeof(fingerprint)) != 0)
		return why_set(why, -SIS_ERR_UNTRUSTED, "the server's authority is not the one that the invite names, so the code was not sent");
	return 0;
}

static char *basic_authorization(const char *user, const char *secret)
{
	CLEANUP_FREE char *plain = xasprintf("%s:%s", user, secret);
	size_t size = strlen(plain);
	char *value = xcalloc(1, 6 + 4 * ((size + 2) / 3) + 1);
	memcpy(value, "Basic ", 6);
	base64_encode_padded(plain, size, value + 6);
	secret_wipe(plain, size);
	return value;
}

static int certify(const struct invite *invite, const char *password, struct profile *profile, struct why *why)
{
	struct http_client *client = NULL;
	int r = enroll_client(profile, invite->ca_fingerprint, false, &client);
	if (r == 0)
		r = meet_authority(client, invite, profile, why);
	if (r == 0) {
		char *authorization = basic_authorization(invite->user, password != NULL ? password : invite->code);
		const struct http_client_header login = { "Authorization", authorization };
		r = enroll_request(client, "/.well-known/est/simpleenroll", &login, profile, &profile->key, &profile->certificate, why);
		secret_wipe(authorization, strlen(authorization));
		free(authorization);
	}
	http_client_free(client);
	if (r == 0)
		r = certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts);
	if (r == 0)
		strcpy(profile->device, profile->facts.device);
	return r;
}

static int publish(struct profile *profile, struct why *why)
{
	struct http_client *client = NULL;
	int r = enroll_client(profile, NULL, true, &client);
	for (unsigned attempt = 0; r == 0 && attempt < 3; attempt++) {
		why->text[0] = '\0';
		r = enroll_publish_key(client, profile, why);
		if (r != -SIS_ERR_UNAVAILABLE && r != -SIS_ERR_CLOSED && r != -SIS_ERR_BUSY && r != -SIS_ERR_TIMEOUT)
			break;
		if (attempt < 2)
			r = 0;
	}
	http_client_free(client);
	return r;
}

static int make_profile(const struct sis *sis, const struct enroll_options *options, const struct invite *invite, const char *password,
                        struct profile *profile, struct why *why)
{
	struct nursery nursery = { -1, -1, -1, NULL, "" };
	const char *name;
	int r = profile_name(sis, &name, why);
	strcpy(profile->host, invite->host);
	strcpy(profile->port, invite->port);
	strcpy(profile->user, invite->user);
	if (r == 0)
		r = nursery_open(sis, name, &nursery, why);
	if (r == 0 && options->passphrase)
		r = ask_new_passphrase(&profile->passphrase, why);
	if (r == 0)
		r = signing_key_generate(KEY_ED25519, &profile->key);
	uint8_t public_key[HPKE_KEY_BYTES];
	if (r == 0)
		r = hpke_generate_key(&profile->encryption_key, public_key);
	if (r == 0)
		r = certify(invite, password, profile, why);
	if (r == 0)
		r = profile_write(profile, nursery.dir_fd, profile->passphrase);
	if (r == 0)
		r = publish(profile, why);
	if (r == 0)
		r = nursery_publish(&nursery, name, why);
	nursery_close(&nursery);
	return r;
}

static void report(const struct sis *sis, const struct profile *profile)
{
	char until[TIME_TEXT + 1] = "", fingerprint[2 * FINGERPRINT_BYTES + 1];
	time_encode(profile->facts.not_after, until);
	hex_encode(profile->facts.fingerprint, FINGERPRINT_BYTES, fingerprint);
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:s}", "user", profile->user, "device", profile->device, "server", profile->host, "fingerprint",
		                      fingerprint, "not_after", until));
	else if (!sis->quiet)
		output_line("enrolled as %s, device %s, on %s:%s; the certificate holds until %s", profile->user, profile->device, profile->host,
		            profile->port, until);
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	const struct enroll_options *options = options_;
	struct why why = { "" };
	struct invite invite = { 0 };
	char *password = NULL;
	bool open_registration = options->server != NULL && options->ca_fingerprint != NULL && options->user != NULL;
	if ((n == 1) == open_registration || (n == 1 && (options->server || options->ca_fingerprint || options->user)))
		return output_usage(sis, "enroll", "give an invite, or --server with --ca-fingerprint and --user");
	if (options->device != NULL && !name_is_valid(span_from_string(options->device)))
		return output_usage(sis, "enroll", "\"%s\" cannot name a device: 1 to 32 of a-z 0-9 . _ -", options->device);
	CLEANUP_PROFILE struct profile *profile = xcalloc(1, sizeof(*profile));
	profile->dir_fd = -1;
	if (options->device != NULL)
		strcpy(profile->device, options->device);
	else
		device_name_default(profile->device);
	int r = n == 1 ? invite_take(arguments[0], &invite, &why) : registration_take(options, &invite, &password, &why);
	if (r == 0)
		r = make_profile(sis, options, &invite, password, profile, &why);
	if (r == 0)
		report(sis, profile);
	else
		output_error(sis, NULL, r, &why);
	invite_wipe(&invite);
	if (password != NULL)
		secret_wipe(password, strlen(password));
	free(password);
	return output_status(r < 0, 1, r);
}

const struct command command_enroll = {
	"enroll", "INVITE|-", "become a user of a server, on this device",
	"INVITE is the line that the administrator got from \"sisctl add\". Put it between quotes, or give \"-\" to have it read from standard input, which\n"
	"keeps it out of the list of processes. The server is checked before the invite's code is sent; the keys are made here and stay here.",
	rows, ARRAY_SIZE(rows), 0, 1, sizeof(struct enroll_options), run,
};
