/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a hostile server says about items and users. No words of its own may ever be accepted: it has neither the authority's key nor ours. */
#include "crypto/hpke.h"
#include "sis/access.h"
#include "sis/item.h"
#include "sis/people.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct profile profile;
static struct sis sis = { .quiet = true, .command = "fuzz" };

static void set_up(void)
{
	uint8_t fingerprint[FINGERPRINT_BYTES], public_key[HPKE_KEY_BYTES];
	char directory[] = "/tmp/sis-fuzz-XXXXXX";
	struct pki_ca *ca = NULL;
	if (profile.ca.data != NULL)
		return;
	/* An empty directory: nothing is pinned, and nothing is ever saved. */
	if (mkdtemp(directory) == NULL || (profile.dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || rmdir(directory) < 0 ||
	    pki_ca_create(86400, &ca) < 0 || pki_ca_certificate(ca, &profile.ca, fingerprint) < 0 || signing_key_generate(KEY_ED25519, &profile.key) < 0 ||
	    hpke_generate_key(&profile.encryption_key, public_key) < 0)
		abort();
	strcpy(profile.user, "alice");
	strcpy(profile.device, "laptop");
	pki_ca_free(ca);
}

/* What is told of who may read an item: every grant in it is shown as one that does not hold. */
static void feed_grants(const struct acceptor *acceptor, const json_t *json)
{
	CLEANUP_ACCESS struct access_list list = { 0 };
	struct why why = { "" };
	struct item item = { 0 };
	if (item_read_grants(acceptor, &item, json, &list, &why) < 0 && why.text[0] == '\0')
		abort();
	for (unsigned i = 0; i < list.n; i++) {
		if (list.one[i].error == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_JSON json_t *json = NULL;
	CLEANUP_PINS struct pins *pins = NULL;
	struct why why = { "" };
	struct item item;
	struct person person;
	set_up();
	if (json_parse((struct span){ data, size }, 1 << 20, &json) < 0 || pins_open(&profile, &pins, &why) < 0)
		return 0;
	struct acceptor acceptor = { .sis = &sis, .profile = &profile, .pins = pins, .now = 1800000000 };
	if (item_accept(&acceptor, json, NULL, &item, &why) == 0 || why.text[0] == '\0')
		abort();
	why.text[0] = '\0';
	if (people_read(&sis, NULL, &profile, pins, "bob", json, &person, &why) == 0 || why.text[0] == '\0')
		abort();
	feed_grants(&acceptor, json);
	return 0;
}
