/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A picture between being opened and being sealed. The sender's file is only read: what is sealed instead lies in memory. */
#include "sis/picture_job.h"

#include "picture/clean.h"
#include "sis/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WAYS_OUT "upload it as it is with --keep-metadata, or as a new JPEG with --convert jpeg"

static int read_whole(const struct source *source, struct blob *ret_file, struct why *why)
{
	CLEANUP_BLOB struct blob file = { malloc((size_t)source->size + 1), (size_t)source->size };
	if (file.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = fd_pread_all(source->fd, file.data, file.size, 0);
	if (r < 0)
		return why_set(why, -SIS_ERR_CHANGED, "changed or could not be read to its end; upload it again when nobody writes to it");
	r = source_check_unchanged(source, why);
	if (r < 0)
		return r;
	*ret_file = file;
	file = (struct blob){ 0 };
	return 0;
}

/* From here on the source is what will be sealed; device, inode and time still tell which file it came from. */
static int replace_content(struct source *source, struct span content, struct why *why)
{
	CLEANUP_FD int fd = memfd_create("sis-picture", MFD_CLOEXEC);
	int r = fd < 0 ? -SIS_ERR_NO_MEMORY : fd_write_all(fd, content.data, content.size);
	if (r < 0)
		return why_set(why, r, "there is no room for it in memory: %s", error_text(r));
	fd_close(source->fd);
	source->fd = fd_take(&fd);
	source->is_rewritten = true;
	source->size = source->manifest.size = content.size;
	return 0;
}

static void turn(struct manifest *manifest, unsigned orientation)
{
	uint32_t width = manifest->width;
	if (orientation < 5)
		return;
	manifest->width = manifest->height;
	manifest->height = width;
}

static int clean(struct source *source, struct span file, struct why *why)
{
	struct cleaned cleaned;
	const char *because = "";
	int r = clean_picture(file, &cleaned, &because);
	if (r < 0)
		return r == -SIS_ERR_NO_MEMORY ? r : why_set(why, r, "what it tells about you cannot be removed: %s; " WAYS_OUT, because);
	turn(&source->manifest, cleaned.orientation);
	source->removed = cleaned.removed;
	if (cleaned.size != file.size || memcmp(cleaned.data, file.data, file.size) != 0)
		r = replace_content(source, (struct span){ cleaned.data, cleaned.size }, why);
	free(cleaned.data);
	return r;
}

/* "x.heic" becomes "x.jpg". */
static void rename_as_jpeg(struct manifest *manifest)
{
	char *dot = strrchr(manifest->name, '.');
	size_t stem = dot != NULL && dot > manifest->name ? (size_t)(dot - manifest->name) : strlen(manifest->name);
	if (stem > 0 && stem + 4 < sizeof(manifest->name))
		strcpy(manifest->name + stem, ".jpg");
	strcpy(manifest->media_type, "image/jpeg");
}

static int convert_source(const struct sis *sis, struct source *source, struct span file, struct pictures *pictures, struct why *why)
{
	struct pictures *own = NULL;
	CLEANUP_BLOB struct blob jpeg = { 0 };
	uint32_t width = 0, height = 0;
	if (pictures == NULL)
		pictures_start(sis, &own);
	int r = pictures_convert(pictures != NULL ? pictures : own, file, &jpeg, &width, &height);
	pictures_stop(own);
	if (r == -SIS_ERR_INTERRUPTED)
		return r;
	if (r < 0)
		return why_set(why, r, "cannot be converted: %s; it can be uploaded as it is with --keep-metadata",
		               r == -SIS_ERR_UNAVAILABLE ? "the program sis-picture is missing" : "it is damaged, or too large to be opened in safety");
	r = replace_content(source, (struct span){ jpeg.data, jpeg.size }, why);
	if (r < 0)
		return r;
	source->manifest.width = width;
	source->manifest.height = height;
	rename_as_jpeg(&source->manifest);
	return 0;
}

int source_clean(const struct sis *sis, struct source *source, bool keep_metadata, const char *convert, struct pictures *pictures, struct why *why)
{
	CLEANUP_BLOB struct blob file = { 0 };
	if (source->kind != ITEM_IMAGE || (keep_metadata && convert == NULL))
		return 0;
	if (source->size > JOB_PICTURE_MAX_BYTES)
		return why_set(why, -SIS_ERR_TOO_LARGE, "is a picture of more than %u MiB, which cannot be cleaned; upload it as it is with --keep-metadata",
		               (unsigned)(JOB_PICTURE_MAX_BYTES >> 20));
	int r = read_whole(source, &file, why);
	struct span bytes = { file.data, file.size };
	if (r < 0)
		return r;
	return convert != NULL ? convert_source(sis, source, bytes, pictures, why) : clean(source, bytes, why);
}

static void tell_without(const struct sis *sis, const struct source *source, int error)
{
	const char *because = error == -SIS_ERR_UNAVAILABLE ? "the program sis-picture is missing" : "it is damaged, or too large to be opened in safety";
	if (!sis->quiet && error != -SIS_ERR_INTERRUPTED)
		output_warning(sis, "%s: goes without a thumbnail: %s", source->manifest.name, because);
}

/* The second opinion: what gexiv2 still finds in what we have cleaned is a fault of ours, and must not be shared. A child that dies before it can
 * tell leaves the first opinion. */
static int check_tags(const struct stream *stream, bool keep_metadata, struct why *why)
{
	CLEANUP_BLOB struct blob tags = { 0 };
	int r = stream_get(stream, JOB_TAGS, 4096, &tags);
	if (r == 0 && tags.size > 0 && !keep_metadata)
		return why_set(why, -SIS_ERR_MISMATCH, "after cleaning, this is still in it: %s; " WAYS_OUT, (const char *)tags.data);
	return r;
}

static int look_at(struct source *source, bool keep_metadata, struct pictures *pictures, struct span file, struct why *why)
{
	struct stream stream;
	struct rendered rendered;
	int r = stream_open(pictures, JOB_LOOK, file, &stream);
	if (r < 0)
		return r;
	r = check_tags(&stream, keep_metadata, why);
	if (r == 0)
		r = stream_get_picture(&stream, JOB_JPEG, THUMBNAIL_MAX_BYTES, &rendered);
	stream_close(&stream);
	if (r < 0)
		return r;
	source->thumbnail = rendered.bytes;
	source->manifest.width = rendered.width;
	source->manifest.height = rendered.height;
	return 0;
}

int source_look(const struct sis *sis, struct source *source, bool keep_metadata, struct pictures *pictures, struct why *why)
{
	CLEANUP_BLOB struct blob file = { 0 };
	if (source->kind != ITEM_IMAGE || pictures == NULL)
		return 0;
	int r = source->size > JOB_PICTURE_MAX_BYTES ? -SIS_ERR_TOO_LARGE : read_whole(source, &file, why);
	if (r == 0)
		r = look_at(source, keep_metadata, pictures, (struct span){ file.data, file.size }, why);
	if (r == 0 || r == -SIS_ERR_MISMATCH || r == -SIS_ERR_CHANGED || r == -SIS_ERR_INTERRUPTED)
		return r;
	tell_without(sis, source, r);
	return 0;
}

int source_prepare_picture(const struct sis *sis, struct source *source, bool keep_metadata, const char *convert, struct pictures *pictures, struct why *why)
{
	if (source->kind == ITEM_IMAGE && pictures != NULL)
		pictures_wake(pictures);
	int r = source_clean(sis, source, keep_metadata, convert, pictures, why);
	return r == 0 ? source_look(sis, source, keep_metadata, pictures, why) : r;
}
