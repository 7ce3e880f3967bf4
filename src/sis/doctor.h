/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The checks of sis doctor, each a function. */
#pragma once

#include "base/json.h"
#include "sis/session.h"

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_BAD };
struct finding { enum finding_level level; char text[480]; };

/* What a check needs that came before it: the profile's directory, an open profile, a server that answers, one that knows us. */
enum doctor_need { NEED_NOTHING, NEED_DIRECTORY, NEED_PROFILE, NEED_SERVER, NEED_ACCOUNT };

struct doctor {
	const struct sis *sis;
	int dir_fd;                             /* -1: there is no profile */
	char *path;
	struct profile *profile;
	struct session *session;
	bool reached;
	json_t *whoami;
	int64_t asked, answered;                /* by our clock */
};
void doctor_close(struct doctor *doctor);
void doctor_find(struct finding *finding, enum finding_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* doctor_offline.c */
void doctor_check_version(struct doctor *doctor, struct finding *finding);
void doctor_check_home(struct doctor *doctor, struct finding *finding);
void doctor_check_files(struct doctor *doctor, struct finding *finding);
void doctor_check_disk(struct doctor *doctor, struct finding *finding);
void doctor_check_uploads(struct doctor *doctor, struct finding *finding);
void doctor_check_keys(struct doctor *doctor, struct finding *finding);
void doctor_check_certificate(struct doctor *doctor, struct finding *finding);
void doctor_check_contacts(struct doctor *doctor, struct finding *finding);
/* doctor_online.c */
void doctor_check_server(struct doctor *doctor, struct finding *finding);
void doctor_check_account(struct doctor *doctor, struct finding *finding);
void doctor_check_clock(struct doctor *doctor, struct finding *finding);
void doctor_check_published(struct doctor *doctor, struct finding *finding);
