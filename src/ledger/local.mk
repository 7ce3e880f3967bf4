# SPDX-License-Identifier: GPL-3.0-or-later
pkglibexec_PROGRAMS += sisd-ledger
ledger_SOURCES = src/ledger/ledger.h src/ledger/completion.c src/ledger/pool.c src/ledger/transact.c src/ledger/peers.c src/ledger/people.c \
	src/ledger/attempts.c src/ledger/limits.c src/ledger/enroll.c src/ledger/enroll.h src/ledger/enroll_certificate.c src/ledger/enroll_password.c src/ledger/endorse.c src/ledger/signer.c src/ledger/crl.c src/ledger/uploads.c src/ledger/uploads_turns.c src/ledger/uploads_requests.c src/ledger/uploads.h src/ledger/uploads_rows.c src/ledger/uploads_limits.c \
	src/ledger/bundle.c src/ledger/commit.c src/ledger/items.c src/ledger/revoke.c src/ledger/audit.c src/ledger/audit_chain.c src/ledger/control.c src/ledger/control_connection.c src/ledger/control_connection.h src/ledger/control_reply.c src/ledger/control.h \
	src/ledger/figures.c src/ledger/figures.h src/ledger/metrics.c src/ledger/metrics.h src/ledger/metrics_text.c src/ledger/metrics.def src/ledger/operate.c src/ledger/operate_lists.c src/ledger/control_call.c src/ledger/control_call.h src/ledger/control_methods.c src/ledger/logs.c src/ledger/status.c src/ledger/check.c \
	src/ledger/check.h src/ledger/check_alone.c src/ledger/check_print.c src/ledger/check_mend.c src/ledger/check_object.c src/ledger/callers.c src/ledger/roots.c src/ledger/sweep.c src/ledger/publish.c src/ledger/devices.c src/ledger/device_news.c \
	src/ledger/ending.c src/ledger/room.c src/ledger/holder.c \
	src/ledger/authority.c src/ledger/clock.c \
	src/ledger/share.c src/ledger/share_check.c src/ledger/expiry.c src/ledger/backup.c
sisd_ledger_SOURCES = src/ledger/main.c $(ledger_SOURCES)
sisd_ledger_LDADD = $(IPC_LIBS) $(SANDBOX_LIBS) $(STORE_LIBS) $(PKI_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) -lpthread
