# SPDX-License-Identifier: GPL-3.0-or-later
# Units (--with-systemdunitdir) and the users of the roles, below $(prefix)/lib, where systemd looks for /usr and /usr/local alike.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
nodist_systemdunit_DATA = systemd/sisd.service
dist_systemdunit_DATA = systemd/sisd.socket systemd/sisd-metrics.socket
catalogdir = $(prefix)/lib/systemd/catalog
dist_catalog_DATA = systemd/sisd.catalog
EXTRA_DIST += systemd/sisd.service.in systemd/sis.sysusers systemd/sis.tmpfiles
CLEANFILES += systemd/sisd.service

systemd/sisd.service: systemd/sisd.service.in
	$(AM_V_GEN)$(MKDIR_P) systemd && sed 's|@sbindir[@]|$(sbindir)|' $(srcdir)/systemd/sisd.service.in > $@

install-data-local: install-users
install-users:
	$(MKDIR_P) $(DESTDIR)$(sysusersdir) $(DESTDIR)$(tmpfilesdir)
	$(INSTALL_DATA) $(srcdir)/systemd/sis.sysusers $(DESTDIR)$(sysusersdir)/sis.conf
	$(INSTALL_DATA) $(srcdir)/systemd/sis.tmpfiles $(DESTDIR)$(tmpfilesdir)/sis.conf
uninstall-local: uninstall-users
uninstall-users:
	rm -f $(DESTDIR)$(sysusersdir)/sis.conf $(DESTDIR)$(tmpfilesdir)/sis.conf

# Writes what src/base/event.def and event_help.def say into the shipped catalog and manual; tests/unit/test_print compares them.
update-events: sisd
	./sisd --print-events catalog > $(srcdir)/systemd/sisd.catalog
	./sisd --print-events man > events.man
	sed -i -e '/^\.\\" events: begin/,/^\.\\" events: end/{/^\.\\" events: begin/r events.man' \
		-e '/^\.\\" events: /!d}' $(srcdir)/man/sisd-events.7
	rm -f events.man
.PHONY: update-events
.PHONY: install-users uninstall-users
