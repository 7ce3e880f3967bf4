# SPDX-License-Identifier: GPL-3.0-or-later
dist_man_MANS += man/sisctl.8 man/sisd.8 man/sisd.service.8 man/sisd.conf.5 man/sisd-events.7 man/sis-backup.7 man/sis-metrics.7
dist_man_MANS += man/sis-item.5
dist_man_MANS += man/sis.1
dist_man_MANS += man/sis-chat.1 man/sis-contacts.1 man/sis-devices.1 man/sis-enroll.1 man/sis-gallery.1 man/sis-get.1 man/sis-group.1 man/sis-list.1 man/sis-recovery.1 man/sis-share.1 man/sis-upload.1 man/sis-watch.1
