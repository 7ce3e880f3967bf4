# SPDX-License-Identifier: GPL-3.0-or-later
# Not installed from here: packages know where, and `make install` must not overwrite an administrator's file.
EXTRA_DIST += etc/sisd.conf systemd/sisd.service systemd/sisd.socket systemd/sis.sysusers systemd/sis.tmpfiles

# Writes what src/conf/options.def says into the shipped configuration and manual; tests/unit/test_print compares them.
update-options: sisd
	./sisd --print-options conf > $(srcdir)/etc/sisd.conf
	./sisd --print-options man > options.man
	sed -i -e '/^\.\\" options: begin/,/^\.\\" options: end/{/^\.\\" options: begin/r options.man' \
		-e '/^\.\\" options: /!d}' $(srcdir)/man/sisd.conf.5
	rm -f options.man
.PHONY: update-options
