/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who is calling, and with which keys: looked up in the database once, then remembered. The ledger is the only one who changes the database, so
 * what is remembered holds until a change of its own, and then all of it is forgotten. Loop thread. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "pki/pki.h"

#include <string.h>

#define CALLERS 512                     /* places; who has the same place as another displaces it */
#define DEVICES 128

struct known_caller { uint64_t epoch; uint8_t fingerprint[STORE_FINGERPRINT_BYTES]; struct store_caller caller; };
struct known_device { uint64_t epoch; int64_t device_id; struct signers signers; };

static uint64_t epoch = 1;
static struct known_caller callers[CALLERS];
static struct known_device devices[DEVICES];

void callers_forget(void)
{
	epoch++;
}

int callers_find(const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_caller)
{
	struct known_caller *known = &callers[(fingerprint[0] << 8 | fingerprint[1]) % CALLERS];
	if (known->epoch == epoch && memcmp(known->fingerprint, fingerprint, STORE_FINGERPRINT_BYTES) == 0 && known->caller.not_after > time_now()) {
		*ret_caller = known->caller;
		return 0;
	}
	int r = store_find_caller(ledger.view, fingerprint, ret_caller);
	if (r == 0) {
		known->epoch = epoch;
		memcpy(known->fingerprint, fingerprint, STORE_FINGERPRINT_BYTES);
		known->caller = *ret_caller;
	}
	return r;
}

int callers_read_key(struct span der, int64_t revoked, unsigned reason, void *arg)
{
	struct public_key *key = arg;
	struct certificate certificate;
	int r = certificate_parse(der, &certificate);
	if (r == 0)
		*key = certificate.public_key;
	return r;
}

int callers_find_key(const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key)
{
	return store_find_certificate(ledger.view, fingerprint, callers_read_key, ret_key);
}

static int callers_add_signer(const struct store_certificate *certificate, void *arg)
{
	struct signers *signers = arg;
	struct certificate parsed;
	int r = certificate_parse(certificate->der, &parsed);
	if (r < 0)
		return r;
	memcpy(signers->one[signers->n].fingerprint, certificate->fingerprint, STORE_FINGERPRINT_BYTES);
	signers->one[signers->n].key = parsed.public_key;
	return ++signers->n == SIGNERS_MAX;
}

int callers_list_signers(int64_t device_id, struct signers *ret_signers)
{
	struct known_device *known = &devices[(uint64_t)device_id % DEVICES];
	if (known->epoch != epoch || known->device_id != device_id) {
		known->epoch = 0;
		known->signers.n = 0;
		int r = store_list_device_certificates(ledger.view, device_id, callers_add_signer, &known->signers);
		if (r < 0)
			return r;
		known->device_id = device_id;
		known->epoch = epoch;
	}
	*ret_signers = known->signers;
	return 0;
}
