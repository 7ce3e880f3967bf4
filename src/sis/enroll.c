/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis enroll: makes this device's keys here, has them certified, and leaves a whole profile or nothing. */
#include "sis/enroll.h"

#include "sis/authorities.h"
#include "sis/command.h"
#include "sis/invite.h"
#include "sis/nursery.h"
#include "sis/output.h"
#include "sis/recovery.h"
#include "sis/renewal.h"
#include "sis/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct enroll_options { const char *device, *server, *ca_fingerprint, *user, *recovery; bool passphrase; };

static const struct option_row rows[] = {
	{ "device", 0, "NAME", "this device's name (default: the host's name)", OPTION_TEXT, offsetof(struct enroll_options, device) },
	{ "passphrase", 0, NULL, "ask for a passphrase and keep the keys under it", OPTION_FLAG, offsetof(struct enroll_options, passphrase) },
	{ "recovery", 0, "FILE", "go on with the keys of a recovery page: as the device that it is of, or as a new one that can read the same", OPTION_TEXT,
	  offsetof(struct enroll_options, recovery) },
	{ "server", 0, "HOST:PORT", "without an invite, where registration is open", OPTION_TEXT, offsetof(struct enroll_options, server) },
	{ "ca-fingerprint", 0, "HEX", "SHA-256 of the server's authority, as its administrator tells it", OPTION_TEXT,
	  offsetof(struct enroll_options, ca_fingerprint) },
	{ "user", 0, "NAME", "the name to register, or to enroll a further device for", OPTION_TEXT, offsetof(struct enroll_options, user) },
};

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
	if (r < 0)
		why_set(why, r, "the invite cannot be read from standard input: %s", strerror(errno));
	else
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

/* Is there a profile of the same user, whose keys the invite is for? Looked up without asking for a passphrase. */
static bool enroll_fits(const struct sis *sis, const struct invite *invite)
{
	char user[NAME_MAX_TEXT + 1];
	return profile_peek_user(sis, user) == 0 && strcmp(user, invite->user) == 0;
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

/* In a profile that is there already: the same device, with the same keys, gets a new certificate. */
static int enroll_again(const struct sis *sis, const struct invite *invite, struct profile *profile, struct why *why)
{
	CLEANUP_PROFILE struct profile *old = NULL;
	int r = profile_open(sis, &old, why);
	if (r == 0)
		r = enroll_check_old(old, invite, why);
	if (r == 0)
		r = profile_prepare_certificate(old, NULL, why);
	if (r < 0)
		return r;
	r = enroll_certify_old(invite, profile, old, why);
	if (r == -SIS_ERR_EXISTS || r == -SIS_ERR_CONFLICT)
		return why_set(why, r, "device \"%s\" cannot be certified again: it was revoked, or the invite names another device; make a page with \"sis recovery make\" "
		               "and say \"sis --profile NAME enroll INVITE --recovery FILE\" (the invite is still good)", old->device);
	if (r == 0) {
		authorities_adopt(old, (struct span){ profile->ca.data, profile->ca.size });
		r = renewal_mark_unpublished(old);
	}
	if (r == 0)
		r = profile_replace_certificate(old, NULL, (struct span){ profile->certificate.data, profile->certificate.size }, why);
	if (r == 0)
		r = publish(profile, why);
	if (r == 0)
		renewal_mark_published(old);
	return r;
}

/* The invite is spent by now: the profile is kept, and a later command publishes (renewal.h). */
static int publish_or_mark(const struct sis *sis, struct profile *profile, int dir_fd, struct why *why)
{
	const struct profile growing = { .dir_fd = dir_fd };
	int r = publish(profile, why);
	if (r == 0)
		return 0;
	output_warning(sis, "the encryption key is not published yet (%s): the next command does it; until then nobody can share with this device",
	               why_text(why, r));
	why->text[0] = '\0';
	return renewal_mark_unpublished(&growing);
}

/* A new profile, in the nursery until it is whole. */
static int grow_profile(const struct sis *sis, const struct enroll_options *options, const struct invite *invite, const char *password,
                        struct profile *profile, const struct nursery *nursery, struct why *why)
{
	CLEANUP_RECOVERY struct recovery recovery = { 0 };
	int r = options->recovery != NULL ? recovery_ask(options->recovery, &recovery, why) : 0;
	if (r == 0 && options->passphrase)
		r = terminal_ask_new_secret("New passphrase for the keys: ", &profile->passphrase, why);
	if (r == 0)
		r = nursery_reserve(nursery, why);
	if (r == 0)
		r = recovery.profile != NULL ? enroll_certify_recovered(options->device, invite, profile, recovery.profile, why)
		                             : enroll_certify_new(invite, password, profile, NULL, why);
	nursery_release(nursery);
	if (r == 0)
		r = profile_write(profile, nursery->dir_fd, profile->passphrase);
	if (r == 0 && recovery.profile != NULL)
		r = recovery_write_files(&recovery, nursery->dir_fd, strcmp(profile->device, recovery.profile->device) == 0, why);
	return r == 0 ? publish_or_mark(sis, profile, nursery->dir_fd, why) : r;
}

static int make_profile(const struct sis *sis, const struct enroll_options *options, const struct invite *invite, const char *password,
                        struct profile *profile, struct why *why)
{
	struct nursery nursery = NURSERY_NONE;
	bool is_plain = password == NULL && options->device == NULL && options->recovery == NULL;
	const char *name;
	int r = profile_name(sis, &name, why);
	if (r == 0)
		r = nursery_open(sis, name, &nursery, why);
	if (r == 0) {
		r = grow_profile(sis, options, invite, password, profile, &nursery, why);
		if (r == 0)
			r = nursery_publish(&nursery, name, why);
	} else if (r == -SIS_ERR_EXISTS && is_plain && enroll_fits(sis, invite)) {
		why->text[0] = '\0';
		r = enroll_again(sis, invite, profile, why);
	}
	nursery_close(&nursery);
	return r;
}

static void report(const struct sis *sis, const struct profile *profile)
{
	char until[TIME_TEXT + 1] = "", fingerprint[2 * FINGERPRINT_BYTES + 1];
	output_moment(sis, profile->facts.not_after, until, sizeof(until));
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
	if (options->recovery != NULL && n != 1)
		return output_usage(sis, "enroll", "--recovery goes with an invite");
	CLEANUP_PROFILE struct profile *profile = xcalloc(1, sizeof(*profile));
	profile->dir_fd = -1;
	if (options->device != NULL)
		strcpy(profile->device, options->device);
	else
		device_name_default(profile->device);
	int r = n == 1 ? invite_take(arguments[0], &invite, &why) : registration_take(options, &invite, &password, &why);
	strcpy(profile->host, invite.host);
	strcpy(profile->port, invite.port);
	strcpy(profile->user, invite.user);
	if (r == 0)
		r = make_profile(sis, options, &invite, password, profile, &why);
	if (r == 0)
		report(sis, profile);
	else
		output_error(sis, NULL, r, &why);
	invite_wipe(&invite);
	secret_free_text(password);
	return output_status(r < 0, 1, r);
}

const struct command command_enroll = {
	"enroll", "INVITE|-", "become a user of a server, on this device",
	"INVITE is the line that the administrator got from \"sisctl add\". Put it between quotes, or give \"-\" to have it read from standard input, which\n"
	"keeps it out of the list of processes. The server is checked before the invite's code is sent; the keys are made here and stay here.\n"
	"In a profile that is there already, an invite for the same user gets a new certificate for the same keys: for when the old one has expired.",
	rows, ARRAY_SIZE(rows), 0, 1, sizeof(struct enroll_options), run,
};
