# SPDX-License-Identifier: GPL-3.0-or-later
dist_man_MANS += man/sisctl.8 man/sisd.8 man/sisd.conf.5
dist_man_MANS += man/sis-item.5
dist_man_MANS += man/sis.1
