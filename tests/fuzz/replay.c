/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Runs a fuzz target once over every file named on the command line (or in the directories named), printing TAP: a crash ends it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_run;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		printf("not ok %u - %s: cannot be read\n", ++n_run, path);
		return;
	}
	static uint8_t data[4 << 20];
	size_t size = fread(data, 1, sizeof(data), file);
	fclose(file);
	/* An exact heap copy, so that AddressSanitizer sees a read past the end. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	printf("ok %u - %s\n", ++n_run, path);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct dirent **names;
		int n = scandir(argv[i], &names, NULL, alphasort);
		if (n < 0) {
			replay_file(argv[i]);
			continue;
		}
		for (int j = 0; j < n; j++) {
			char path[4096];
			snprintf(path, sizeof(path), "%s/%s", argv[i], names[j]->d_name);
			if (names[j]->d_name[0] != '.')
				replay_file(path);
			free(names[j]);
		}
		free(names);
	}
	printf("1..%u\n", n_run);
	return n_run > 0 ? 0 : 1;
}
