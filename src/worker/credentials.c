/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "Basic ", then base64 of USER:PASSWORD. */
#include "worker/credentials.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

bool credentials_parse(const char *authorization, char credentials[CREDENTIALS_MAX + 1], const char **ret_user, const char **ret_password)
{
	if (authorization == NULL || strncasecmp(authorization, "Basic ", 6) != 0 || strlen(authorization) > CREDENTIALS_MAX)
		return false;
	size_t size;
	if (base64_decode_lenient(span_from_string(authorization + 6), credentials, CREDENTIALS_MAX, &size) < 0 || memchr(credentials, '\0', size) != NULL)
		return false;
	credentials[size] = '\0';
	char *colon = strchr(credentials, ':');
	if (colon == NULL)
		return false;
	*colon = '\0';
	*ret_user = credentials;
	*ret_password = colon + 1;
	return *credentials != '\0' && utf8_is_valid(span_from_string(colon + 1));
}
