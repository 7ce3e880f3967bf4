# SPDX-License-Identifier: GPL-3.0-or-later
# Units (--with-systemdunitdir) and the users of the roles, below $(prefix)/lib, where systemd looks for /usr and /usr/local alike.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
nodist_systemdunit_DATA = systemd/sisd.service
dist_systemdunit_DATA = systemd/sisd.socket
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
.PHONY: install-users uninstall-users
