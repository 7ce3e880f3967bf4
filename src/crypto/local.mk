# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcrypto_sis.a
libcrypto_sis_a_SOURCES = src/crypto/digest.c src/crypto/digest.h src/crypto/hash.c src/crypto/hash.h src/crypto/seal.c src/crypto/seal.h src/crypto/hpke.c src/crypto/hpke.h \
	src/crypto/sign.c src/crypto/sign.h src/crypto/aead.c src/crypto/aead.h src/crypto/kdf.c src/crypto/kdf.h src/crypto/passphrase.c src/crypto/passphrase.h
