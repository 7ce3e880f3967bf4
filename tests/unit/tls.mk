# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c
tests_unit_test_tls_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
