/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The groups that a profile keeps. */
#include "sis/groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY "groups"
#define FILE_MAX_BYTES (GROUP_MAX_BYTES + 65536u)
#define PEM_START "-----BEGIN "
#define CLOCK_SKEW_S 600

/* ------------------------------------------------ checking ------------------------------------------------ */

/* Ours, by the authority, and of the group's text. */
static int check_certificate(const struct profile *profile, struct span pem, const struct group *group, struct certificate *ret_facts)
{
	CLEANUP_BLOB struct blob der = { 0 };
	struct certificate facts;
	int r = certificate_from_pem(pem, &der);
	struct span span = { der.data, der.size };
	if (r == 0)
		r = certificate_parse(span, &facts);
	if (r == 0)
		r = certificate_verify(span, (struct span){ profile->ca.data, profile->ca.size }, facts.not_before);
	if (r == 0 && (strcmp(facts.user, profile->user) != 0 || memcmp(facts.fingerprint, group->device, sizeof(group->device)) != 0))
		r = -SIS_ERR_MISMATCH;
	if (r == 0 && (group->time < facts.not_before - CLOCK_SKEW_S || group->time > facts.not_after))
		r = -SIS_ERR_EXPIRED;
	if (r == 0)
		*ret_facts = facts;
	return r;
}

static int check_signer(struct session *session, struct pins *pins, const struct certificate *facts, const char *name, struct why *why)
{
	enum pin_state state;
	int r = pins_check(pins, facts->user, facts->device, &facts->public_key, NULL, &state, why);
	if (r < 0)
		return r;
	r = pins_check_revocation(pins, session, facts, why);
	if (r == -SIS_ERR_REVOKED)
		why_set(why, r, "the group @%s was signed by your device \"%s\", which has been revoked since: look at its members (sis --json group) and set it again: "
		        "sis group set %s …", name, facts->device, name);
	return r;
}

int group_check(struct session *session, struct pins *pins, struct span text, struct span pem, const char *name, struct group *ret_group, struct why *why)
{
	const struct profile *profile = session_profile(session);
	CLEANUP_FREE struct group *group = xcalloc(1, sizeof(*group));
	struct certificate facts;
	const char *words = NULL;
	int r = group_parse(text, group, &words);
	if (r < 0)
		return why_set(why, r, "the group @%s is malformed: %s", name, words != NULL ? words : error_text(r));
	if (strcmp(group->name, name) != 0 || strcmp(group->owner, profile->user) != 0)
		return why_set(why, -SIS_ERR_MISMATCH, "what is kept as the group @%s is another one, or somebody else's; set it again: sis group set %s …", name, name);
	r = check_certificate(profile, pem, group, &facts);
	if (r < 0)
		return why_set(why, r, "the certificate that signed the group @%s does not hold: %s; set it again: sis group set %s …", name, error_text(r), name);
	r = check_signer(session, pins, &facts, name, why);
	if (r < 0)
		return r;
	if (group_verify(text, group, &facts.public_key) < 0)
		return why_set(why, -SIS_ERR_BAD_SIGNATURE, "THE GROUP @%s WAS ALTERED after you signed it; nothing was shared, set it again: sis group set %s …", name,
		               name);
	*ret_group = *group;
	return 0;
}

/* ------------------------------------------------ files ------------------------------------------------ */

static void file_path(const char *name, char ret_path[sizeof(DIRECTORY) + NAME_MAX_TEXT + 2])
{
	sprintf(ret_path, DIRECTORY "/%.*s", NAME_MAX_TEXT, name);
}

