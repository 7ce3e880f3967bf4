/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis doctor: what is wrong, in words, and what to do about it. A table of checks; those that need no server come first, so that it is of use without. */
#include "sis/command.h"
#include "sis/doctor.h"
#include "sis/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct check {
	const char *name;
	void (*look)(struct doctor *doctor, struct finding *finding);
	enum doctor_need need;
} checks[] = {
	{ "version", doctor_check_version, NEED_NOTHING },
	{ "home", doctor_check_home, NEED_NOTHING },
	{ "files", doctor_check_files, NEED_DIRECTORY },
	{ "disk", doctor_check_disk, NEED_DIRECTORY },
	{ "uploads", doctor_check_uploads, NEED_DIRECTORY },
	{ "keys", doctor_check_keys, NEED_DIRECTORY },
	{ "certificate", doctor_check_certificate, NEED_PROFILE },
	{ "contacts", doctor_check_contacts, NEED_PROFILE },
	{ "server", doctor_check_server, NEED_PROFILE },
	{ "account", doctor_check_account, NEED_SERVER },
	{ "clock", doctor_check_clock, NEED_ACCOUNT },
	{ "published key", doctor_check_published, NEED_ACCOUNT },
};

static const struct { const char *word, *symbol; enum output_style style; } levels[] = {
	[FINDING_OK] = { "ok", "\xe2\x9c\x93", STYLE_OK }, [FINDING_WARN] = { "warn", "!", STYLE_WARNING }, [FINDING_BAD] = { "bad", "\xe2\x9c\x97", STYLE_BAD },
};

void doctor_find(struct finding *finding, enum finding_level level, const char *format, ...)
{
	char text[sizeof(finding->text)];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	finding->level = level;
	text_for_terminal(span_from_string(text), finding->text, sizeof(finding->text));
}

static void show(const struct sis *sis, const char *name, const struct finding *finding)
{
	if (sis->json) {
		output_json(json_pack("{s:s, s:s, s:s}", "check", name, "level", levels[finding->level].word, "detail", finding->text));
		return;
	}
	if (sis->quiet && finding->level == FINDING_OK)
		return;
	const char *mark = isatty(STDOUT_FILENO) ? levels[finding->level].symbol : levels[finding->level].word;
	int width = isatty(STDOUT_FILENO) ? 0 : 4 - (int)strlen(mark);
	output_line("%s%s%s%*s  %-13s  %s", STYLED(levels[finding->level].style, mark), width, "", name, finding->text);
}

static bool need_is_met(const struct doctor *doctor, enum doctor_need need)
{
	return need == NEED_NOTHING || (need == NEED_DIRECTORY && doctor->dir_fd >= 0) || (need == NEED_PROFILE && doctor->profile != NULL) ||
	       (need == NEED_SERVER && doctor->reached) || (need == NEED_ACCOUNT && doctor->whoami != NULL);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	struct doctor doctor = { .sis = sis, .dir_fd = -1 };
	bool bad = false;
	(void)options;
	(void)arguments;
	(void)n;
	for (size_t i = 0; i < ARRAY_SIZE(checks) && !atomic_load(&sis_cancelled); i++) {
		struct finding finding = { FINDING_OK, "" };
		if (!need_is_met(&doctor, checks[i].need))
			continue;
		checks[i].look(&doctor, &finding);
		show(sis, checks[i].name, &finding);
		bad = bad || finding.level == FINDING_BAD;
	}
	doctor_close(&doctor);
	return bad || atomic_load(&sis_cancelled) ? 1 : 0;
}

const struct command command_doctor = {
	"doctor", "", "what is wrong, and what to do about it",
	"Looks at this profile's files, keys, certificate, pins and unfinished uploads, at the disk, and, when the server can be reached, at the server, the clock,\n"
	"and whether the server has what it should have of this device. Each line is ok, warn or bad, and says what to do. Ends with 1 when something is bad.",
	NULL, 0, 0, 0, 0, run,
};
