/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The C side of the exchange with the second implementation:
 *
 *     vector-tool make DIR          writes vectors that this implementation made, under fresh keys, good and malformed
 *     vector-tool read VECTOR...    prints for each its outcome and the SHA-256 of what was released */
#include "vector.h"

#include "base/error.h"
#include "crypto/hpke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795262400          /* 2026-11-21T12:00:00Z */

struct bytes { uint8_t *data; size_t size; };

struct recipe {                         /* what varies between the vectors */
	const char *name, *comment, *expected;
	enum item_kind kind;
	size_t content_size, thumbnail_size;
	enum key_algorithm owner_algorithm;
	bool released;                          /* the content is released although it fails */
	void (*spoil)(struct bytes *bundle, const struct bundle_head *head);
	bool other_commitment, other_root, expired, last_flag_missing, padding_not_zeros;
};

struct maker {                          /* one item in the making */
	struct vector vector;
	struct signing_key owner;
	struct secret32 file_key;
	struct seal_keys keys;
	struct statement statement;
	struct bytes content, sealed[3];
	char text[STATEMENT_MAX_BYTES + 1], grants[4 * GRANT_MAX_BYTES];
	size_t text_size, grants_size;
	unsigned n_grants;
};

/* Only our own bugs end here. */
static void must(int r)
{
	if (r == 0)
		return;
	fprintf(stderr, "vector-tool: %s\n", error_name(r));
	exit(70);
}

static int append(const uint8_t *data, size_t size, void *arg)
{
	struct bytes *bytes = arg;

	bytes->data = realloc(bytes->data, bytes->size + size + 1);
	if (!bytes->data)
		abort();
	if (size)
		memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
	return 0;
}

static struct bytes random_content(size_t size)
{
	struct bytes bytes = { malloc(size + 1), size };

	if (!bytes.data)
		abort();
	must(random_bytes(bytes.data, size));
	return bytes;
}

/* ------------------------------------------------------------------ ways to spoil a bundle */

static void flip(struct bytes *b, uint64_t at)
{
	b->data[at] ^= 0x10;
}

static void flip_manifest(struct bytes *b, const struct bundle_head *h) { flip(b, bundle_part_offset(h, SEAL_MANIFEST) + 5); }
static void flip_thumbnail(struct bytes *b, const struct bundle_head *h) { flip(b, bundle_part_offset(h, SEAL_THUMBNAIL) + 5); }
static void flip_object(struct bytes *b, const struct bundle_head *h) { flip(b, bundle_part_offset(h, SEAL_OBJECT) + 5); }
static void flip_last_byte(struct bytes *b, const struct bundle_head *h) { flip(b, b->size - 1); }
static void drop_last_byte(struct bytes *b, const struct bundle_head *h) { b->size--; }
static void drop_object(struct bytes *b, const struct bundle_head *h) { b->size = bundle_part_offset(h, SEAL_OBJECT); }
static void add_byte(struct bytes *b, const struct bundle_head *h) { append((const uint8_t *)"x", 1, b); }
static void cut_head(struct bytes *b, const struct bundle_head *h) { b->size = h->head_size - 1; }
static void later_bundle(struct bytes *b, const struct bundle_head *h) { b->data[strlen("sis-bundle/")] = '2'; }
static void later_statement(struct bytes *b, const struct bundle_head *h) { b->data[h->head_size + strlen("sis-statement/")] = '2'; }

static void spoil_line(struct bytes *b, const struct bundle_head *h, const char *line_start, size_t at)
{
	uint8_t *line = memmem(b->data + h->head_size, b->size - h->head_size, line_start, strlen(line_start));

	if (!line)
		abort();
	line[at] = line[at] == '1' ? '0' : '1';
}

