# SPDX-License-Identifier: GPL-3.0-or-later
bin_PROGRAMS += sis
sis_SOURCES = src/sis/main.c
sis_LDADD = $(FORMAT_LIBS) $(HTTP_CLIENT_LIBS) $(TLS_LIBS) $(BASE_LIBS) -lpthread
