/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The revocation list for who shares. */
#include "sis/revocations.h"

#include "sis/authorities.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LIST_FILE "crl"
#define LIST_MAX_BYTES (16u << 20)
#define LIST_LIFETIME_S 600

struct revocations {
	const struct profile *profile;
	struct verified *verified;
	pthread_mutex_t mutex;
	struct blob list;                       /* DER; empty: none yet */
	int64_t fetched;
};

struct revocations *revocations_new(const struct profile *profile, struct verified *verified)
{
	struct revocations *revocations = xcalloc(1, sizeof(*revocations));
	*revocations = (struct revocations){ .profile = profile, .verified = verified };
	pthread_mutex_init(&revocations->mutex, NULL);
	return revocations;
}

void revocations_free(struct revocations *revocations)
{
	if (revocations == NULL)
		return;
	blob_free(&revocations->list);
	pthread_mutex_destroy(&revocations->mutex);
	free(revocations);
}

static bool is_recent(int64_t fetched)
{
	int64_t now = time_now();
	return fetched <= now && now - fetched < LIST_LIFETIME_S;
}

/* What a command before this one has fetched. */
static bool read_list(struct revocations *revocations)
{
	struct stat status;
	CLEANUP_FREE char *data = NULL;
	size_t size = 0;
	if (fstatat(revocations->profile->dir_fd, LIST_FILE, &status, AT_SYMLINK_NOFOLLOW) < 0 || !is_recent(status.st_mtime) ||
	    file_read(revocations->profile->dir_fd, LIST_FILE, LIST_MAX_BYTES, &data, &size) < 0 || size == 0)
		return false;
	blob_free(&revocations->list);
	revocations->list = (struct blob){ (uint8_t *)data, size };
	data = NULL;
	revocations->fetched = status.st_mtime;
	return true;
}

static int fetch_list(struct revocations *revocations, struct session *session, struct why *why)
{
	CLEANUP_BLOB struct blob list = { 0 };
	int r = session_get(session, "/crl", LIST_MAX_BYTES, &list, why);
	if (r == 0 && list.size == 0)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server gave an empty revocation list; tell the administrator");
	if (r < 0)
		return r;
	profile_write_quick(revocations->profile, LIST_FILE, (struct span){ list.data, list.size });
	blob_free(&revocations->list);
	revocations->list = list;
	list = (struct blob){ 0 };
	revocations->fetched = time_now();
	return 0;
}

static int look_up(struct revocations *revocations, struct session *session, const struct certificate *facts, struct why *why)
{
	const struct profile *profile = revocations->profile;
	struct span list = { revocations->list.data, revocations->list.size }, ca = { profile->ca.data, profile->ca.size };
	int64_t revoked_at;
	uint8_t reason;
	if (verified_knows(revocations->verified, VERIFIED_LIST, facts->fingerprint, list))
		return 0;
	int r = crl_lookup(list, ca, (struct span){ facts->serial, facts->serial_size }, time_now(), &revoked_at, &reason);
	/* The authority may have a successor since this connection began. */
	if (r == -SIS_ERR_UNTRUSTED && authorities_fetch(session, why) == 0)
		r = crl_lookup(list, (struct span){ profile->ca.data, profile->ca.size }, (struct span){ facts->serial, facts->serial_size }, time_now(), &revoked_at,
		               &reason);
	if (r < 0)
		return why_set(why, r, "the server's revocation list does not hold: %s; tell the administrator", error_text(r));
	if (r == 1)
		return why_set(why, -SIS_ERR_REVOKED, "the server names a device of %s, \"%s\", that its own authority has revoked; nothing was shared, tell the "
		               "administrator", facts->user, facts->device);
	verified_add(revocations->verified, VERIFIED_LIST, facts->fingerprint, list);
	return 0;
}

int revocations_check(struct revocations *revocations, struct session *session, const struct certificate *facts, struct why *why)
{
	int r = 0;
	bool is_kept = false;
	pthread_mutex_lock(&revocations->mutex);
	if ((revocations->list.size == 0 || !is_recent(revocations->fetched)) && !(is_kept = read_list(revocations)))
		r = fetch_list(revocations, session, why);
	if (r == 0)
		r = look_up(revocations, session, facts, why);
	/* The file is not flushed to the disk: after a crash of the machine anything may be in it. */
	if (r < 0 && r != -SIS_ERR_REVOKED && is_kept) {
		*why = (struct why){ "" };
		r = fetch_list(revocations, session, why);
		if (r == 0)
			r = look_up(revocations, session, facts, why);
	}
	pthread_mutex_unlock(&revocations->mutex);
	return r;
}
