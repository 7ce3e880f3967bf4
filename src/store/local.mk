# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = src/store/store.h src/store/writer.h src/store/schema.h src/store/db.h src/store/db.c src/store/reader.c \
	src/store/writer.c src/store/people.c src/store/devices.c src/store/endorsements.c src/store/uploads.c src/store/unchecked.c src/store/items.c src/store/events.c src/store/audit.c src/store/audit_chain.c src/store/audit_chain.h src/store/audit_verify.c \
	src/store/grants.c src/store/expiry.c src/store/operate.c \
	src/store/recover.c src/store/check.c src/store/check.h src/store/problem.def src/store/check_rows.c src/store/check_items.c src/store/check_texts.c src/store/check_files.c src/store/check_orphans.c src/store/salvage_item.c src/store/repair.c src/store/salvage.c src/store/backup.c src/store/reserve.c src/store/holder.c
