/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis recovery: the page that brings a profile back when its device is gone. */
#include "sis/command.h"
#include "sis/nursery.h"
#include "sis/output.h"
#include "sis/recovery.h"
#include "sis/terminal.h"
#include "sis/words.h"

#include "crypto/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 88 bits, each guess at which costs 128 MiB. */
#define PASSPHRASE_WORDS 8

struct recovery_options { const char *output; bool ask, passphrase; unsigned cost; };

static const struct option_row rows[] = {
	{ "output", 'o', "FILE", "make: where to write the page (default: ./sis-recovery-USER-DEVICE.txt; \"-\": standard output)", OPTION_TEXT,
	  offsetof(struct recovery_options, output) },
	{ "ask-passphrase", 0, NULL, "make: ask for a passphrase of your own instead of making a strong one", OPTION_FLAG, offsetof(struct recovery_options, ask) },
	{ "cost", 0, "N", "make: what a guess at the passphrase costs, 1 (1 MiB) to 8 (128 MiB, the default)", OPTION_NUMBER, offsetof(struct recovery_options, cost) },
	{ "passphrase", 0, NULL, "restore: ask for a passphrase and keep the keys under it", OPTION_FLAG, offsetof(struct recovery_options, passphrase) },
};

/* ------------------------------------------------ make ------------------------------------------------ */

/* Words can be read off a wall, told on the telephone, and typed. */
static int generate(char **ret_passphrase)
{
	uint16_t random[PASSPHRASE_WORDS];
	char text[PASSPHRASE_WORDS * (WORDS_LONGEST + 1)] = "";
	struct builder builder = builder_from(text, sizeof(text));
	int r = random_bytes(random, sizeof(random));
	_Static_assert(WORDS_LIST == 2048, "each word is eleven bits");
	for (size_t i = 0; i < PASSPHRASE_WORDS && r == 0; i++)
		builder_printf(&builder, "%s%s", i > 0 ? " " : "", words_list[random[i] % WORDS_LIST]);
	if (r == 0) {
		*ret_passphrase = xcalloc(1, builder.size + 1);
		memcpy(*ret_passphrase, text, builder.size);
	}
	secret_wipe(random, sizeof(random));
	secret_wipe(text, sizeof(text));
	return r;
}

static int choose_passphrase(const struct recovery_options *options, char **ret_passphrase, struct why *why)
{
	int r = options->ask ? terminal_ask_new_secret("New passphrase for the recovery page: ", ret_passphrase, why) : generate(ret_passphrase);
	if (r == 0 && strlen(*ret_passphrase) < 12)
		r = why_set(why, -SIS_ERR_USAGE, "a passphrase for a page that somebody may find needs at least 12 characters; better let sis make one");
	return r;
}

static int write_page(const char *path, const struct blob *page, struct why *why)
{
	if (strcmp(path, "-") == 0)
		return fd_write_all(STDOUT_FILENO, page->data, page->size);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return why_set(why, -SIS_ERR_EXISTS, "%s is there already, and a recovery page is never overwritten; give another name with -o", path);
	if (fd < 0)
		return why_set(why, error_from_errno(errno), "%s cannot be made: %s", path, strerror(errno));
	int r = fd_write_all(fd, page->data, page->size);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL)
		r = error_from_errno(errno);
	if (r < 0)
		unlink(path);
	return r < 0 ? why_set(why, r, "%s cannot be written: %s", path, error_text(r)) : 0;
}

static void show_made(const struct sis *sis, const char *path, const char *passphrase, bool generated)
{
	if (strcmp(path, "-") == 0) {
		if (generated)
			fprintf(stderr, "passphrase: %s\n", passphrase);
		return;
	}
	if (sis->json)
		output_json(json_pack("{s:s, s:s*}", "path", path, "passphrase", generated ? passphrase : NULL));
	else if (generated)
		output_line("%s is written. Its passphrase, which is shown only now:\n\n    %s\n\nKeep the two in different places.", path, passphrase);
	else if (!sis->quiet)
		output_line("%s is written; keep it and its passphrase in different places", path);
}

static int make(const struct sis *sis, const struct recovery_options *options, struct why *why)
{
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_BLOB struct blob page = { 0 };
	char *passphrase = NULL;
	int r = profile_open(sis, &profile, why);
	if (r == 0)
		r = choose_passphrase(options, &passphrase, why);
	if (r == 0)
		r = recovery_make(profile, passphrase, options->cost != 0 ? options->cost : PASSPHRASE_COST_DEFAULT, &page, why);
	CLEANUP_FREE char *name = r == 0 ? xasprintf("sis-recovery-%s-%s.txt", profile->user, profile->device) : NULL;
	const char *path = options->output != NULL ? options->output : name;
	if (r == 0)
		r = write_page(path, &page, why);
	if (r == 0)
		show_made(sis, path, passphrase, !options->ask);
	secret_free_text(passphrase);
	return r;
}