static void alter_time(struct bytes *b, const struct bundle_head *h) { spoil_line(b, h, "\ntime ", strlen("\ntime 2026-11-21T11:59:0")); }
static void alter_commitment(struct bytes *b, const struct bundle_head *h) { spoil_line(b, h, "\ncommitment ", 20); }
static void alter_device(struct bytes *b, const struct bundle_head *h) { spoil_line(b, h, "\ndevice ", 20); }
static void alter_wrapped(struct bytes *b, const struct bundle_head *h) { spoil_line(b, h, "\nwrapped ", 20); }
static void spoil_keyword(struct bytes *b, const struct bundle_head *h) { spoil_line(b, h, "\nkind ", 1); }

static const struct recipe recipes[] = {
	{ "c-ok-image", "an image", "OK", ITEM_IMAGE, 5000, 700, KEY_ED25519 },
	{ "c-ok-ecdsa", "signed with ECDSA", "OK", ITEM_IMAGE, 300, 20, KEY_ECDSA_P256 },
	{ "c-ok-message", "a message", "OK", ITEM_MESSAGE, 17, 0, KEY_ED25519 },
	{ "c-ok-empty", "an empty file", "OK", ITEM_FILE, 0, 0, KEY_ED25519 },
	{ "c-ok-one-byte", "one byte", "OK", ITEM_FILE, 1, 0, KEY_ECDSA_P256 },
	{ "c-ok-chunk", "one full chunk", "OK", ITEM_FILE, SEAL_CHUNK_BYTES, 0, KEY_ED25519 },
	{ "c-ok-chunk-and-one", "one byte more than a chunk", "OK", ITEM_FILE, SEAL_CHUNK_BYTES + 1, 0, KEY_ED25519 },
	{ "c-ok-five-chunks", "five chunks", "OK", ITEM_IMAGE, 5 * SEAL_CHUNK_BYTES, THUMBNAIL_MAX_BYTES, KEY_ED25519 },
	{ "c-flip-manifest", "bit flipped in the manifest", "BAD_SEAL", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = flip_manifest },
	{ "c-flip-thumbnail", "bit flipped in the thumbnail", "BAD_SEAL", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = flip_thumbnail },
	{ "c-flip-object", "bit flipped in the object", "BAD_SEAL", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = flip_object },
	{ "c-flip-tag", "bit flipped in the object's tag", "BAD_SEAL", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = flip_last_byte },
	{ "c-truncated", "the last byte is missing", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = drop_last_byte },
	{ "c-no-object", "the object is missing", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = drop_object },
	{ "c-trailing", "a byte too many", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = add_byte },
	{ "c-cut-head", "the head does not end", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = cut_head },
	{ "c-later-bundle", "a later bundle", "UNKNOWN_SUITE", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = later_bundle },
	{ "c-later-statement", "a later statement", "UNKNOWN_SUITE", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = later_statement },
	{ "c-altered-time", "the statement's time was altered", "BAD_SIGNATURE", ITEM_IMAGE, 900, 50, KEY_ECDSA_P256, .spoil = alter_time },
	{ "c-altered-commitment", "the commitment was altered", "BAD_SIGNATURE", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = alter_commitment },
	{ "c-altered-device", "the certificate was altered", "MISMATCH", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = alter_device },
	{ "c-altered-wrap", "the wrapped key was altered", "BAD_SIGNATURE", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = alter_wrapped },
	{ "c-keyword", "a keyword was altered", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .spoil = spoil_keyword },
	{ "c-commitment", "another commitment is signed", "BAD_COMMITMENT", ITEM_IMAGE, 900, 50, KEY_ED25519, .other_commitment = true },
	{ "c-root", "another root is signed", "BAD_ROOT", ITEM_IMAGE, 900, 50, KEY_ED25519, .released = true, .other_root = true },
	{ "c-expired", "the grant is over", "EXPIRED", ITEM_IMAGE, 900, 50, KEY_ED25519, .expired = true },
	{ "c-last-flag", "the last chunk is not the last", "BAD_SEAL", ITEM_IMAGE, 1024, 50, KEY_ED25519, .last_flag_missing = true },
	{ "c-padding", "the padding is not zeros", "BAD_FORMAT", ITEM_IMAGE, 900, 50, KEY_ED25519, .released = true, .padding_not_zeros = true },
};

