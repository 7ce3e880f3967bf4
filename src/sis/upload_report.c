/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What sis upload says of each file. */
#include "picture/clean.h"
#include "sis/output.h"
#include "sis/upload.h"

static json_t *removed_json(unsigned removed)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < CLEAN_N_KINDS; i++) {
		if (removed & 1u << i)
			json_array_append_new(array, json_string(clean_word(i)));
	}
	return array;
}

static void report_removed(const struct upload_batch *batch, const struct source *source)
{
	char words[300];
	clean_words(source->removed, words, sizeof(words));
	if (source->removed != 0 && !batch->sis->quiet)
		output_note(batch->sis, "removed from %s: %s", source->manifest.name, words);
}

void upload_report(const struct upload_batch *batch, const struct source *source, const uint8_t item[ITEM_ID_BYTES], bool resumed)
{
	char id[ITEM_ID_TEXT + 1], name[300], size[32];
	item_id_encode(item, id);
	if (batch->sis->json) {
		output_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:b, s:o, s:b}", "item", id, "name", source->manifest.name, "size", (json_int_t)source->size, "kind",
		                      item_kind_name(source->kind), "to", batch->to, "resumed", (int)resumed, "removed",
		                      removed_json(source->removed), "thumbnail", source->thumbnail.size > 0));
		return;
	}
	report_removed(batch, source);
	text_for_terminal(span_from_string(source->manifest.name), name, sizeof(name));
	size_format(source->size, size, sizeof(size));
	if (!batch->sis->quiet)
		output_line("%s%s%s  %s  %s  to %s%s", STYLED(STYLE_ID, id), *name != '\0' ? name : "-", size, batch->to, resumed ? " (continued)" : "");
}

/* Everything is checked by now but what only sending shows. */
void upload_report_plan(const struct upload_batch *batch, const struct source *source)
{
	char name[300], size[32], removed[300];
	unsigned n_devices = batch->audience.n_devices;
	if (batch->sis->json) {
		output_json(json_pack("{s:b, s:s, s:I, s:s, s:s, s:I, s:o}", "dry_run", 1, "name", source->manifest.name, "size", (json_int_t)source->size, "kind",
		                      item_kind_name(source->kind), "to", batch->to, "devices", (json_int_t)n_devices, "removed", removed_json(source->removed)));
		return;
	}
	text_for_terminal(span_from_string(source->manifest.name), name, sizeof(name));
	size_format(source->size, size, sizeof(size));
	clean_words(source->removed, removed, sizeof(removed));
	output_line("would share  %s  %s  to %s, %u device%s%s%s", *name != '\0' ? name : "-", size, batch->to, n_devices, n_devices == 1 ? "" : "s",
	            source->removed != 0 ? "; would remove: " : "", source->removed != 0 ? removed : "");
}
