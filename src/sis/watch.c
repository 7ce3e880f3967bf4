/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis watch: says what arrives, while it arrives, each item checked before a word of it is shown. */
#include "sis/watch.h"

#include "sis/command.h"
#include "sis/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCH_FILE "watch"
#define CHECK_EVERY_NS 600000000000u    /* how old the list of revocations may get */
#define AWAY_NS 1000000000u             /* a shorter absence is not worth a line */
#define NEXT_MS 500
#define ITEM_JSON_MAX (8u << 20)

static const struct option_row rows[] = {
	{ "get", 'g', "DIR", "fetch what arrives into this directory, checked, at once", OPTION_TEXT, offsetof(struct watch_options, directory) },
	{ "exec", 'x', "CMD", "run a command for each event, the facts in its environment", OPTION_TEXT, offsetof(struct watch_options, command) },
	{ "since", 0, "ID|all|now", "begin after this item, or at the beginning, or now", OPTION_TEXT, offsetof(struct watch_options, since) },
	{ "no-notify", 0, NULL, "no desktop notifications", OPTION_FLAG, offsetof(struct watch_options, no_notify) },
};

/* ------------------------------------------------ where to begin ------------------------------------------------ */

static bool read_position(const struct profile *profile, uint64_t *ret_position)
{
	char text[32];
	CLEANUP_FD int fd = openat(profile->dir_fd, WATCH_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	return n > 0 && span_to_u64((struct span){ (uint8_t *)text, (size_t)n }, INT64_MAX, ret_position);
}

static void save_position(struct watch *watch)
{
	char text[32];
	if (watch->done == watch->saved)
		return;
	int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)watch->done);
	profile_write_quick(watch->visit->profile, WATCH_FILE, (struct span){ (uint8_t *)text, (size_t)size });
	watch->saved = watch->done;
}

static int position_of(struct watch *watch, const char *prefix, uint64_t *ret_position, struct why *why)
{
	char id[ITEM_ID_TEXT + 1], target[64];
	CLEANUP_JSON json_t *json = NULL;
	int r = item_resolve(watch->visit->session, prefix, id, why);
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	if (r == 0)
		r = session_get_json(watch->visit->session, target, ITEM_JSON_MAX, &json, why);
	if (r == 0 && json_member_u64(json, "sequence", ret_position) < 0)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server does not say when the item came");
	return r;
}

static int begin(struct watch *watch, struct why *why)
{
	const char *since = watch->options->since;
	uint64_t after = 0;
	watch->from_now = since == NULL ? !read_position(watch->visit->profile, &after) : strcmp(since, "now") == 0;
	int r = since != NULL && !watch->from_now && strcmp(since, "all") != 0 ? position_of(watch, since, &after, why) : 0;
	if (r < 0)
		return r;
	watch->done = watch->saved = after;
	return events_open(watch->sis, watch->visit->profile, watch->from_now, after, "content", &watch->events, why);
}

/* ------------------------------------------------ events ------------------------------------------------ */

static int on_hello(struct watch *watch, const struct event *event, struct why *why)
{
	if (watch->sis->json)
		output_json(json_pack("{s:s, s:I}", "event", "hello", "sequence", (json_int_t)event->sequence));
	else if (watch->is_away)
		output_note(watch->sis, "the server is back");
	else if (!watch->has_begun && !watch->sis->quiet && isatty(STDERR_FILENO))
		output_note(watch->sis, "watching for %s; ^C ends it", watch->visit->profile->user);
	fflush(stdout);
	watch->is_away = false;
	watch->has_begun = true;
	/* Asked for now: what the server calls now must not be older than what it has shown us elsewhere. */
	bool is_now = watch->from_now;
	watch->from_now = false;
	return is_now ? horizon_check(&watch->visit->horizon, event->sequence, why) : 0;
}

