/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What this implementation takes of offered authorities, for tests/vectors/test_authorities.py. Each line of standard input is a case: seconds, the known
 * certificates, those that are offered, each list hexadecimal DER with commas between ("-": none). Each line of the answer: the fingerprints of the set,
 * or the error. */
#include "base/error.h"
#include "base/text.h"
#include "pki/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 64

struct list { struct blob der[LIST_MAX]; struct span span[LIST_MAX]; size_t n; };

static void fail(const char *what)
{
	fprintf(stderr, "authorities-tool: %s\n", what);
	exit(1);
}

static void read_list(char *text, struct list *list)
{
	*list = (struct list){ .n = 0 };
	for (char *word; strcmp(text != NULL ? text : "-", "-") != 0 && (word = strsep(&text, ",")) != NULL; list->n++) {
		size_t size = strlen(word) / 2;
		struct blob *der = &list->der[list->n];
		*der = (struct blob){ malloc(size + 1), size };
		if (list->n == LIST_MAX || der->data == NULL || hex_decode(span_from_string(word), der->data, size) < 0)
			fail("no list of certificates");
		list->span[list->n] = (struct span){ der->data, der->size };
	}
}

static struct blob join(const struct list *list)
{
	struct blob set = { calloc(1, 1 << 20), 0 };
	if (set.data == NULL)
		fail("no memory");
	for (size_t i = 0; i < list->n; i++) {
		memcpy(set.data + set.size, list->der[i].data, list->der[i].size);
		set.size += list->der[i].size;
	}
	return set;
}

static void free_list(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		blob_free(&list->der[i]);
}

static void answer(int64_t at, const struct list *known, const struct list *offered)
{
	CLEANUP_BLOB struct blob joined = join(known), set = { NULL, 0 };
	int r = authorities_extend((struct span){ joined.data, joined.size }, offered->span, offered->n, at, &set);
	struct span rest = { set.data, set.size }, der;
	if (r < 0)
		printf("%s", error_name(r));
	for (bool first = true; r >= 0 && authorities_next(&rest, &der); first = false) {
		uint8_t fingerprint[FINGERPRINT_BYTES];
		char text[2 * FINGERPRINT_BYTES + 1];
		certificate_fingerprint(der, fingerprint);
		hex_encode(fingerprint, sizeof(fingerprint), text);
		printf("%s%s", first ? "" : ",", text);
	}
	printf("\n");
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	while (getline(&line, &capacity, stdin) > 0) {
		char *rest = line;
		line[strcspn(line, "\n")] = '\0';
		int64_t at = strtoll(strsep(&rest, " "), NULL, 10);
		struct list known, offered;
		read_list(strsep(&rest, " "), &known);
		read_list(rest, &offered);
		answer(at, &known, &offered);
		free_list(&known);
		free_list(&offered);
	}
	free(line);
	return 0;
}
