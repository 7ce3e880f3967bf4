# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c
tests_unit_test_sandbox_LDADD = $(SANDBOX_LIBS) libipc.a $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread
