/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A .sis file from anybody: read, or refused with a sentence. */
#include "sis/bundle_file.h"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_file file;
	struct why why = { "" };
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	int r = bundle_file_read(fd, &file, &why);
	if (r == 0) {
		if (bundle_size(&file.head) != size || file.statement_text == NULL || json_array_size(file.grants) != file.head.n_grants)
			abort();
		bundle_file_close(&file);
	}
	return 0;
}
