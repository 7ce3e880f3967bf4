# SPDX-License-Identifier: GPL-3.0-or-later
FUZZ_TARGETS += tests/fuzz/fuzz_reply
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_reply_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_reply_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_reply_LDADD = $(HTTP_CLIENT_LIBS) $(BASE_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_client_json
tests_fuzz_fuzz_client_json_SOURCES = tests/fuzz/fuzz_client_json.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_client_json_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_client_json_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_client_json_LDADD = $(SIS_TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_bundle_file
tests_fuzz_fuzz_bundle_file_SOURCES = tests/fuzz/fuzz_bundle_file.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_bundle_file_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_bundle_file_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_bundle_file_LDADD = $(SIS_TEST_LIBS)
