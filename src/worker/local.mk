# SPDX-License-Identifier: GPL-3.0-or-later
pkglibexec_PROGRAMS += sisd-worker
sisd_worker_SOURCES = src/worker/main.c src/worker/confine.c src/worker/confine.h src/worker/worker.h src/worker/routes.c src/worker/exchange.c src/worker/caller.c src/worker/log.c src/worker/load.c src/worker/ledger.c \
	src/worker/sign.c src/worker/revoke.c src/worker/items.c src/worker/parts.c src/worker/events.c src/worker/grants.c src/worker/item_json.c src/worker/item_json.h \
	src/worker/users.c src/worker/devices.c src/worker/open.c src/worker/metrics.c \
	src/worker/est.c src/worker/credentials.c src/worker/credentials.h
sisd_worker_SOURCES += src/worker/uploads.c src/worker/uploads.h src/worker/upload_writing.c src/worker/upload_answers.c src/worker/upload_check.c src/worker/upload_check.h \
	src/worker/upload_fields.c src/worker/upload_fields.h src/worker/tus.c src/worker/tus.h src/worker/tus_fields.c src/worker/tus_fields.h \
	src/worker/structured.c src/worker/structured.h src/worker/digest_fields.c src/worker/digest_fields.h
sisd_worker_LDADD = $(HTTP_SERVER_LIBS) $(IPC_LIBS) $(SANDBOX_LIBS) $(STORE_LIBS) $(TLS_LIBS) $(BASE_LIBS)
