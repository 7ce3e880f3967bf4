# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libhttpserver.a libhttpclient.a
libhttpserver_a_SOURCES = src/http/server.c src/http/server.h
libhttpclient_a_SOURCES = src/http/client.c src/http/client.h
