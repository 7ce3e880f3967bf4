# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_pki tests/unit/test_authorities tests/unit/test_signer
tests_unit_test_pki_SOURCES = tests/unit/test_pki.c
tests_unit_test_pki_LDADD = $(PKI_LIBS) $(CMOCKA_LIBS)
tests_unit_test_authorities_SOURCES = tests/unit/test_authorities.c
tests_unit_test_authorities_LDADD = $(PKI_LIBS) $(CMOCKA_LIBS)
tests_unit_test_signer_SOURCES = tests/unit/test_signer.c
tests_unit_test_signer_CPPFLAGS = $(AM_CPPFLAGS) -DSIGNER_PROGRAM='"$(abs_top_builddir)/sisd-signer"'
tests_unit_test_signer_LDADD = $(IPC_LIBS) $(PKI_LIBS) $(CMOCKA_LIBS)
EXTRA_tests_unit_test_signer_DEPENDENCIES = sisd-signer$(EXEEXT)
