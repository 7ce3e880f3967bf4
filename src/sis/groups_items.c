/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups on their way from one own device to the other, as items that nobody else gets. */
#include "sis/groups.h"

#include "sis/fetch.h"
#include "sis/listing.h"
#include "sis/output.h"
#include "sis/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


/* ------------------------------------------------ reading ------------------------------------------------ */

/* By the signed statement alone: nothing is opened that cannot be one. Lists have thousands of other items. */
static bool may_be_group(const struct profile *profile, const json_t *json)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const char *text = json_member_string(json, "statement");
	return text != NULL && statement_parse(span_from_string(text), statement, NULL) == 0 && statement->kind == ITEM_FILE &&
	       statement->n_audience == 1 && strcmp(statement->owner, profile->user) == 0 &&
	       statement->part[SEAL_OBJECT].size <= seal_sealed_size(2 * GROUP_MAX_BYTES);
}

bool group_is_item(const struct profile *profile, const struct item *item)
{
	const struct statement *statement = &item->opened.statement;
	return statement->kind == ITEM_FILE && statement->n_audience == 1 && strcmp(statement->owner, profile->user) == 0 &&
	       strcmp(item->manifest.media_type, GROUP_MEDIA_TYPE) == 0;
}

static int fetch_text(struct session *session, const struct item *item, char **ret_text, struct why *why)
{
	CLEANUP_FD int fd = memfd_create("group", MFD_CLOEXEC);
	size_t size = (size_t)item->manifest.size;
	if (item->manifest.size > GROUP_MAX_BYTES)
		return why_set(why, -SIS_ERR_TOO_LARGE, "it is larger than a group can be");
	if (fd < 0)
		return why_set(why, error_from_errno(errno), "there is no memory for it: %s", strerror(errno));
	const struct fetch fetch = { .session = session, .item = item, .plain_fd = fd, .sealed_fd = -1 };
	int r = fetch_object(&fetch, why);
	CLEANUP_FREE char *text = xcalloc(1, size + 1);
	if (r == 0)
		r = fd_pread_all(fd, text, size, 0);
	if (r < 0)
		return r;
	*ret_text = text;
	text = NULL;
	return 0;
}

/* The certificate, as it came with the item, of the device that signed both it and the group. */
static const char *find_certificate(const json_t *json, const uint8_t fingerprint[DIGEST_BYTES])
{
	size_t i;
	json_t *entry;
	json_array_foreach(json_object_get(json, "certificates"), i, entry) {
		const char *pem = json_member_string(entry, "certificate");
		CLEANUP_BLOB struct blob der = { 0 };
		uint8_t found[FINGERPRINT_BYTES];
		if (pem == NULL || certificate_from_pem(span_from_string(pem), &der) < 0)
			continue;
		certificate_fingerprint((struct span){ der.data, der.size }, found);
		if (memcmp(found, fingerprint, sizeof(found)) == 0)
			return pem;
	}
	return NULL;
}

/* 1: newer than what is kept, and kept now; 0: not. */
static int take_group(struct session *session, struct pins *pins, const json_t *json, const struct item *item, struct why *why)
{
	CLEANUP_FREE struct group *groups = xcalloc(2, sizeof(*groups));
	CLEANUP_FREE char *text = NULL;
	const char *pem = find_certificate(json, item->opened.statement.device), *words = NULL;
	struct why ignored = { "" };
	int r = fetch_text(session, item, &text, why);
	if (r < 0)
		return r;
	struct span span = { (const uint8_t *)text, (size_t)item->manifest.size };
	r = group_parse(span, &groups[0], &words);
	if (r < 0)
		return why_set(why, r, "it is no group: %s", words != NULL ? words : error_text(r));
	r = group_check(session, pins, span, span_from_string(pem), groups[0].name, &groups[0], why);
	if (r < 0)
		return r;
	/* What is kept and does not hold is no reason to keep it. */
	if (group_load(session, pins, groups[0].name, &groups[1], &ignored) == 0 && groups[1].time >= groups[0].time)
		return 0;
	r = group_keep(session_profile(session), groups[0].name, span, span_from_string(pem), why);
	return r < 0 ? r : 1;
}

static void sync_one(const struct acceptor *acceptor, struct session *session, const json_t *json, struct group_news *news)
{
	struct why why = { "" };
	struct item item;
	if (!may_be_group(acceptor->profile, json))
		return;
	int r = item_accept(acceptor, json, NULL, &item, &why);
	if (r == 0) {
		r = item.has_manifest && group_is_item(acceptor->profile, &item) ? take_group(session, acceptor->pins, json, &item, &why) : 0;
		item_wipe(&item);
	} else if (r == -SIS_ERR_BAD_GRANT) {
		/* Older than this device, and not granted to it yet. */
		return;
	}
	news->n_taken += r > 0;
	news->n_refused += r < 0;
	if (r < 0)
		output_warning(acceptor->sis, "a list of people that may be a group is left out: %s", why_text(&why, r));
}

int group_sync(const struct acceptor *acceptor, struct session *session, struct group_news *ret_news, struct why *why)
{
	struct group_news news = { 0 };
	struct listing listing = { .session = session, .include = "manifest" };
	while (!listing.is_over) {
		CLEANUP_JSON json_t *items = NULL;
		size_t i;
		json_t *item;
		int r = listing_next(&listing, LISTING_PAGE_MAX, &items, why);
		if (r < 0)
			return r;
		json_array_foreach(items, i, item)
			sync_one(acceptor, session, item, &news);
	}
	*ret_news = news;
	return 0;
}

/* ------------------------------------------------ sending ------------------------------------------------ */

static int make_source(const struct group *group, struct span text, struct source *ret_source, struct why *why)
{
	struct source source = { .fd = memfd_create("group", MFD_CLOEXEC), .kind = ITEM_FILE, .size = text.size };
	if (source.fd < 0 || fd_pwrite_all(source.fd, text.data, text.size, 0) < 0) {
		source.fd = fd_close(source.fd);
		return why_set(why, -SIS_ERR_NO_MEMORY, "there is no memory for the group: %s", strerror(errno));
	}
	source.manifest.size = text.size;
	snprintf(source.manifest.name, sizeof(source.manifest.name), "%s.group", group->name);
	strcpy(source.manifest.media_type, GROUP_MEDIA_TYPE);
	*ret_source = source;
	return 0;
}

static int give_to_own_devices(const struct sis *sis, struct session *session, struct pins *pins, const struct group *group, struct span text,
                               struct why *why)
{
	struct audience audience = { 0 };
	struct source source;
	uint8_t item[ITEM_ID_BYTES];
	struct sender sender = { .sis = sis, .profile = session_profile(session), .audience = &audience, .session = session, .retries = true, .flushes_chain = true };
	int r = audience_fetch(sis, session, pins, sender.profile->user, &audience, why);
	if (r < 0)
		return r;
	r = make_source(group, text, &source, why);
	if (r == 0) {
		r = send_small(&sender, &source, item, why);
		source_close(&source);
	}
	sender_wipe(&sender);
	audience_free(&audience);
	return r;
}

int group_publish(const struct sis *sis, struct session *session, struct pins *pins, struct group *group, struct why *why)
{
	const struct profile *profile = session_profile(session);
	CLEANUP_FREE struct group *before = xcalloc(1, sizeof(*before));
	CLEANUP_BLOB struct blob pem = { 0 };
	char text[GROUP_MAX_BYTES + 1];
	struct why ignored = { "" };
	size_t size;
	snprintf(group->owner, sizeof(group->owner), "%s", profile->user);
	memcpy(group->device, profile->facts.fingerprint, sizeof(group->device));
	group->time = time_now();
	/* The latest counts, and times have whole seconds. */
	if (group_load(session, pins, group->name, before, &ignored) == 0 && before->time >= group->time)
		group->time = before->time + 1;
	int r = group_write(group, &profile->key, text, &size);
	if (r == 0)
		r = certificate_to_pem((struct span){ profile->certificate.data, profile->certificate.size }, &pem);
	if (r < 0)
		return why_set(why, r, "the group could not be signed: %s", error_text(r));
	struct span span = { (const uint8_t *)text, size };
	r = give_to_own_devices(sis, session, pins, group, span, why);
	return r < 0 ? r : group_keep(profile, group->name, span, (struct span){ pem.data, pem.size }, why);
}
