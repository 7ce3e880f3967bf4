# SPDX-License-Identifier: GPL-3.0-or-later
dist_man_MANS += man/sisctl.8 man/sisd.8 man/sisd.service.8 man/sisd.conf.5 man/sisd-events.7 man/sis-backup.7 man/sis-metrics.7
dist_man_MANS += man/sis-administration.7 man/sis-balancing.7 man/sis-certificates.7 man/sis-install.7 man/sis-instances.7 man/sis-log.7 man/sis-moving.7 man/sis-revocation.7 man/sis-sizing.7 man/sis-users.7
dist_man_MANS += man/sisd-worker.8 man/sis-audit.5 man/sis-picture.1
dist_man_MANS += man/sis-item.5
dist_man_MANS += man/sis.1
dist_man_MANS += man/sis-chat.1 man/sis-contacts.1 man/sis-devices.1 man/sis-enroll.1 man/sis-gallery.1 man/sis-get.1 man/sis-group.1 man/sis-list.1 man/sis-recovery.1 man/sis-share.1 man/sis-upload.1 man/sis-watch.1

# What has its lines on the page of another: NAME=PAGE.
MAN_LINKS = sis-draw.1=sis-picture.1 sisd-ledger.8=sisd-worker.8 sisd-signer.8=sisd-worker.8 sisd.socket.8=sisd.service.8 sisd@.service.8=sisd.service.8 sisd@.socket.8=sisd.service.8 sisd-metrics.socket.8=sisd.service.8
man_directory = $(DESTDIR)$(mandir)/man$$(echo "$${pair%%=*}" | sed 's/.*\.//')
install-data-local: install-man-links
install-man-links: install-man
	for pair in $(MAN_LINKS); do ln -sf "$${pair#*=}" "$(man_directory)/$${pair%%=*}" || exit 1; done
uninstall-local: uninstall-man-links
uninstall-man-links:
	for pair in $(MAN_LINKS); do rm -f "$(man_directory)/$${pair%%=*}"; done
.PHONY: install-man-links uninstall-man-links
