# SPDX-License-Identifier: GPL-3.0-or-later
pkglibexec_PROGRAMS += sisd-ledger
sisd_ledger_SOURCES = src/ledger/main.c
sisd_ledger_LDADD = $(IPC_LIBS) $(SANDBOX_LIBS) $(STORE_LIBS) $(PKI_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) -lpthread
