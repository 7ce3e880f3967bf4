/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state of a conversation, as a damaged disk or another program may leave it: what is understood can be worked with. */
#include "sis/conversation.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct manifest_conversation place;
	static struct finding findings[FINDINGS_MAX];
	struct conversation conversation = { .own = "alice/laptop" };
	struct finding finding;
	char text[400];
	bool known;
	if (conversation_parse((struct span){ data, size }, &conversation) < 0)
		return 0;
	conversation_next(&conversation, &place);
	place.number = 3;
	const struct arrival arrival = { .user = "bob", .device = "phone", .item = "aebagaaaaaaaaaaaaaaaaaaaaa", .sequence = UINT64_MAX,
	                                 .statement = { data, size }, .place = &place };
	unsigned n = conversation_accept(&conversation, &arrival, findings, &known);
	for (unsigned i = 0; i < n; i++)
		finding_text(&findings[i], text, sizeof(text));
	conversation_check_newest(&conversation, "bob/phone", 1, &finding);
	free(conversation.devices);
	return 0;
}
