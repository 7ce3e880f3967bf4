# SPDX-License-Identifier: GPL-3.0-or-later
sbin_PROGRAMS += sisctl
sisctl_SOURCES = src/sisctl/main.c src/sisctl/sisctl.h src/sisctl/varlink.c src/sisctl/varlink.h src/sisctl/output.c src/sisctl/output.h \
	src/sisctl/add.c src/sisctl/list.c src/sisctl/revoke.c src/sisctl/certs.c src/sisctl/logs.c src/sisctl/status.c src/sisctl/check.c
sisctl_LDADD = $(BASE_LIBS)