/* ------------------------------------------------ restore, show ------------------------------------------------ */

static void show_restored(const struct sis *sis, const struct profile *profile)
{
	char until[TIME_TEXT + 1] = "";
	bool expired = profile->facts.not_after <= time_now();
	output_moment(sis, profile->facts.not_after, until, sizeof(until));
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:b}", "user", profile->user, "device", profile->device, "server", profile->host, "not_after", until,
		                      "expired", (int)expired));
	else if (!sis->quiet)
		output_line("restored as %s, device %s, on %s:%s; %s %s%s", profile->user, profile->device, profile->host, profile->port,
		            expired ? "the certificate expired at" : "the certificate holds until", until,
		            expired ? ": ask the administrator for an invite and say: sis enroll 'INVITE'" : "");
}

static int restore(const struct sis *sis, const struct recovery_options *options, const char *path, struct why *why)
{
	CLEANUP_RECOVERY struct recovery recovery = { 0 };
	struct nursery nursery = NURSERY_NONE;
	const char *name;
	int r = profile_name(sis, &name, why);
	if (r == 0)
		r = nursery_open(sis, name, &nursery, why);
	if (r == 0)
		r = recovery_ask(path, &recovery, why);
	if (r == 0 && options->passphrase)
		r = terminal_ask_new_secret("New passphrase for the keys: ", &recovery.profile->passphrase, why);
	if (r == 0)
		r = profile_write(recovery.profile, nursery.dir_fd, recovery.profile->passphrase);
	if (r == 0)
		r = recovery_write_files(&recovery, nursery.dir_fd, true, why);
	if (r == 0)
		r = nursery_publish(&nursery, name, why);
	if (r == 0)
		show_restored(sis, recovery.profile);
	nursery_close(&nursery);
	return r;
}

static int show(const struct sis *sis, const char *path, struct why *why)
{
	CLEANUP_BLOB struct blob sealed = { 0 };
	char subject[RECOVERY_FOR_TEXT], safe[RECOVERY_FOR_TEXT];
	int r = recovery_load(path, &sealed, subject, why);
	if (r < 0)
		return r;
	text_for_terminal(span_from_string(subject), safe, sizeof(safe));
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:I}", "path", path, "subject", safe, "bytes", (json_int_t)sealed.size));
	else
		output_line("%s is a whole recovery page. It says that it is %s; what is in it, the passphrase shows", path, *safe != '\0' ? safe : "for nobody");
	return 0;
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	const struct recovery_options *options = options_;
	struct why why = { "" };
	bool is_make = strcmp(arguments[0], "make") == 0, is_restore = strcmp(arguments[0], "restore") == 0, is_show = strcmp(arguments[0], "show") == 0;
	if ((!is_make || n != 1) && (!is_restore || n != 2) && (!is_show || n != 2))
		return output_usage(sis, "recovery", "say \"sis recovery make\", \"sis recovery restore FILE\" or \"sis recovery show FILE\"");
	if (options->cost > PASSPHRASE_COST_MAX)
		return output_usage(sis, "recovery", "--cost goes from 1 to %u", PASSPHRASE_COST_MAX);
	int r = is_make ? make(sis, options, &why) : is_restore ? restore(sis, options, arguments[1], &why) : show(sis, arguments[1], &why);
	if (r < 0)
		output_error(sis, NULL, r, &why);
	return output_status(r < 0, 1, r);
}

const struct command command_recovery = {
	"recovery", "make|restore FILE|show FILE", "a page that brings your keys back when the device is lost",
	"\"make\" writes a page with this device's keys, pins and groups, encrypted, and shows a passphrase for it once. Print the page or keep the file, and keep\n"
	"the passphrase elsewhere: whoever loses all devices and has no such page loses the pictures. \"restore\" makes a profile of it (with --profile NAME, one\n"
	"of another name); \"-\" is standard input, and lines that were typed off the paper are checked one by one. \"show\" says what a page is for.\n"
	"When the device was stolen, have it revoked (sisctl revoke) and enroll anew: sis enroll INVITE --recovery FILE reads what the old one could read.",
	rows, ARRAY_SIZE(rows), 1, 2, sizeof(struct recovery_options), run,
};
