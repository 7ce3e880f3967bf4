# SPDX-License-Identifier: GPL-3.0-or-later
UNIT_TESTS += tests/unit/test_statement
tests_unit_test_statement_SOURCES = tests/unit/test_statement.c
tests_unit_test_statement_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_grant
tests_unit_test_grant_SOURCES = tests/unit/test_grant.c
tests_unit_test_grant_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_key_statement
tests_unit_test_key_statement_SOURCES = tests/unit/test_key_statement.c
tests_unit_test_key_statement_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_endorsement
tests_unit_test_endorsement_SOURCES = tests/unit/test_endorsement.c
tests_unit_test_endorsement_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_group
tests_unit_test_group_SOURCES = tests/unit/test_group.c
tests_unit_test_group_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_bundle
tests_unit_test_bundle_SOURCES = tests/unit/test_bundle.c
tests_unit_test_bundle_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_manifest
tests_unit_test_manifest_SOURCES = tests/unit/test_manifest.c
tests_unit_test_manifest_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_file_name
tests_unit_test_file_name_SOURCES = tests/unit/test_file_name.c
tests_unit_test_file_name_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_media
tests_unit_test_media_SOURCES = tests/unit/test_media.c
tests_unit_test_media_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_reader
tests_unit_test_reader_SOURCES = tests/unit/test_reader.c
tests_unit_test_reader_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_part
tests_unit_test_part_SOURCES = tests/unit/test_part.c
tests_unit_test_part_LDADD = $(FORMAT_LIBS) $(CMOCKA_LIBS)
tests_unit_test_media_CPPFLAGS = $(AM_CPPFLAGS) -DSIS_MEDIA='"$(abs_top_srcdir)/tests/fuzz/corpus/media"'
UNIT_TESTS += tests/unit/test_vectors
tests_unit_test_vectors_SOURCES = tests/unit/test_vectors.c tests/vectors/vector.c tests/vectors/vector.h
tests_unit_test_vectors_CPPFLAGS = $(AM_CPPFLAGS) -DSIS_VECTORS='"$(abs_top_srcdir)/tests/vectors"'
tests_unit_test_vectors_LDADD = $(FORMAT_LIBS)

# Makes and reads vectors for tests/vectors/test_vectors.py.
check_PROGRAMS += tests/vectors/vector-tool
tests_vectors_vector_tool_SOURCES = tests/vectors/vector-tool.c tests/vectors/vector.c tests/vectors/vector.h
tests_vectors_vector_tool_LDADD = $(FORMAT_LIBS)
unit-tests: tests/vectors/vector-tool
# Decides about authorities for tests/vectors/test_authorities.py.
check_PROGRAMS += tests/vectors/authorities-tool
tests_vectors_authorities_tool_SOURCES = tests/vectors/authorities-tool.c
tests_vectors_authorities_tool_LDADD = $(PKI_LIBS)
unit-tests: tests/vectors/authorities-tool
