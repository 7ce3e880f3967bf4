# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c
tests_unit_test_sandbox_LDADD = $(SANDBOX_LIBS) libipc.a $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread
UNIT_TESTS += tests/unit/test_message
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_LDADD = $(IPC_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_channel
tests_unit_test_channel_SOURCES = tests/unit/test_channel.c
tests_unit_test_channel_LDADD = $(IPC_LIBS) $(CMOCKA_LIBS) -lpthread
UNIT_TESTS += tests/unit/test_role
tests_unit_test_role_SOURCES = tests/unit/test_role.c
tests_unit_test_role_LDADD = $(IPC_LIBS) $(CMOCKA_LIBS)
