# SPDX-License-Identifier: GPL-3.0-or-later
sbin_PROGRAMS += sisd
sisd_SOURCES = src/sisd/main.c src/sisd/master.c src/sisd/master.h src/sisd/configuration.c src/sisd/check.c src/sisd/users.c src/sisd/state.c src/sisd/store_check.c src/sisd/listen.c src/sisd/listen_check.c src/sisd/control.c \
	src/sisd/spawn.c src/sisd/backoff.c src/sisd/slices.c src/sisd/external.c src/sisd/hear.c src/sisd/supervise.c src/sisd/stop.c src/sisd/reload.c src/sisd/notify.c src/sisd/owner.c \
	src/sisd/status.c src/sisd/said.c src/sisd/measure.c src/sisd/limits.c src/sisd/journal.c src/sisd/journal_send.c src/sisd/datagram.c
sisd_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
sisd_LDADD = $(CONF_LIBS) $(IPC_LIBS) $(SANDBOX_LIBS) $(BASE_LIBS) $(SYSTEMD_LIBS)
