/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures through libvips: smaller, upright, in sRGB, without metadata. */
#include "picture/child.h"

#include <dlfcn.h>
#include <gmodule.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>
#include <vips/vector.h>

#define THUMBNAIL_MAX_BYTES 65536u
#define CONVERT_QUALITY 92

/* Everything that reads is blocked but these, and HEIF's when it is loaded. */
static const char *const loaders[] = {
	"VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp", "VipsForeignLoadNsgif", "VipsForeignLoadTiff",
};

/* The reader of HEIF is a module beside libvips. The others there (ImageMagick, PDF, slides) are not loaded at all. */
void render_load_heif(void)
{
	static bool is_loaded;
	Dl_info info;
	if (is_loaded)
		return;
	is_loaded = true;
	void *in_vips = dlsym(RTLD_DEFAULT, "vips_init");
	if (in_vips == NULL || dladdr(in_vips, &info) == 0)
		return;
	char *directory = g_path_get_dirname(info.dli_fname);
	char *name = g_strdup_printf("%s/vips-modules-%d.%d/vips-heif.so", directory, VIPS_MAJOR_VERSION, VIPS_MINOR_VERSION);
	(void)g_module_open(name, G_MODULE_BIND_LAZY);
	g_free(name);
	g_free(directory);
	vips_operation_block_set("VipsForeignLoadHeif", FALSE);
}

bool render_start(const char *program)
{
	setenv("VIPSHOME", "/nonexistent", 1);          /* where libvips looks for modules */
	setenv("VIPS_DISC_THRESHOLD", "1g", 1);         /* no temporary files: none can be made */
	if (VIPS_INIT(program) != 0)
		return false;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	vips_vector_set_enabled(FALSE);                 /* it makes code at run time, and no memory may be both written and run */
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(loaders); i++)
		vips_operation_block_set(loaders[i], FALSE);
	return true;
}

/* Frees the one and hands on the other. */
static VipsImage *exchange(VipsImage *old, VipsImage *new, int failed)
{
	g_object_unref(old);
	return failed != 0 ? NULL : new;
}

static VipsImage *without_alpha(VipsImage *image)
{
	VipsImage *flat = NULL;
	if (image == NULL || !vips_image_hasalpha(image))
		return image;
	VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
	int failed = vips_flatten(image, &flat, "background", white, NULL);
	vips_area_unref(VIPS_AREA(white));
	return exchange(image, flat, failed);
}

static VipsImage *in_memory(VipsImage *image)
{
	if (image == NULL)
		return NULL;
	VipsImage *copy = vips_image_copy_memory(image);
	return exchange(image, copy, copy == NULL);
}

static bool send_size(VipsImage *image, bool turned)
{
	uint8_t size[8];
	struct builder builder = builder_from(size, sizeof(size));
	builder_put_u32(&builder, (uint32_t)(turned ? image->Ysize : image->Xsize));
	builder_put_u32(&builder, (uint32_t)(turned ? image->Xsize : image->Ysize));
	child_send(JOB_SIZE, size, sizeof(size));
	return true;
}

static bool send_upright_size(struct span picture)
{
	VipsImage *image = vips_image_new_from_buffer(picture.data, picture.size, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	if (image == NULL)
		return false;
	send_size(image, vips_image_get_orientation_swap(image));
	g_object_unref(image);
	return true;
}

static bool send_jpeg(VipsImage *image, int quality, size_t max)
{
	void *jpeg = NULL;
	size_t size = 0;
	if (vips_jpegsave_buffer(image, &jpeg, &size, "Q", quality, "strip", TRUE, "optimize_coding", TRUE, NULL) != 0)
		return false;
	bool fits = size <= max;
	if (fits)
		child_send(JOB_JPEG, jpeg, size);
	g_free(jpeg);
	return fits;
}

static VipsImage *shrink(struct span picture, unsigned edge)
{
	VipsImage *image = NULL;
	void *data = (void *)(uintptr_t)picture.data;
	if (vips_thumbnail_buffer(data, picture.size, &image, (int)edge, "height", (int)edge, "size", VIPS_SIZE_DOWN, "export_profile", "srgb", NULL) != 0)
		return NULL;
	return image;
}

bool render_thumbnail(struct span picture)
{
	VipsImage *image = send_upright_size(picture) ? in_memory(without_alpha(shrink(picture, JOB_THUMBNAIL_EDGE))) : NULL;
	bool sent = false;
	for (int quality = 80; image != NULL && !sent && quality > 0; quality -= 15)
		sent = send_jpeg(image, quality, THUMBNAIL_MAX_BYTES);
	return sent;
}

/* Upright, in sRGB. Turning needs the pixels out of order. */
static VipsImage *open_upright(struct span picture)
{
	VipsImage *image = vips_image_new_from_buffer(picture.data, picture.size, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL), *upright = NULL, *coloured = NULL;
	if (image != NULL && vips_image_get_orientation(image) != 1) {
		g_object_unref(image);
		image = vips_image_new_from_buffer(picture.data, picture.size, "", NULL);
	}
	if (image == NULL)
		return NULL;
	int failed = vips_autorot(image, &upright, NULL);
	image = exchange(image, upright, failed);
	if (image == NULL)
		return NULL;
	if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0)
		failed = vips_icc_transform(image, &coloured, "srgb", "embedded", TRUE, NULL);
	else
		failed = vips_colourspace(image, &coloured, VIPS_INTERPRETATION_sRGB, NULL);
	return exchange(image, coloured, failed);
}

bool render_whole(struct span picture)
{
	VipsImage *image = without_alpha(open_upright(picture));
	return image != NULL && send_size(image, false) && send_jpeg(image, CONVERT_QUALITY, JOB_PICTURE_MAX_BYTES);
}

/* Made by strangers: a JPEG or nothing. */
bool render_pixels(struct span picture)
{
	VipsImage *rgba = NULL;
	if (picture.size < 3 || memcmp(picture.data, "\xff\xd8\xff", 3) != 0)
		return false;
	VipsImage *image = without_alpha(shrink(picture, JOB_THUMBNAIL_EDGE));
	if (image == NULL || vips_image_get_bands(image) != 3 || vips_bandjoin_const1(image, &rgba, 255, NULL) != 0)
		return false;
	size_t size = 0;
	void *pixels = vips_image_write_to_memory(rgba, &size);
	if (pixels == NULL || size != (size_t)rgba->Xsize * (size_t)rgba->Ysize * 4)
		return false;
	send_size(rgba, false);
	child_send(JOB_PIXELS, pixels, size);
	return true;
}
