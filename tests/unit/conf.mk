# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_options
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_load
tests_unit_test_load_SOURCES = tests/unit/test_load.c
tests_unit_test_load_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_print
tests_unit_test_print_SOURCES = tests/unit/test_print.c
tests_unit_test_print_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_DIRECTORY='"$(abs_top_srcdir)"'
tests_unit_test_print_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
