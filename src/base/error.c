/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The error table of error.def, looked up. */
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <limits.h>
#include <sysexits.h>

static const struct error_row {
	const char *name, *text;
	int exit_status, http_status;
} rows[] = {
	[SIS_ERR_NONE] = { "NONE", "no error", EX_OK, 200 },
#define ERROR(name_, exit_status_, http_status_, text_) \
	[SIS_ERR_##name_] = { .name = #name_, .text = (text_), .exit_status = (exit_status_), .http_status = (http_status_) },
#include "base/error.def"
#undef ERROR
};

static const struct error_row *row_of(int error)
{
	if (error == INT_MIN)
		return &rows[SIS_ERR_INTERNAL];
	int code = error < 0 ? -error : error;
	return &rows[code < SIS_ERR_END ? code : SIS_ERR_INTERNAL];
}

const char *error_text(int error)
{
	return row_of(error)->text;
}

const char *error_name(int error)
{
	return row_of(error)->name;
}

int error_exit_status(int error)
{
	return row_of(error)->exit_status;
}

int error_http_status(int error)
{
	return row_of(error)->http_status;
}

int error_from_errno(int errno_value)
{
	static const struct { int errno_value, error; } map[] = {
		{ ENOMEM, SIS_ERR_NO_MEMORY }, { ENOSPC, SIS_ERR_NO_SPACE }, { EDQUOT, SIS_ERR_NO_SPACE }, { EFBIG, SIS_ERR_NO_SPACE },
		{ EROFS, SIS_ERR_READ_ONLY }, { EIO, SIS_ERR_IO }, { ENOENT, SIS_ERR_NO_INPUT }, { ENOTDIR, SIS_ERR_NO_INPUT },
		{ EEXIST, SIS_ERR_EXISTS }, { EACCES, SIS_ERR_NOT_ALLOWED }, { EPERM, SIS_ERR_NOT_ALLOWED },
		{ EAGAIN, SIS_ERR_AGAIN }, { EINTR, SIS_ERR_INTERRUPTED }, { ETIMEDOUT, SIS_ERR_TIMEOUT },
		{ EPIPE, SIS_ERR_CLOSED }, { ECONNRESET, SIS_ERR_CLOSED }, { ENOTCONN, SIS_ERR_CLOSED },
		{ ECONNREFUSED, SIS_ERR_UNAVAILABLE }, { EHOSTUNREACH, SIS_ERR_UNAVAILABLE }, { ENETUNREACH, SIS_ERR_UNAVAILABLE },
		{ EBUSY, SIS_ERR_BUSY }, { ESTALE, SIS_ERR_CHANGED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].errno_value == errno_value)
			return -map[i].error;
	return -SIS_ERR_SYSTEM;
}
