# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_digest tests/unit/test_seal tests/unit/test_hpke tests/unit/test_sign tests/unit/test_kdf
tests_unit_test_digest_SOURCES = tests/unit/test_digest.c
tests_unit_test_digest_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_seal_SOURCES = tests/unit/test_seal.c
tests_unit_test_seal_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_hpke_SOURCES = tests/unit/test_hpke.c
tests_unit_test_hpke_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sign_SOURCES = tests/unit/test_sign.c
tests_unit_test_sign_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_kdf_SOURCES = tests/unit/test_kdf.c
tests_unit_test_kdf_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
