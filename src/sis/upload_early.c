/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A single file: cleaned and sealed while the server is asked for whom. */
#include "sis/pictures.h"
#include "sis/upload.h"

/* Loading the pictures' libraries takes longer than all the rest: it goes on while we clean and seal. The thumbnail is no part of the object. */
static int early_prepare(struct upload_early *early)
{
	const struct upload_options *options = early->options;
	struct source *source = &early->source;
	if (source->kind == ITEM_IMAGE && early->pictures != NULL)
		pictures_wake(early->pictures);
	int r = source_clean(early->sis, source, options->keep_metadata, options->convert, early->pictures, &early->why);
	if (r == 0 && source->size <= SEND_SMALL_BYTES) {
		r = send_small_seal(&early->buffers, source, &early->small, &early->why);
		early->is_sealed = r == 0;
	}
	return r == 0 ? source_look(early->sis, source, options->keep_metadata, early->pictures, &early->why) : r;
}

static void *early_run(void *arg)
{
	struct upload_early *early = arg;
	early->error = source_open(early->path, early->options->name, early->options->caption, &early->source, &early->why);
	if (early->error < 0)
		return NULL;
	early->is_open = true;
	early->error = early_prepare(early);
	return NULL;
}

void upload_early_begin(struct upload_early *early)
{
	early->started = pthread_create(&early->thread, NULL, early_run, early) == 0;
}

void upload_early_join(struct upload_early *early)
{
	if (early->started)
		pthread_join(early->thread, NULL);
	early->started = false;
}

void upload_early_end(struct upload_early *early)
{
	struct sender sender = { .buffers = early->buffers };
	upload_early_join(early);
	sender_wipe(&sender);
	if (early->is_open)
		source_close(&early->source);
	if (early->is_sealed)
		small_wipe(&early->small);
}
