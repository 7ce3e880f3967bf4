/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificates that were checked before. */
#include "sis/signers.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define SIGNERS_MAX 256u                /* beyond that nothing more is remembered: a hostile server must not fill our memory */

struct signers {
	unsigned n;
	struct signer signer[SIGNERS_MAX];
};

struct signers *signers_new(void)
{
	return xcalloc(1, sizeof(struct signers));
}

void signers_free(struct signers *signers)
{
	for (unsigned i = 0; signers != NULL && i < signers->n; i++)
		free(signers->signer[i].pem);
	free(signers);
}

const struct signer *signers_find(const struct signers *signers, const char *pem)
{
	for (unsigned i = 0; signers != NULL && i < signers->n; i++) {
		if (strcmp(signers->signer[i].pem, pem) == 0)
			return &signers->signer[i];
	}
	return NULL;
}

void signers_add(struct signers *signers, const struct signer *signer, const char *pem)
{
	if (signers == NULL || signers->n == SIGNERS_MAX || strlen(pem) > 4 * CERTIFICATE_MAX_BYTES)
		return;
	signers->signer[signers->n] = *signer;
	signers->signer[signers->n++].pem = xstrdup(pem);
}
