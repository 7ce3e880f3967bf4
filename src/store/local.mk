# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = src/store/store.h src/store/writer.h src/store/reader.c src/store/writer.c src/store/schema.h
