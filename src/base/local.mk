# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = src/base/error.c src/base/error.h src/base/error.def src/base/cursor.c src/base/cursor.h \
	src/base/secret.c src/base/secret.h src/base/util.c src/base/util.h src/base/text.c src/base/text_digits.c src/base/moment.c src/base/moment.h src/base/text.h src/base/loop.c src/base/loop_timer.c src/base/loop_internal.h src/base/loop.h \
	src/base/json.c src/base/json.h src/base/log.c src/base/log.h src/base/event.def src/base/event_help.def src/base/print.c src/base/print.h \
	src/base/limit.c src/base/limit.h src/base/limit.def \
	src/base/siphash.c src/base/siphash.h src/base/rate.c src/base/rate.h src/base/prefix.c src/base/prefix.h
