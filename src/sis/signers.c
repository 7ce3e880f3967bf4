/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificates that were checked before. */
#include "sis/signers.h"

#include "base/util.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SIGNERS_MAX 256u                /* beyond that nothing more is remembered: a hostile server must not fill our memory */

struct signers {
	pthread_mutex_t mutex;
	unsigned n;
	struct signer signer[SIGNERS_MAX];
};

struct signers *signers_new(void)
{
	struct signers *signers = xcalloc(1, sizeof(*signers));
	pthread_mutex_init(&signers->mutex, NULL);
	return signers;
}

void signers_free(struct signers *signers)
{
	if (signers == NULL)
		return;
	for (unsigned i = 0; i < signers->n; i++)
		free(signers->signer[i].pem);
	pthread_mutex_destroy(&signers->mutex);
	free(signers);
}

/* With the lock held. */
static const struct signer *find(const struct signers *signers, const char *pem)
{
	for (unsigned i = 0; i < signers->n; i++) {
		if (strcmp(signers->signer[i].pem, pem) == 0)
			return &signers->signer[i];
	}
	return NULL;
}

bool signers_find(struct signers *signers, const char *pem, struct signer *ret_signer)
{
	if (signers == NULL)
		return false;
	pthread_mutex_lock(&signers->mutex);
	const struct signer *found = find(signers, pem);
	if (found != NULL) {
		*ret_signer = *found;
		ret_signer->pem = NULL;
	}
	pthread_mutex_unlock(&signers->mutex);
	return found != NULL;
}

void signers_add(struct signers *signers, const struct signer *signer, const char *pem)
{
	if (signers == NULL || strlen(pem) > 4 * CERTIFICATE_MAX_BYTES)
		return;
	pthread_mutex_lock(&signers->mutex);
	if (signers->n < SIGNERS_MAX && find(signers, pem) == NULL) {
		signers->signer[signers->n] = *signer;
		signers->signer[signers->n++].pem = xstrdup(pem);
	}
	pthread_mutex_unlock(&signers->mutex);
}
