# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libhttpserver.a libhttpclient.a
libhttpserver_a_SOURCES = src/http/server.c src/http/server.h src/http/internal.h src/http/listen.c src/http/limits.c src/http/rates.c src/http/penalty.c src/http/announce.c src/http/proxy.c src/http/proxy.h \
	src/http/connection.c src/http/steps.c src/http/accept.c \
	src/http/request.c src/http/response.c src/http/stream.c src/http/message.c src/http/message.h src/http/head.c src/http/body.c src/http/target.c src/http/transport.h src/http/secure.c src/http/plain.c src/http/plain.h src/http/range.c src/http/range.h
libhttpclient_a_SOURCES = src/http/client.c src/http/client.h src/http/client_internal.h src/http/client_stream.c src/http/outgoing.c src/http/reply.c src/http/reply.h src/http/connect.c src/http/connect.h
