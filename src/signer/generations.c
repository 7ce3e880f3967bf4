/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The authority's keys. The first lies in ca.key and ca.pem, each successor in one file, ca-2.pem and so on: its certificates and then, last, its key, so
 * that a file with a key is whole. A successor is made while nothing can be opened any more (rollover.c), into the file "next", which is there from the
 * start; it gets its number at the start after. */
#include "signer/signer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT_FILE "next"
#define FILE_MAX_BYTES (64 * 1024)
#define NUMBER_MAX 99
#define NAME_BYTES 24

static void file_name(unsigned number, char ret_name[NAME_BYTES])
{
	snprintf(ret_name, NAME_BYTES, "ca-%u.pem", number);
}

/* --- in memory --- */

static struct span span_of(const struct blob *blob)
{
	return (struct span){ blob->data, blob->size };
}

static int blob_append(struct blob *blob, struct span more)
{
	uint8_t *data = realloc(blob->data, blob->size + more.size);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	memcpy(data + blob->size, more.data, more.size);
	*blob = (struct blob){ data, blob->size + more.size };
	return 0;
}

/* As cacerts gives it: each generation's own certificate, the last one first; how each leads to the next (NewWithOld); and what the last one has signed
 * for those before it (OldWithNew), made anew here, which costs a signature each and needs no file. */
static int make_bundle(struct signer *signer)
{
	CLEANUP_BLOB struct blob bundle = { NULL, 0 };
	int r = generations_roots(signer, &bundle);
	for (unsigned i = 1; i < signer->n_generations && r == 0; i++)
		r = blob_append(&bundle, span_of(&signer->generations[i].cross));
	for (unsigned i = 0; i + 1 < signer->n_generations && r == 0; i++) {
		CLEANUP_BLOB struct blob cross = { NULL, 0 };
		r = pki_ca_cross_sign(signer->ca, span_of(&signer->generations[i].root), &cross);
		if (r == 0)
			r = blob_append(&bundle, span_of(&cross));
	}
	if (r < 0)
		return r;
	blob_free(&signer->bundle);
	signer->bundle = bundle;
	bundle = (struct blob){ NULL, 0 };
	return 0;
}

int generations_add(struct signer *signer, struct pki_ca *ca, struct blob *cross)
{
	struct generation *generation = &signer->generations[signer->n_generations];
	struct certificate facts;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct pki_ca *before = signer->ca;
	if (signer->n_generations == GENERATIONS_MAX)
		return -SIS_ERR_TOO_MANY;
	*generation = (struct generation){ .ca = ca, .cross = *cross };
	int r = pki_ca_certificate(ca, &generation->root, fingerprint);
	if (r == 0)
		r = certificate_parse(span_of(&generation->root), &facts);
	if (r == 0) {
		generation->not_before = facts.not_before;
		generation->not_after = facts.not_after;
		signer->n_generations++;
		signer->ca = ca;
		r = make_bundle(signer);
	}
	if (r < 0) {
		signer->n_generations -= signer->ca == ca;
		signer->ca = before;
		blob_free(&generation->root);
		return r;
	}
	*cross = (struct blob){ NULL, 0 };
	return 0;
}

int generations_roots(const struct signer *signer, struct blob *ret_set)
{
	CLEANUP_BLOB struct blob set = { NULL, 0 };
	for (unsigned i = signer->n_generations; i > 0; i--) {
		int r = blob_append(&set, span_of(&signer->generations[i - 1].root));
		if (r < 0)
			return r;
	}
	*ret_set = set;
	set = (struct blob){ NULL, 0 };
	return 0;
}

void generations_put_chain(const struct signer *signer, int64_t now, struct builder *chain)
{
	unsigned last = signer->n_generations - 1, oldest = last;
	while (oldest > 0 && signer->generations[oldest - 1].not_after > now)
		oldest--;
	for (unsigned i = last; i > oldest; i--)
		builder_put_sized(chain, signer->generations[i].cross.data, signer->generations[i].cross.size);
	for (unsigned i = oldest; i <= last; i++)
		builder_put_sized(chain, signer->generations[i].root.data, signer->generations[i].root.size);
}

void generations_wipe(struct signer *signer)
{
	for (unsigned i = 0; i < signer->n_generations; i++) {
		pki_ca_free(signer->generations[i].ca);
		blob_free(&signer->generations[i].root);
		blob_free(&signer->generations[i].cross);
	}
	blob_free(&signer->bundle);
	signer->n_generations = 0;
	signer->ca = NULL;
}

/* --- on disk --- */

/* The second certificate of the file: the one that the generation before has signed. */
static int read_cross(const char *pem, struct blob *ret_cross)
{
	static const char end[] = "-----END CERTIFICATE-----";
	const char *second = strstr(pem, end);
	if (second == NULL)
		return -SIS_ERR_BAD_FORMAT;
	second += sizeof(end) - 1;
	return certificate_from_pem(span_from_string(second), ret_cross);
}

/* Is it what the file says: of the key, under the name, signed by the generation before? */
static bool is_successor(const struct signer *signer, const struct pki_ca *ca, const struct blob *cross)
{
	if (signer->n_generations == 0)         /* those before have ended, and were taken away */
		return true;
	const struct generation *before = &signer->generations[signer->n_generations - 1];
	CLEANUP_BLOB struct blob root = { NULL, 0 }, set = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	int64_t then = before->not_after;       /* long ago, perhaps: both lived then */
	if (pki_ca_certificate(ca, &root, fingerprint) < 0)
		return false;
	const struct span offered[] = { span_of(&root), span_of(cross) };
	return authorities_extend(span_of(&before->root), offered, ARRAY_SIZE(offered), then, &set) == 1;
}

