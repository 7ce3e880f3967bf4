/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a check has found, for people: each problem in a sentence, whose it is, what was or would be done, and in the end what to do next. */
#include "sisctl/check.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <string.h>

static void print_word(const char *before, const json_t *problem, const char *member)
{
	const char *word = json_member_string(problem, member);
	if (word == NULL || *word == '\0')
		return;
	fputs(before, stdout);
	output_text(stdout, word);
}

static bool is_kind(const json_t *problem, const char *kind)
{
	const char *name = json_member_string(problem, "kind");
	return name != NULL && strcmp(name, kind) == 0;
}

/* What is known of it stands in its object alone. */
static bool is_orphan(const json_t *problem)
{
	static const char *const kinds[] = { "ITEM_ROW", "ITEM_OBJECT", "ORPHAN", "KEPT" };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (is_kind(problem, kinds[i]))
			return true;
	}
	return false;
}

static void print_whose(const json_t *problem)
{
	const char *user = json_member_string(problem, "user"), *item = json_member_string(problem, "item");
	const json_t *readers = json_object_get(problem, "readers"), *reader;
	uint64_t more = 0;
	size_t index;
	if (user == NULL || *user == '\0' || item == NULL || *item == '\0' || json_member_string(problem, "received") == NULL)
		return;
	print_word("  it is of ", problem, "user");
	print_word(", received ", problem, "received");
	json_array_foreach(readers, index, reader) {
		fputs(index > 0 ? ", " : is_orphan(problem) ? "; it was uploaded for " : "; others who can read it: ", stdout);
		output_text(stdout, json_is_string(reader) ? json_string_value(reader) : "?");
	}
	if (json_member_u64(problem, "more_readers", &more) == 0 && more > 0)
		printf(" and %" PRIu64 " more", more);
	putchar('\n');
}

/* What was done is in "deed"; the word before it says how much that is. */
static void print_deed(const json_t *problem)
{
	static const struct { const char *kind, *word; } words[] = { { "DATABASE", "  saved" }, { "ITEM_OBJECT", "  kept" } };
	const char *word = json_member_bool(problem, "read_back", false) ? "  read back" : "  mended";
	for (size_t i = 0; i < ARRAY_SIZE(words) && strcmp(word, "  mended") == 0; i++)
		word = is_kind(problem, words[i].kind) ? words[i].word : word;
	if (json_member_bool(problem, "given_up", false)) {
		puts("  given up: it is removed, and its owner and readers are told that it is lost");
		return;
	}
	fputs(word, stdout);
	if (json_member_string(problem, "deed") == NULL || *json_member_string(problem, "deed") == '\0')
		fputs(": it is no longer so", stdout);
	else
		print_word(": ", problem, "deed");
	putchar('\n');
}

static void print_mend(const struct check_order *order, const json_t *problem)
{
	const char *error = json_member_string(problem, "error");
	bool mendable = json_member_bool(problem, "mendable", false);
	if (json_member_bool(problem, "mended", false)) {
		print_deed(problem);
		return;
	}
	if (error != NULL && *error != '\0')
		print_word("  not mended: ", problem, "error");
	else if (is_kind(problem, "ITEM_OBJECT") && order->recover_items)
		fputs("  with --repair: the item is read back, for its owner alone", stdout);
	else if (json_member_string(problem, "backup") != NULL && !order->repair)
		fputs("  with --repair: it is put back from there", stdout);
	else
		print_word(mendable && !order->repair ? "  with --repair: " : "  ", problem, "mend");
	putchar('\n');
}

static void print_problem(const struct check_order *order, const json_t *problem)
{
	const char *sentence = json_member_string(problem, "sentence");
	output_text(stdout, sentence != NULL ? sentence : "a problem without words");
	putchar('\n');
	print_whose(problem);
	if (json_member_string(problem, "backup") != NULL) {
		print_word("  the backup ", problem, "backup");
		puts(" has it");
	}
	print_mend(order, problem);
}

/* ------------------------------------------------ what to do next ------------------------------------------------ */

/* Owners of whom somebody lost access, each once. */
static void print_owners(const json_t *problems)
{
	CLEANUP_JSON json_t *told = json_object();
	const json_t *problem;
	size_t index;
	json_array_foreach(problems, index, problem) {
		const char *user = json_member_string(problem, "user");
		if (!is_kind(problem, "ITEM_OBJECT") || !json_member_bool(problem, "read_back", false) || user == NULL || json_object_get(told, user) != NULL)
			continue;
		fputs(json_object_size(told) > 0 ? ", " : " ", stdout);
		output_text(stdout, user);
		json_object_set_new(told, user, json_true());
	}
}

static void print_next(const struct check_order *order, const json_t *problems)
{
	unsigned n_back = 0, n_left = 0;
	bool saved = false;
	const json_t *problem;
	size_t index;
	json_array_foreach(problems, index, problem) {
		bool object = is_kind(problem, "ITEM_OBJECT"), back = json_member_bool(problem, "read_back", false);
		n_back += object && back;
		n_left += object && !back;
		saved |= is_kind(problem, "DATABASE") && json_member_bool(problem, "mended", false);
	}
	if (saved)
		puts("start sisd when nothing more is to be mended; where rows were lost, everybody's sis says that the server was set back, and goes on after `sis list --accept-restored`");
	if (n_left > 0)
		printf("%u item%s can be read back from %s, for %s alone: sisctl check --repair --recover-items%s\n", n_left, n_left == 1 ? "" : "s",
		       n_left == 1 ? "its object" : "their objects", n_left == 1 ? "its owner" : "their owners", order->offline ? " (with --offline, or when sisd runs)" : "");
	if (n_back > 0) {
		printf("%u item%s read back for %s owner alone: whoever else had %s sees %s again only when the owner shares %s anew (sis share). Tell", n_back,
		       n_back == 1 ? " was" : "s were", n_back == 1 ? "its" : "each", n_back == 1 ? "it" : "them", n_back == 1 ? "it" : "them", n_back == 1 ? "it" : "them");
		print_owners(problems);
		putchar('\n');
	}
}

/* ------------------------------------------------ all of it ------------------------------------------------ */

void check_print(const struct check_order *order, const json_t *reply, uint64_t n, uint64_t n_mended)
{
	uint64_t items = 0, bytes = 0, more = 0;
	const json_t *problem;
	size_t index;
	char size[32];
	(void)json_member_u64(reply, "items", &items);
	(void)json_member_u64(reply, "bytes", &bytes);
	(void)json_member_u64(reply, "more", &more);
	json_array_foreach(json_object_get(reply, "problems"), index, problem)
		print_problem(order, problem);
	if (more > 0)
		printf("%" PRIu64 " more problems are not listed: mend these, then check again\n", more);
	size_format(bytes, size, sizeof(size));
	printf("%" PRIu64 " item%s, %s checked: %" PRIu64 " problem%s", items, items == 1 ? "" : "s", size, n + more, n + more == 1 ? "" : "s");
	printf(n_mended > 0 ? ", %" PRIu64 " mended\n" : "\n", n_mended);
	print_next(order, json_object_get(reply, "problems"));
}
