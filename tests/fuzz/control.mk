# SPDX-License-Identifier: GPL-3.0-or-later
FUZZ_TARGETS += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c src/ledger/control_call.c src/ledger/control_call.h $(FUZZ_DRIVER)
tests_fuzz_fuzz_control_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_control_LDADD = $(BASE_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_share
tests_fuzz_fuzz_share_SOURCES = tests/fuzz/fuzz_share.c src/ledger/share_check.c src/ledger/ledger.h $(FUZZ_DRIVER)
tests_fuzz_fuzz_share_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_share_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_share_LDADD = $(FORMAT_LIBS)
