# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libformat.a
libformat_a_SOURCES = src/format/item.h src/format/statement.c src/format/grant.c src/format/key_statement.c src/format/endorsement.c src/format/group.c src/format/bundle.c \
	src/format/lines.c src/format/lines.h src/format/put.c src/format/text_signature.c src/format/manifest.c src/format/manifest.h src/format/media.c src/format/file_name.c \
	src/format/reader.c src/format/reader.h src/format/part.c
