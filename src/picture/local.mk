# SPDX-License-Identifier: GPL-3.0-or-later
# The library removes metadata and needs nothing but base: sis links with it. The program has the pictures' libraries, which sis must not load.
noinst_LIBRARIES += libpicture.a
libpicture_a_SOURCES = src/picture/clean.h src/picture/parts.h src/picture/clean.c src/picture/exif.c src/picture/clean_jpeg.c src/picture/clean_png.c \
	src/picture/clean_webp.c src/picture/clean_gif.c src/picture/clean_bmp.c src/picture/clean_tiff.c src/picture/heif.h src/picture/heif.c \
	src/picture/clean_heif.c src/picture/heif_put.c
pkglibexec_PROGRAMS += sis-picture
sis_picture_SOURCES = src/picture/main.c src/picture/child.c src/picture/child.h src/picture/job.h src/picture/render.c src/picture/inspect.c
sis_picture_CPPFLAGS = $(AM_CPPFLAGS) $(VIPS_CFLAGS) $(GEXIV2_CFLAGS)
sis_picture_LDADD = $(SANDBOX_LIBS) $(IPC_LIBS) $(VIPS_LIBS) $(GEXIV2_LIBS) $(BASE_LIBS) -ldl
pkglibexec_PROGRAMS += sis-draw
sis_draw_SOURCES = src/picture/draw.c src/picture/job.h
sis_draw_CPPFLAGS = $(AM_CPPFLAGS) $(CHAFA_CFLAGS)
sis_draw_LDADD = $(SANDBOX_LIBS) $(IPC_LIBS) $(CHAFA_LIBS) $(BASE_LIBS)