/* NO_INPUT when there is no whole key in it. */
static int parse(struct signer *signer, const char *pem, size_t size)
{
	struct pki_ca *ca = NULL;
	CLEANUP_BLOB struct blob cross = { NULL, 0 };
	const char *key = strstr(pem, "-----BEGIN PRIVATE KEY-----");
	if (key == NULL || strstr(key, "-----END PRIVATE KEY-----") == NULL)
		return -SIS_ERR_NO_INPUT;
	int r = read_cross(pem, &cross);
	if (r == 0)
		r = pki_ca_load((struct span){ (const uint8_t *)key, size - (size_t)(key - pem) }, (struct span){ (const uint8_t *)pem, (size_t)(key - pem) }, &ca);
	if (r == 0 && !is_successor(signer, ca, &cross))
		r = -SIS_ERR_UNTRUSTED;
	if (r == 0)
		r = generations_add(signer, ca, &cross);
	if (r < 0)
		pki_ca_free(ca);
	return r;
}

static int read_one(struct signer *signer, const char *name)
{
	char *pem = NULL;
	size_t size;
	int r = file_read(signer->keys_fd, name, FILE_MAX_BYTES, &pem, &size);
	if (r < 0)
		return r;
	r = parse(signer, pem, size);
	secret_wipe(pem, size);
	free(pem);
	return r;
}

static bool has_name(const struct signer *signer, const char *name)
{
	struct stat st;
	return fstatat(signer->keys_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static bool has_number(const struct signer *signer, unsigned number)
{
	char name[NAME_BYTES];
	file_name(number, name);
	return has_name(signer, name);
}

/* 0 when there is none of this number. */
static int load_number(struct signer *signer, unsigned number, const char **ret_reason)
{
	char name[NAME_BYTES];
	if (!has_number(signer, number))
		return 0;
	file_name(number, name);
	*ret_reason = "a key of the authority, ca-N.pem in keys/, can be read by others: mode 0600 is wanted";
	if (!keys_is_private(signer->keys_fd, name))
		return -SIS_ERR_CONFIG;
	*ret_reason = "a key of the authority, ca-N.pem in keys/, is damaged, or does not succeed the one before: restore keys/ from a backup";
	int r = read_one(signer, name);
	return r < 0 ? r : 1;
}

/* What was made while the daemon ran. Without a whole key it is of a rollover that a crash cut off before anything was signed. With one it may have certified
 * devices, and is never thrown away, whatever else is wrong with it. */
static int read_next(struct signer *signer, const char **ret_reason)
{
	struct stat st;
	if (fstatat(signer->keys_fd, NEXT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		return -SIS_ERR_NO_INPUT;
	*ret_reason = "the key of the authority's successor, \"next\" in keys/, can be read by others: mode 0600 is wanted";
	if (has_name(signer, NEXT_FILE) && !keys_is_private(signer->keys_fd, NEXT_FILE))
		return -SIS_ERR_CONFIG;
	*ret_reason = "the file \"next\" in keys/ holds a key that is damaged, cannot be read, or does not succeed the authority: restore keys/ from a backup, or move it "
		"elsewhere";
	return read_one(signer, NEXT_FILE);
}

static int take_next(struct signer *signer, unsigned number, const char **ret_reason)
{
	char name[NAME_BYTES];
	int r = read_next(signer, ret_reason);
	if (r < 0)
		return r == -SIS_ERR_NO_INPUT ? 0 : r;
	*ret_reason = "the key of the authority's successor, \"next\" in keys/, cannot get its number: is the disk full or read-only?";
	file_name(number, name);
	if (renameat2(signer->keys_fd, NEXT_FILE, signer->keys_fd, name, RENAME_NOREPLACE) < 0 || fsync(signer->keys_fd) < 0)
		return error_from_errno(errno);
	return 0;
}

/* A daemon that cannot store a successor serves all the same; who asks for one is told. */
static void open_next(struct signer *signer)
{
	(void)unlinkat(signer->keys_fd, NEXT_FILE, 0);
	signer->next_fd = openat(signer->keys_fd, NEXT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (signer->next_fd >= 0)
		(void)fsync(signer->keys_fd);
}

/* Where the first has ended and was taken away, no other one is made in its place. */
static int load_first(struct signer *signer, const char **ret_reason)
{
	struct pki_ca *first = NULL;
	struct blob none = { NULL, 0 };
	struct stat st;
	bool has_first = fstatat(signer->keys_fd, "ca.key", &st, AT_SYMLINK_NOFOLLOW) == 0;
	for (unsigned i = 2; i <= NUMBER_MAX && !has_first; i++) {
		if (has_number(signer, i))
			return 0;
	}
	int r = keys_load(signer->keys_fd, signer->ca_lifetime_s, &first, ret_reason);
	if (r == 0)
		r = generations_add(signer, first, &none);
	if (r < 0)
		pki_ca_free(first);
	return r;
}

int generations_load(struct signer *signer, const char **ret_reason)
{
	unsigned number = 1;
	int r = load_first(signer, ret_reason);
	for (unsigned i = 2; i <= NUMBER_MAX && r >= 0; i++) {
		r = load_number(signer, i, ret_reason);
		if (r > 0)
			number = i;
	}
	if (r >= 0)
		r = take_next(signer, number + 1, ret_reason);
	if (r == 0)
		open_next(signer);
	return r;
}