/* ------------------------------------------------------------------ making */

static void make_people(struct maker *m, enum key_algorithm algorithm)
{
	struct vector *v = &m->vector;

	must(signing_key_generate(algorithm, &m->owner));
	*v = (struct vector){ .kind = "bundle", .now = NOW, .user = "bob", .device = "laptop", .owner_name = "alice", .granter_name = "alice" };
	v->owner = (struct item_signer){ .user = v->owner_name, .key = m->owner.public_key };
	must(random_bytes(v->owner.fingerprint, sizeof(v->owner.fingerprint)));
	v->granter = v->owner;
	must(random_bytes(v->private_key.bytes, sizeof(v->private_key.bytes)));
}

static void seal(struct maker *m, enum seal_part part, const struct bytes *plain, const struct recipe *recipe)
{
	struct part_digest *digest = &m->statement.part[part];
	struct part_writer *writer;

	must(part_writer_new(&m->keys.part[part], append, &m->sealed[part], &writer));
	for (size_t at = 0, piece = 1; at < plain->size; at += piece, piece = piece * 5 + 1) {
		piece = piece < plain->size - at ? piece : plain->size - at;
		must(part_writer_feed(writer, plain->data + at, piece));
	}
	if (part == SEAL_OBJECT && recipe->padding_not_zeros)
		must(part_writer_feed(writer, "x", 1));
	if (part == SEAL_OBJECT)
		must(part_writer_pad(writer));
	must(part_writer_finish(writer, digest));
	part_writer_free(writer);
}

static void reseal_without_last_flag(struct maker *m)
{
	struct bytes *object = &m->sealed[SEAL_OBJECT];
	struct seal_cipher *cipher;

	must(seal_cipher_new(&m->keys.part[SEAL_OBJECT], &cipher));
	must(seal_chunk(cipher, 0, false, m->content.data, m->content.size, object->data));
	seal_cipher_free(cipher);
	seal_root(object->data, object->size, m->statement.part[SEAL_OBJECT].root);
}

static void make_parts(struct maker *m, const struct recipe *recipe)
{
	struct manifest manifest = { .name = "a picture.png", .media_type = "image/png", .size = recipe->content_size, .width = 3, .height = 4,
	                             .modified = NOW - 100, .caption = "\"caption\" with \\ and \n" };
	struct bytes plain = { 0 }, thumbnail = random_content(recipe->thumbnail_size);

	m->content = random_content(recipe->content_size);
	must(manifest_write(&manifest, &plain.data, &plain.size));
	seal(m, SEAL_MANIFEST, &plain, recipe);
	if (thumbnail.size)
		seal(m, SEAL_THUMBNAIL, &thumbnail, recipe);
	else
		digest_sha256("", 0, m->statement.part[SEAL_THUMBNAIL].root);
	seal(m, SEAL_OBJECT, &m->content, recipe);
	if (recipe->last_flag_missing)
		reseal_without_last_flag(m);
	free(plain.data);
	free(thumbnail.data);
}

static void make_statement(struct maker *m, const struct recipe *recipe)
{
	struct statement *s = &m->statement;

	s->kind = recipe->kind;
	s->time = NOW - 60;
	s->sequence = 7;
	s->n_audience = 2;
	strcpy(s->owner, "alice");
	strcpy(s->audience[0], "alice");
	strcpy(s->audience[1], "bob");
	memcpy(s->device, m->vector.owner.fingerprint, sizeof(s->device));
	memcpy(s->commitment, m->keys.commitment, sizeof(s->commitment));
	s->commitment[0] ^= recipe->other_commitment;
	s->part[SEAL_OBJECT].root[0] ^= recipe->other_root;
	must(random_bytes(s->previous, sizeof(s->previous)));
	must(statement_write(s, &m->owner, m->text, &m->text_size));
}

