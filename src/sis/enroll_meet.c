/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whom one enrolls with: the authority that the invite names, and its other generations. */
#include "sis/enroll.h"

#include "sis/authorities.h"

#define CACERTS_MAX_BYTES (256u << 10)

/* Those before it: what they have certified is still to be read. And keys that are another authority's go to none but its successors. */
static int meet_generations(struct http_client *client, const struct invite *invite, const struct profile *old, struct profile *profile, struct why *why)
{
	struct http_call call = { .method = "GET", .target = "/.well-known/est/cacerts", .max_collect = CACERTS_MAX_BYTES };
	struct http_reply reply;
	CLEANUP_BLOB struct blob body = { 0 }, set = { 0 };
	int r = http_client_call(client, &call, &reply, &body);
	if (r < 0)
		return session_transport_error(client, r, why);
	r = session_reply_error(&reply, (struct span){ body.data, body.size }, why);
	if (r == 0)
		r = authorities_from_cacerts((struct span){ profile->ca.data, profile->ca.size }, (struct span){ body.data, body.size }, &set);
	if (r < 0)
		return why->text[0] != '\0' ? r : why_set(why, r, "the certificates of the server's authority cannot be read; ask the administrator");
	if (old != NULL && !authorities_cacerts_lead_to((struct span){ old->ca.data, old->ca.size }, (struct span){ body.data, body.size }, invite->ca_fingerprint))
		return why_set(why, -SIS_ERR_MISMATCH, "the invite is for another server than these keys; enroll there under another --profile");
	blob_free(&profile->ca);
	profile->ca = set;
	set = (struct blob){ 0 };
	return 0;
}

int enroll_meet(struct http_client *client, const struct invite *invite, const struct profile *old, struct profile *profile, struct why *why)
{
	struct http_call call = { .method = "GET", .target = "/healthz", .max_collect = 4096 };
	struct http_reply reply;
	int r = http_client_call(client, &call, &reply, NULL);
	if (r == -SIS_ERR_UNTRUSTED)
		return why_set(why, r, "the server at %s:%s does not have the authority that the invite names, so the code was not sent; ask the administrator "
		               "for a new invite", invite->host, invite->port);
	if (r < 0)
		return session_transport_error(client, r, why);
	r = tls_client_ca(http_client_tls(client), &profile->ca);
	struct span ca = { profile->ca.data, profile->ca.size };
	if (r == 0)
		r = authorities_check(ca);
	if (r < 0)
		return why_set(why, -SIS_ERR_UNTRUSTED, "the server's authority cannot be read; ask the administrator");
	if (!authorities_find(ca, invite->ca_fingerprint, NULL))
		return why_set(why, -SIS_ERR_UNTRUSTED, "the server's authority is not the one that the invite names, so the code was not sent");
	return meet_generations(client, invite, old, profile, why);
}
