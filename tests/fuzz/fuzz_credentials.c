/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An Authorization field, as a stranger sends it to enroll. */
#include "worker/credentials.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char credentials[CREDENTIALS_MAX + 1], *field = malloc(size + 1);
	const char *user = NULL, *password = NULL;
	if (field == NULL)
		abort();
	memcpy(field, data, size);
	field[size] = '\0';
	memset(credentials, 'x', sizeof(credentials));
	bool is_taken = credentials_parse(field, credentials, &user, &password);
	if (is_taken && (user != credentials || *user == '\0' || strchr(user, ':') != NULL || password != user + strlen(user) + 1 ||
	                 password + strlen(password) > credentials + CREDENTIALS_MAX || !utf8_is_valid(span_from_string(password))))
		abort();
	free(field);
	return 0;
}