static void make_grant(struct maker *m, const char *user, const char *device, const struct secret32 *private_key, bool expired)
{
	struct grant grant = { .time = NOW - 50, .expires = expired ? NOW - 1 : 0, .may_share = !expired };
	size_t size;

	memcpy(grant.item, m->statement.item, sizeof(grant.item));
	digest_sha256(m->text, m->text_size, grant.statement);
	strcpy(grant.recipient, user);
	strcpy(grant.device, device);
	strcpy(grant.granter, "alice");
	memcpy(grant.granter_device, m->vector.owner.fingerprint, sizeof(grant.granter_device));
	hpke_public_key(private_key, grant.key);
	must(grant_wrap(&grant, &m->file_key));
	must(grant_write(&grant, &m->owner, m->grants + m->grants_size, &size));
	m->grants_size += size;
	m->n_grants++;
}

static struct bytes join(struct maker *m, struct bundle_head *head)
{
	static const enum seal_part order[] = { SEAL_MANIFEST, SEAL_THUMBNAIL, SEAL_OBJECT };
	char text[BUNDLE_HEAD_MAX_BYTES];
	struct bytes bundle = { 0 };
	size_t size;

	*head = (struct bundle_head){ .statement_size = m->text_size, .grants_size = m->grants_size, .n_grants = m->n_grants };
	for (size_t i = 0; i < 3; i++)
		head->part_size[order[i]] = m->sealed[order[i]].size;
	must(bundle_head_write(head, text, sizeof(text), &size));
	append((uint8_t *)text, size, &bundle);
	append((uint8_t *)m->text, m->text_size, &bundle);
	append((uint8_t *)m->grants, m->grants_size, &bundle);
	for (size_t i = 0; i < 3; i++)
		append(m->sealed[order[i]].data, m->sealed[order[i]].size, &bundle);
	return bundle;
}

static void make(const char *directory, const struct recipe *recipe)
{
	const bool released = recipe->released || !strcmp(recipe->expected, "OK");
	struct maker *m = calloc(1, sizeof(*m));
	struct secret32 other_key;
	struct bundle_head head;
	struct bytes bundle;
	uint8_t digest[DIGEST_BYTES];
	char path[4096];

	if (!m)
		abort();
	make_people(m, recipe->owner_algorithm);
	must(random_bytes(m->file_key.bytes, 32));
	must(random_bytes(m->statement.item, sizeof(m->statement.item)));
	must(random_bytes(other_key.bytes, 32));
	seal_derive_keys(&m->file_key, m->statement.item, &m->keys);
	make_parts(m, recipe);
	make_statement(m, recipe);
	make_grant(m, "bob", "laptop", &m->vector.private_key, recipe->expired);
	make_grant(m, "alice", "desk", &other_key, false);
	bundle = join(m, &head);
	if (recipe->spoil)
		recipe->spoil(&bundle, &head);
	digest_sha256(m->content.data, released ? m->content.size : 0, digest);
	hex_encode(digest, sizeof(digest), m->vector.released);
	strcpy(m->vector.expected, recipe->expected);
	m->vector.data = bundle.data;
	m->vector.size = bundle.size;
	snprintf(path, sizeof(path), "%s/%s.vector", directory, recipe->name);
	if (!vector_write(path, recipe->comment, &m->vector)) {
		perror(path);
		exit(73);
	}
	for (size_t i = 0; i < 3; i++)
		free(m->sealed[i].data);
	free(m->content.data);
	free(bundle.data);
	free(m);
}

static int read_vectors(char **paths, int n)
{
	for (int i = 0; i < n; i++) {
		char released[2 * DIGEST_BYTES + 1];
		struct vector vector;
		const char *outcome;

		if (!vector_load(paths[i], &vector))
			return 65;
		outcome = vector_outcome(&vector, released);
		printf("%s %s %s\n", paths[i], outcome, released);
		vector_free(&vector);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "make")) {
		for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
			make(argv[2], &recipes[i]);
		return 0;
	}
	if (argc >= 3 && !strcmp(argv[1], "read"))
		return read_vectors(argv + 2, argc - 2);
	fprintf(stderr, "usage: vector-tool make DIR | read VECTOR...\n");
	return 64;
}