int group_load(struct session *session, struct pins *pins, const char *name, struct group *ret_group, struct why *why)
{
	char path[sizeof(DIRECTORY) + NAME_MAX_TEXT + 2];
	CLEANUP_FREE char *data = NULL;
	size_t size;
	if (!name_is_valid(span_from_string(name)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" cannot name a group: 1 to 32 of a-z 0-9 . _ -", name);
	file_path(name, path);
	int r = file_read(session_profile(session)->dir_fd, path, FILE_MAX_BYTES, &data, &size);
	if (r == -SIS_ERR_NO_INPUT)
		return why_set(why, r, "there is no group @%s; see \"sis group\"", name);
	if (r < 0)
		return why_set(why, r, "the group @%s cannot be read: %s", name, error_text(r));
	const char *pem = strstr(data, PEM_START);
	size_t text_size = pem != NULL ? (size_t)(pem - data) : size;
	return group_check(session, pins, (struct span){ (const uint8_t *)data, text_size }, (struct span){ (const uint8_t *)data + text_size, size - text_size },
	                   name, ret_group, why);
}

int group_keep(const struct profile *profile, const char *name, struct span text, struct span pem, struct why *why)
{
	char path[sizeof(DIRECTORY) + NAME_MAX_TEXT + 2];
	CLEANUP_FREE char *data = xcalloc(1, text.size + pem.size + 1);
	memcpy(data, text.data, text.size);
	memcpy(data + text.size, pem.data, pem.size);
	file_path(name, path);
	int r = mkdirat(profile->dir_fd, DIRECTORY, 0700) < 0 && errno != EEXIST ? error_from_errno(errno) : 0;
	if (r == 0)
		r = file_write_atomic(profile->dir_fd, path, data, text.size + pem.size, 0600);
	return r < 0 ? why_set(why, r, "the group @%s cannot be written to the profile: %s", name, error_text(r)) : 0;
}

static int is_group(const struct dirent *entry)
{
	return name_is_valid(span_from_string(entry->d_name));
}

int group_names(const struct profile *profile, char ***ret_names, unsigned *ret_n, struct why *why)
{
	struct dirent **entries = NULL;
	int n = scandirat(profile->dir_fd, DIRECTORY, &entries, is_group, alphasort);
	if (n < 0 && errno != ENOENT)
		return why_set(why, error_from_errno(errno), "the groups of the profile cannot be listed: %s", strerror(errno));
	char **names = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		names[i] = xstrdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*ret_names = names;
	*ret_n = (unsigned)(n > 0 ? n : 0);
	return 0;
}

void group_names_free(char **names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* ------------------------------------------------ "@name" ------------------------------------------------ */

static int load_or_sync(const struct sis *sis, struct session *session, struct pins *pins, const char *name, struct group *ret_group, struct why *why)
{
	struct acceptor acceptor;
	struct group_news news;
	int r = group_load(session, pins, name, ret_group, why);
	if (r != -SIS_ERR_NO_INPUT)
		return r;
	r = acceptor_open(sis, session, pins, &acceptor, why);
	if (r < 0)
		return r;
	r = group_sync(&acceptor, session, &news, why);
	acceptor_close(&acceptor);
	return r == 0 ? group_load(session, pins, name, ret_group, why) : r;
}

/* Adds the words to the list behind, with a comma between. */
static void append(char **list, const char *words)
{
	char *longer = *list != NULL ? xasprintf("%s,%s", *list, words) : xstrdup(words);
	free(*list);
	*list = longer;
}

static int append_group(const struct sis *sis, struct session *session, struct pins *pins, const char *name, char **list, struct why *why)
{
	CLEANUP_FREE struct group *group = xcalloc(1, sizeof(*group));
	int r = load_or_sync(sis, session, pins, name, group, why);
	if (r == -SIS_ERR_NO_INPUT || (r == 0 && group->n_members == 0))
		return why_set(why, -SIS_ERR_NO_USER, "there is no group @%s; see \"sis group\"", name);
	for (unsigned i = 0; r == 0 && i < group->n_members; i++)
		append(list, group->member[i]);
	return r;
}

int groups_expand(const struct sis *sis, struct session *session, struct pins *pins, const char *to, char **ret_to, struct why *why)
{
	CLEANUP_FREE char *text = xstrdup(to);
	char *state = NULL, *list = NULL;
	int r = 0;
	for (char *name = strtok_r(text, ", ", &state); name != NULL && r == 0; name = strtok_r(NULL, ", ", &state)) {
		if (name[0] == '@')
			r = append_group(sis, session, pins, name + 1, &list, why);
		else
			append(&list, name);
	}
	if (r < 0)
		free(list);
	else
		*ret_to = list != NULL ? list : xstrdup("");
	return r;
}
