# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_vectors
tests_unit_test_vectors_SOURCES = tests/unit/test_vectors.c tests/vectors/vector.c tests/vectors/vector.h
tests_unit_test_vectors_CPPFLAGS = $(AM_CPPFLAGS) -DSIS_VECTORS='"$(abs_top_srcdir)/tests/vectors"'
tests_unit_test_vectors_LDADD = $(FORMAT_LIBS)

# Makes and reads vectors for tests/vectors/test_vectors.py.
check_PROGRAMS += tests/vectors/vector-tool
tests_vectors_vector_tool_SOURCES = tests/vectors/vector-tool.c tests/vectors/vector.c tests/vectors/vector.h
tests_vectors_vector_tool_LDADD = $(FORMAT_LIBS)
unit-tests: tests/vectors/vector-tool
