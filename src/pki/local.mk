# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libpki.a
libpki_a_SOURCES = src/pki/pki.h src/pki/backend.h src/pki/backend.c src/pki/authority.h src/pki/authority.c src/pki/certificate.c src/pki/chain.c \
	src/pki/request.c src/pki/der.h src/pki/der.c src/pki/crl.h src/pki/crl.c src/pki/est.c src/pki/key.c src/pki/rekey.c src/pki/authorities.c src/pki/successor.c
