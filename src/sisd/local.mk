# SPDX-License-Identifier: GPL-3.0-or-later
sbin_PROGRAMS += sisd
sisd_SOURCES = src/sisd/main.c
sisd_LDADD = $(CONF_LIBS) $(IPC_LIBS) $(SANDBOX_LIBS) $(BASE_LIBS) $(SYSTEMD_LIBS)
