# SPDX-License-Identifier: GPL-3.0-or-later
bin_PROGRAMS += sis
# Everything but main.c, so that unit tests and fuzz targets link with it.
noinst_LIBRARIES += libsis.a
libsis_a_SOURCES = src/sis/sis.h src/sis/why.c src/sis/command.c src/sis/command.h src/sis/output.c src/sis/output.h src/sis/terminal.c src/sis/terminal.h \
	src/sis/profile.c src/sis/profile_home.c src/sis/profile_ticket.c src/sis/profile.h src/sis/profile_keys.c src/sis/profile_keys.h src/sis/nursery.c src/sis/nursery.h src/sis/recovery.c src/sis/recovery_contents.c src/sis/recovery_contents.h src/sis/recovery.h \
	src/sis/recovery_page.c src/sis/recovery_page.h src/sis/invite.c src/sis/invite.h src/sis/session.c src/sis/session_error.c src/sis/authorities.c src/sis/authorities.h src/sis/session.h src/sis/patience.c src/sis/patience.h src/sis/enroll_request.c src/sis/enroll.h \
	src/sis/pins.c src/sis/pins.h src/sis/pins_internal.h src/sis/pins_decide.c src/sis/people.c src/sis/people.h src/sis/chain.c src/sis/chain.h src/sis/compose.c src/sis/compose.h \
	src/sis/source.c src/sis/source.h src/sis/send.c src/sis/send_large.c src/sis/send_doubt.c src/sis/pass.c src/sis/pass.h src/sis/send.h src/sis/journal.c src/sis/journal.h src/sis/ring.c \
	src/sis/ring.h src/sis/listing.c src/sis/listing.h src/sis/item.c src/sis/item_signer.c src/sis/item_parts.c src/sis/item.h src/sis/fetch.c src/sis/fetch.h src/sis/pour.c src/sis/pour.h src/sis/naming.c src/sis/naming.h \
	src/sis/progress.c src/sis/progress.h src/sis/bundle_file.c src/sis/bundle_file.h \
	src/sis/signers.c src/sis/signers.h src/sis/jobs.c src/sis/jobs.h src/sis/verified.c src/sis/verified.h src/sis/visit.c src/sis/visit.h \
	src/sis/access.c src/sis/access.h src/sis/horizon.c src/sis/horizon.h src/sis/endorse.c src/sis/endorse.h
sis_SOURCES = src/sis/main.c src/sis/enroll.c src/sis/enroll_certify.c src/sis/enroll_meet.c src/sis/upload.c src/sis/list.c src/sis/get.c src/sis/verify.c src/sis/rm.c src/sis/share.c src/sis/devices.c src/sis/devices.h src/sis/devices_approve.c src/sis/whoami.c \
	src/sis/contacts.c src/sis/contacts_verify.c src/sis/contacts.h src/sis/invite_command.c src/sis/renew.c
libsis_a_SOURCES += src/sis/contacts_file.c src/sis/contacts_file.h src/sis/revocations.c src/sis/revocations.h src/sis/people_vouched.c src/sis/people_reading.h \
	src/sis/introductions.c src/sis/introductions.h src/sis/words.c src/sis/words_list.c src/sis/words.h src/sis/qr.c src/sis/qr.h src/sis/groups.c src/sis/groups_items.c src/sis/groups.h
libsis_a_SOURCES += src/sis/conversation.c src/sis/conversation_state.c src/sis/conversation.h src/sis/message.c src/sis/message.h
libsis_a_SOURCES += src/sis/pictures.c src/sis/pictures.h src/sis/picture_job.h src/sis/prepare.c src/sis/thumbnail.c src/sis/draw.c src/sis/draw.h \
	src/sis/describe.c src/sis/describe.h
sis_SOURCES += src/sis/show.c
sis_SOURCES += src/sis/group.c
libsis_a_SOURCES += src/sis/line_editor.c src/sis/line_editor.h src/sis/wrap.c src/sis/wrap.h
sis_SOURCES += src/sis/send_command.c
sis_SOURCES += src/sis/recovery_command.c src/sis/devices_list.c src/sis/doctor.c src/sis/doctor_offline.c src/sis/doctor_online.c src/sis/doctor.h
sis_SOURCES += src/sis/chat.c src/sis/chat_mail.c src/sis/chat_post.c src/sis/chat_read.c src/sis/chat_history.c src/sis/chat_show.c src/sis/chat_say.c src/sis/chat_input.c src/sis/chat.h
libsis_a_SOURCES += src/sis/screen.c src/sis/screen.h
libsis_a_SOURCES += src/sis/renewal.c src/sis/renewal.h
sis_LDADD = libsis.a libpicture.a $(QRENCODE_LIBS) $(FORMAT_LIBS) $(HTTP_CLIENT_LIBS) $(TLS_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) -lpthread
dist_bashcompletion_DATA += completions/bash/sis
dist_zshcompletion_DATA += completions/zsh/_sis
dist_fishcompletion_DATA += completions/fish/sis.fish
sis_SOURCES += src/sis/upload_list.c src/sis/upload_list.h src/sis/upload.h src/sis/upload_early.c src/sis/upload_report.c
libsis_a_SOURCES += src/sis/sse.c src/sis/sse.h src/sis/events.c src/sis/events.h
sis_SOURCES += src/sis/complete.c src/sis/complete.h
libsis_a_SOURCES += src/sis/recent.c src/sis/recent.h
libsis_a_SOURCES += src/sis/programs.c src/sis/programs.h
sis_SOURCES += src/sis/watch.c src/sis/watch_item.c src/sis/watch.h src/sis/watch_show.c
