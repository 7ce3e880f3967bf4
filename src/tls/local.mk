# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libtls.a
libtls_a_SOURCES = src/tls/tls.h src/tls/session.h src/tls/session.c src/tls/server.c src/tls/client.c src/tls/client_internal.h src/tls/verify.c
