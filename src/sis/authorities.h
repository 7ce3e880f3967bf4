/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The authorities that a profile believes (ca.pem): the one that the invite named, and those that it has led to. They are kept when they have ended, for
 * what was signed in their time. */
#pragma once

#include "sis/session.h"

int authorities_read(struct profile *profile, struct why *why);
int authorities_write(int dir_fd, struct span set);
/* Takes those of a set that is vouched for and that the profile lacks, in memory (other threads go on reading) and on disk, and tells of a successor. */
void authorities_adopt(const struct profile *profile, struct span set);
/* Asks the server for what its authorities have signed for each other, and takes what follows from those that are known. */
int authorities_fetch(struct session *session, struct why *why);
int authorities_from_cacerts(struct span known, struct span base64, struct blob *ret_set);      /* PROTOCOL */
/* Is the one that an invite names another generation of those that are known, by what they have certified themselves? That it vouches for them says nothing. */
bool authorities_cacerts_lead_to(struct span known, struct span base64, const uint8_t fingerprint[FINGERPRINT_BYTES]);
void authorities_tell_with(const struct sis *sis);
