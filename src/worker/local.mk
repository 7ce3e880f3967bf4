# SPDX-License-Identifier: GPL-3.0-or-later
pkglibexec_PROGRAMS += sisd-worker
sisd_worker_SOURCES = src/worker/main.c
sisd_worker_LDADD = $(HTTP_SERVER_LIBS) $(IPC_LIBS) $(SANDBOX_LIBS) $(STORE_LIBS) $(TLS_LIBS) $(BASE_LIBS)
