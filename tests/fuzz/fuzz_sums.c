/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SHA256SUMS of a snapshot that comes from anywhere, as root reads it: each line that is taken names a file within the snapshot, and is the very line that is
 * written for it. */
#include "sisctl/snapshot.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sum *sum, const char *line)
{
	char *again = NULL;
	size_t size = 0;
	uint8_t id[ITEM_ID_BYTES];
	FILE *out = open_memstream(&again, &size);
	if (out == NULL || sum_write(out, sum) < 0 || fclose(out) != 0 || strncmp(line, again, size) != 0)
		abort();
	if (sum->path[0] == '/' || strstr(sum->path, "..") != NULL || (strncmp(sum->path, "objects/", 8) == 0) != object_path_parse(sum->path, id))
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum sum;
	int r = 1;
	char *text = malloc(size + 1);
	FILE *sums = size > 0 && text != NULL ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	if (sums == NULL) {
		free(text);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	for (const char *line = text; (r = sum_read(sums, &sum)) > 0; line = strchr(line, '\n') + 1)
		check(&sum, line);
	if (r < 0 && r != -SIS_ERR_BAD_FORMAT)
		abort();
	fclose(sums);
	free(text);
	return 0;
}
