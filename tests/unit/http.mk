# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_message_http tests/unit/test_http_server tests/unit/test_range tests/unit/test_plain
tests_unit_test_message_http_SOURCES = tests/unit/test_message_http.c
tests_unit_test_message_http_LDADD = $(HTTP_SERVER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_server_SOURCES = tests/unit/test_http_server.c
tests_unit_test_http_server_LDADD = $(HTTP_SERVER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_range_SOURCES = tests/unit/test_range.c
tests_unit_test_range_LDADD = $(HTTP_SERVER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plain_SOURCES = tests/unit/test_plain.c
tests_unit_test_plain_LDADD = $(HTTP_SERVER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_digest_fields tests/unit/test_tus_fields
tests_unit_test_digest_fields_SOURCES = tests/unit/test_digest_fields.c src/worker/digest_fields.c src/worker/structured.c
tests_unit_test_digest_fields_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tus_fields_SOURCES = tests/unit/test_tus_fields.c src/worker/tus_fields.c
tests_unit_test_tus_fields_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_proxy
tests_unit_test_proxy_SOURCES = tests/unit/test_proxy.c src/http/proxy.c
tests_unit_test_proxy_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
