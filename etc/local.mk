# SPDX-License-Identifier: GPL-3.0-or-later
# sisd.conf is installed beside the administrator's own when there is one: his is never overwritten.
EXTRA_DIST += etc/sisd.conf

install-data-local: install-configuration
install-configuration:
	$(MKDIR_P) $(DESTDIR)$(sysconfdir)/sis
	test -e $(DESTDIR)$(sysconfdir)/sis/sisd.conf || $(INSTALL_DATA) $(srcdir)/etc/sisd.conf $(DESTDIR)$(sysconfdir)/sis/sisd.conf
uninstall-local: uninstall-configuration
uninstall-configuration:
	if cmp -s $(srcdir)/etc/sisd.conf $(DESTDIR)$(sysconfdir)/sis/sisd.conf; then rm $(DESTDIR)$(sysconfdir)/sis/sisd.conf; fi
.PHONY: install-configuration uninstall-configuration

# Writes what src/conf/options.def says into the shipped configuration and manual; tests/unit/test_print compares them.
update-options: sisd
	./sisd --print-options conf > $(srcdir)/etc/sisd.conf
	./sisd --print-options man > options.man
	sed -i -e '/^\.\\" options: begin/,/^\.\\" options: end/{/^\.\\" options: begin/r options.man' \
		-e '/^\.\\" options: /!d}' $(srcdir)/man/sisd.conf.5
	rm -f options.man
.PHONY: update-options
