# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_store_reader tests/unit/test_items tests/unit/test_store_events tests/unit/test_recover tests/unit/test_store_grants tests/unit/test_upgrade tests/unit/test_store_check tests/unit/test_control_call
tests_unit_test_store_reader_SOURCES = tests/unit/test_store_reader.c tests/unit/store_fixture.h
tests_unit_test_store_reader_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_items_SOURCES = tests/unit/test_items.c tests/unit/store_fixture.h
tests_unit_test_items_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_grants_SOURCES = tests/unit/test_store_grants.c tests/unit/store_fixture.h
tests_unit_test_store_grants_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_upgrade_SOURCES = tests/unit/test_upgrade.c tests/unit/store_fixture.h
tests_unit_test_upgrade_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_events_SOURCES = tests/unit/test_store_events.c tests/unit/store_fixture.h
tests_unit_test_store_events_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_recover_SOURCES = tests/unit/test_recover.c tests/unit/store_fixture.h
tests_unit_test_recover_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_check_SOURCES = tests/unit/test_store_check.c tests/unit/store_fixture.h
tests_unit_test_store_check_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_call_SOURCES = tests/unit/test_control_call.c src/ledger/control_call.c src/ledger/control_call.h
tests_unit_test_control_call_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
