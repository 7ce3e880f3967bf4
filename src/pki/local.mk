# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libpki.a
libpki_a_SOURCES = src/pki/pki.h src/pki/authority.c src/pki/certificate.c src/pki/request.c src/pki/crl.c src/pki/est.c src/pki/key.c
