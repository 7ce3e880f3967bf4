/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the tests of src/sis share: a home with one whole profile, in a temporary directory that goes away. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/hpke.h"
#include "sis/profile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_home[] = "/tmp/sis-unit-XXXXXX";
static struct sis test_sis = { .home = test_home, .command = "test" };

static inline struct span test_span(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

/* A profile of alice/laptop, with a certificate by a fresh authority. */
static inline struct profile *test_profile_make(void)
{
	struct profile *profile = xcalloc(1, sizeof(*profile));
	struct pki_ca *ca = NULL;
	uint8_t fingerprint[FINGERPRINT_BYTES], public_key[HPKE_KEY_BYTES];
	profile->dir_fd = -1;
	assert_int_equal(pki_ca_create(86400 * 365, &ca), 0);
	assert_int_equal(pki_ca_certificate(ca, &profile->ca, fingerprint), 0);
	assert_int_equal(signing_key_generate(KEY_ED25519, &profile->key), 0);
	assert_int_equal(hpke_generate_key(&profile->encryption_key, public_key), 0);
	assert_int_equal(pki_ca_issue_device(ca, &profile->key.public_key, "alice", "laptop", 86400, &profile->certificate), 0);
	assert_int_equal(certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts), 0);
	strcpy(profile->host, "localhost");
	strcpy(profile->port, "4711");
	strcpy(profile->user, "alice");
	strcpy(profile->device, "laptop");
	pki_ca_free(ca);
	return profile;
}

/* Writes it as the default profile and opens it from there. */
static inline struct profile *test_profile_open(void)
{
	struct profile *made = test_profile_make(), *opened = NULL;
	struct why why = { "" };
	char *path = NULL;
	int home = -1;
	assert_int_equal(profile_open_home(&test_sis, &home, &path, &why), 0);
	assert_int_equal(mkdirat(home, "default", 0700), 0);
	int fd = openat(home, "default", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(profile_write(made, fd, NULL), 0);
	close(fd);
	close(home);
	free(path);
	profile_free(made);
	assert_int_equal(profile_open(&test_sis, &opened, &why), 0);
	return opened;
}

static inline int test_home_make(void **state)
{
	strcpy(test_home, "/tmp/sis-unit-XXXXXX");
	return mkdtemp(test_home) != NULL ? 0 : -1;
}

static inline int test_home_remove(void **state)
{
	char command[100];
	snprintf(command, sizeof(command), "rm -rf '%s'", test_home);
	return system(command);
}
