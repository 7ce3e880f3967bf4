/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Manifests from strangers: what parses can be written again and reads the same; names that became safe are safe. */
#include "format/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct span name)
{
	char safe[256];

	file_name_make_safe(name, safe);
	if (!file_name_is_safe(span_from_string(safe)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest manifest, again;
	uint8_t *plain;
	size_t plain_size;
	const char *why = NULL;

	check_name((struct span){ data, size });
	if (manifest_parse((struct span){ data, size }, &manifest, &why) < 0)
		return 0;
	check_name(span_from_string(manifest.name));
	if (manifest_write(&manifest, &plain, &plain_size) < 0)
		abort();
	if (manifest_parse((struct span){ plain, plain_size }, &again, NULL) < 0 || strcmp(manifest.name, again.name) ||
	    strcmp(manifest.caption, again.caption) || manifest.size != again.size ||
	    manifest.is_reply != again.is_reply || memcmp(manifest.reply_to, again.reply_to, sizeof(again.reply_to)) ||
	    manifest.conversation.number != again.conversation.number || manifest.conversation.n_seen != again.conversation.n_seen)
		abort();
	free(plain);
	return 0;
}
