# SPDX-License-Identifier: GPL-3.0-or-later
FUZZ_TARGETS += tests/fuzz/fuzz_message
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_message_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_message_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_message_LDADD = $(IPC_LIBS)
EXTRA_DIST += tests/fuzz/corpus/message
FUZZ_TARGETS += tests/fuzz/fuzz_text
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_text_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_text_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_text_LDADD = $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/text
