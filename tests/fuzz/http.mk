# SPDX-License-Identifier: GPL-3.0-or-later
FUZZ_TARGETS += tests/fuzz/fuzz_http_message
tests_fuzz_fuzz_http_message_SOURCES = tests/fuzz/fuzz_http_message.c src/http/message.c src/http/body.c src/http/target.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_http_message_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_http_message_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_http_message_LDADD = $(HTTP_PARSER_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/http_message
FUZZ_TARGETS += tests/fuzz/fuzz_upload_fields
tests_fuzz_fuzz_upload_fields_SOURCES = tests/fuzz/fuzz_upload_fields.c src/worker/digest_fields.c src/worker/structured.c src/worker/tus_fields.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_upload_fields_CFLAGS = $(AM_CFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_upload_fields_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_FLAGS)
tests_fuzz_fuzz_upload_fields_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/upload_fields
