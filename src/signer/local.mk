# SPDX-License-Identifier: GPL-3.0-or-later
pkglibexec_PROGRAMS += sisd-signer
sisd_signer_SOURCES = src/signer/main.c src/signer/signer.h src/signer/keys.c src/signer/identity.c src/signer/external.c src/signer/renewal.c src/signer/ending.c src/signer/generations.c src/signer/rollover.c src/signer/handshake.c src/signer/mint.c
sisd_signer_LDADD = $(IPC_LIBS) $(SANDBOX_LIBS) $(PKI_LIBS) $(BASE_LIBS)
