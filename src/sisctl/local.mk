# SPDX-License-Identifier: GPL-3.0-or-later
sbin_PROGRAMS += sisctl
sisctl_SOURCES = src/sisctl/main.c
sisctl_LDADD = $(BASE_LIBS)
