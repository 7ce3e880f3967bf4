# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_vectors
tests_unit_test_vectors_SOURCES = tests/unit/test_vectors.c tests/vectors/vector.c tests/vectors/vector.h
tests_unit_test_vectors_CPPFLAGS = $(AM_CPPFLAGS) -DSIS_VECTORS='"$(abs_top_srcdir)/tests/vectors"'
tests_unit_test_vectors_LDADD = $(FORMAT_LIBS)