static int on_event(struct watch *watch, const struct event *event, struct why *why)
{
	struct news news = { .event = event };
	if (strcmp(event->kind, "hello") == 0)
		return on_hello(watch, event, why);
	if (strcmp(event->kind, "device") == 0 || time_monotonic_ns() - watch->checked_ns > CHECK_EVERY_NS)
		watch_check_anew(watch);
	watch->visit->acceptor.now = time_now();
	int r = event->sequence > watch->visit->horizon.known ? horizon_check(&watch->visit->horizon, event->sequence, why) : 0;
	if (r < 0)
		return r;
	if (strcmp(event->kind, "item") == 0)
		return watch_item(watch, &news, why);
	watch_show(watch, &news);
	return watch_run_command(watch, &news, why);
}

static void look_after_server(struct watch *watch)
{
	const char *trouble = events_trouble(watch->events);
	uint64_t now = time_monotonic_ns();
	if (trouble == NULL) {
		watch->away_ns = 0;
		return;
	}
	if (watch->away_ns == 0)
		watch->away_ns = now;
	if (watch->is_away || now - watch->away_ns < AWAY_NS)
		return;
	watch->is_away = true;
	output_note(watch->sis, "the server is away (%s); waiting for it", trouble);
}

static int watch_on(struct watch *watch, struct why *why)
{
	for (;;) {
		struct event event;
		int r = events_next(watch->events, 0, &event, why);
		if (r == 0) {
			save_position(watch);
			recent_save(watch->visit->profile, &watch->recent);
			pins_save(watch->visit->pins, NULL);
			programs_reap(&watch->programs);
			look_after_server(watch);
			r = events_next(watch->events, NEXT_MS, &event, why);
		}
		if (r == 0)
			continue;
		if (r < 0)
			return r;
		r = on_event(watch, &event, why);
		/* What nobody could read was not told: the next watch tells it. output_finish says why this one ends. */
		bool is_told = ferror(stdout) == 0;
		if (r >= 0 && is_told)
			watch->done = event.sequence;
		event_free(&event);
		if (r < 0 || !is_told)
			return r < 0 ? r : 0;
	}
}

/* ^C is how a watch ends: in order. */
static int end(struct watch *watch, int error, struct why *why)
{
	save_position(watch);
	recent_save(watch->visit->profile, &watch->recent);
	programs_wait(&watch->programs);
	events_free(watch->events);
	if (error == -SIS_ERR_INTERRUPTED) {
		atomic_store(&sis_cancelled, false);
		return 0;
	}
	if (error == -SIS_ERR_ROLLED_BACK && watch->options->since == NULL && why->text[0] != '\0')
		output_note(watch->sis, "only if a backup was restored: \"sis watch --since now\" begins anew");
	return error;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct watch watch = { .sis = sis, .options = options, .visit = &visit };
	struct why why = { "" };
	struct stat status;
	(void)arguments;
	(void)n;
	const char *directory = watch.options->directory;
	if (directory != NULL && (stat(directory, &status) < 0 || !S_ISDIR(status.st_mode)))
		return output_usage(sis, "watch", "\"%s\" is no directory", directory);
	int r = visit_begin(sis, &visit, &why);
	if (r == 0)
		r = begin(&watch, &why);
	if (r == 0) {
		watch.checked_ns = time_monotonic_ns();
		watch.may_notify = watch_can_notify(&watch);
		r = end(&watch, watch_on(&watch, &why), &why);
	}
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : watch.n_bad > 0 ? 1 : 0;
}

const struct command command_watch = {
	"watch", "", "say what arrives, while it arrives",
	"Prints a line for each item that is shared with you, for what is shared on, removed or ends, and for changes of your contacts' devices, until ^C. Items\n"
	"are checked as by \"sis list\"; one that does not hold is shown as BAD, and makes the exit status 1. Goes on where the last watch of this profile ended\n"
	"(the first time: now), and comes back by itself when the server was away.\n"
	"\n"
	"The command of --exec is run by /bin/sh, at most 4 at a time, with SIS_EVENT (item, bad, grant, removed, device, reset), SIS_SEQUENCE, SIS_ITEM,\n"
	"SIS_OWNER, SIS_DEVICE, SIS_KIND, SIS_NAME (made harmless), SIS_CAPTION, SIS_TIME, SIS_FILE (with --get), SIS_USER, SIS_BY, SIS_WHAT and SIS_ERROR in its\n"
	"environment: quote them (\"$SIS_NAME\").",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct watch_options), run,
};
