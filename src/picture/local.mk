# SPDX-License-Identifier: GPL-3.0-or-later
# The library removes metadata and needs nothing but base: sis links with it. The program has the pictures' libraries, which sis must not load.
noinst_LIBRARIES += libpicture.a
libpicture_a_SOURCES = src/picture/clean.h src/picture/parts.h src/picture/clean.c src/picture/exif.c src/picture/clean_jpeg.c src/picture/clean_png.c \
	src/picture/clean_webp.c src/picture/clean_gif.c src/picture/clean_bmp.c src/picture/clean_tiff.c src/picture/heif.h src/picture/heif.c \
	src/picture/clean_heif.c
