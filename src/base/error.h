/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One table gives every error its name, text, exit status and HTTP status (error.def). Functions return 0 or a
 * negative -SIS_ERR_...; outputs are untouched on failure. */
#pragma once

enum sis_error {
	SIS_ERR_NONE,
#define ERROR(name, exit_status, http_status, text) SIS_ERR_##name,
#include "base/error.def"
#undef ERROR
	SIS_ERR_END,
};

/* Each takes a positive or negative code; an unknown one reads as INTERNAL. Strings are static. */
const char *error_text(int error);
const char *error_name(int error);     /* "NO_SPACE" */
int error_exit_status(int error);      /* sysexits(3) */
int error_http_status(int error);

/* The negative error that stands for a system errno, e.g. ENOSPC, EDQUOT and EFBIG -> -SIS_ERR_NO_SPACE, EROFS -> READ_ONLY. */
int error_from_errno(int errno_value);
