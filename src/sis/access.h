/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who may read an item that we have accepted: telling it, giving it to more devices, ending it. */
#pragma once

#include "sis/item.h"
#include "sis/people.h"

struct access {                         /* one device of one person */
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], granter[NAME_MAX_TEXT + 1];
	int64_t time, expires;                  /* expires 0: never */
	bool may_share;
	int error;                              /* 0: the granter's certificate, pin and signature hold */
	struct why why;
};
struct access_list { unsigned n; struct access *one; };
void access_list_free(struct access_list *list);
#define CLEANUP_ACCESS __attribute__((cleanup(access_list_free)))
/* All grants when we are the owner, else our own devices'. Each is verified; what does not hold is in the list with its error. Sorted by name. */
int item_fetch_grants(const struct acceptor *acceptor, struct session *session, const struct item *item, struct access_list *ret_list, struct why *why);
/* The same from the server's JSON: what the fuzz target feeds. */
int item_read_grants(const struct acceptor *acceptor, const struct item *item, const json_t *json, struct access_list *ret_list, struct why *why);

/* Wraps the file key, whose commitment held when the item was accepted, for each of the devices, and gives the grants to the server. */
int access_give(struct session *session, const struct item *item, const char *user, const struct person_device *devices, unsigned n_devices,
                int64_t expires, bool may_share, struct why *why);
/* The owner for another user; a reader for himself, who leaves. */
int access_end(struct session *session, const char *id, const char *user, struct why *why);

/* "2026-12-24 18:00", or "" for never; for people. */
#define ACCESS_UNTIL_TEXT 48
void access_until(int64_t expires, char ret_text[ACCESS_UNTIL_TEXT]);
/* An RFC 3339 string, or null for never. */
json_t *access_expires_json(int64_t expires);
/* granter, expires and may_share of our own grant. */
void access_describe(const struct item *item, json_t *json);
/* What everybody must know who takes something back or lets it end. Once for each command. */
void access_say_what_stays(const struct sis *sis);
