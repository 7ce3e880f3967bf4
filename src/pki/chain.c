/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A server's certificate that somebody else has issued, as its clients will look at it. */
#include "pki/backend.h"

#include "base/error.h"

#include <string.h>

#define HOST_TEXT_MAX 256

/* names: one a line */
static bool is_for_any(gnutls_x509_crt_t crt, struct span names)
{
	while (names.size > 0) {
		const uint8_t *end = memchr(names.data, '\n', names.size);
		size_t size = end != NULL ? (size_t)(end - names.data) : names.size;
		char name[HOST_TEXT_MAX];
		if (size < sizeof(name)) {
			memcpy(name, names.data, size);
			name[size] = '\0';
			if (gnutls_x509_crt_check_hostname(crt, name) != 0)
				return true;
		}
		size += end != NULL;
		names = (struct span){ names.data + size, names.size - size };
	}
	return false;
}

int chain_examine(struct span chain, struct span names, int64_t at)
{
	CLEANUP_CRT gnutls_x509_crt_t before = NULL;
	struct cursor cursor = cursor_from(chain.data, (uint32_t)chain.size);
	int r = 0;
	for (unsigned n = 0; cursor_left(&cursor) > 0 && r == 0; n++) {
		gnutls_x509_crt_t crt = NULL;
		r = backend_crt_import(cursor_get_sized(&cursor), &crt);
		if (r == 0 && n == 0 && !is_for_any(crt, names))
			r = -SIS_ERR_BAD_NAME;
		else if (r == 0 && n > 0 && gnutls_x509_crt_check_issuer(before, crt) == 0)
			r = -SIS_ERR_UNTRUSTED;
		if (r == 0)
			r = backend_crt_check_time(crt, at);
		backend_crt_freep(&before);
		before = crt;
	}
	return r;
}
