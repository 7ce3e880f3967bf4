/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A .sis file: a bundle on our own disk, from whoever gave it to us. */
#pragma once

#include "base/json.h"
#include "format/item.h"
#include "pki/pki.h"
#include "sis/sis.h"

struct bundle_file {                    /* close with bundle_file_close */
	int fd;
	struct bundle_head head;
	struct statement *statement;            /* parsed, not verified */
	char *statement_text;
	json_t *grants;                         /* array of texts, each of which parses */
	struct blob manifest;                   /* sealed */
};
/* Reads everything but thumbnail and object. BAD_FORMAT and the like with why; also when the file is longer or shorter than its head says. */
int bundle_file_open(const char *path, struct bundle_file *ret_file, struct why *why);
int bundle_file_read(int fd, struct bundle_file *ret_file, struct why *why);           /* takes fd */
void bundle_file_close(struct bundle_file *file);
