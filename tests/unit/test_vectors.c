/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every file of tests/vectors, which the second implementation made, gives the error and releases the bytes that the file says. */
#include "../vectors/vector.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_vector(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".vector");
}

static bool check_vector(const char *path, const char *name, int number)
{
	char released[2 * DIGEST_BYTES + 1];
	const char *outcome = "no vector";
	struct vector vector;
	bool good = vector_load(path, &vector);

	if (good) {
		outcome = vector_outcome(&vector, released);
		good = !strcmp(outcome, vector.expected) && !strcmp(released, vector.released);
	}
	printf("%s %d - %s\n", good ? "ok" : "not ok", number, name);
	if (!good)
		printf("# got %s\n", outcome);
	else
		vector_free(&vector);
	return good;
}

int main(void)
{
	struct dirent **names;
	const char *directory = SIS_VECTORS;
	int n = scandir(directory, &names, is_vector, alphasort), n_bad = 0;

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		n_bad += !check_vector(path, names[i]->d_name, i + 1);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	printf("1..%d\n", n);
	return n < 1 || n_bad;
}
