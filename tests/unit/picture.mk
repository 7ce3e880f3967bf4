# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_clean
tests_unit_test_clean_SOURCES = tests/unit/test_clean.c
tests_unit_test_clean_LDADD = libpicture.a $(BASE_LIBS) $(CMOCKA_LIBS)
