/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups: names for several people (sis-item(5), GROUP). A profile keeps each under groups/NAME: the signed text, and after it the certificate that signed
 * it. To the user's other devices they go as items for nobody else. Nothing but a key of our own can say who is in one: not the file, not the server. */
#pragma once

#include "sis/item.h"

#define GROUP_MEDIA_TYPE "application/vnd.sis.group"

/* A text and the certificate (PEM) that goes with it: who signed it, and may they? UNTRUSTED, PIN_CHANGED, REVOKED, BAD_SIGNATURE, …, with what to do. */
int group_check(struct session *session, struct pins *pins, struct span text, struct span pem, const char *name, struct group *ret_group, struct why *why);
/* The one that is kept, checked again. NO_INPUT when there is none; one that was removed has no members. */
int group_load(struct session *session, struct pins *pins, const char *name, struct group *ret_group, struct why *why);
int group_keep(const struct profile *profile, const char *name, struct span text, struct span pem, struct why *why);
/* The names under which something is kept, sorted: malloc'd array of malloc'd strings. */
int group_names(const struct profile *profile, char ***ret_names, unsigned *ret_n, struct why *why);
void group_names_free(char **names, unsigned n);

/* Is this an item by which our own devices tell each other of a group? */
bool group_is_item(const struct profile *profile, const struct item *item);
/* Takes the newest of each name from the server's items. What does not hold is told on standard error, left out, and counted. */
struct group_news { unsigned n_taken, n_refused; };
int group_sync(const struct acceptor *acceptor, struct session *session, struct group_news *ret_news, struct why *why);
/* Signs a list, gives it to our other devices, and keeps it. group: name and members. */
int group_publish(const struct sis *sis, struct session *session, struct pins *pins, struct group *group, struct why *why);

/* "bob,@family" → "bob,alice,carol": malloc'd. A group that is not known here is looked for among the server's items. */
int groups_expand(const struct sis *sis, struct session *session, struct pins *pins, const char *to, char **ret_to, struct why *why);
