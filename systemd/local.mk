# SPDX-License-Identifier: GPL-3.0-or-later
# Units (--with-systemdunitdir) and the users of the roles, below $(prefix)/lib, where systemd looks for /usr and /usr/local alike.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
nodist_systemdunit_DATA = systemd/sisd.service systemd/sisd.socket systemd/sisd@.service systemd/sisd@.socket
dist_systemdunit_DATA = systemd/sisd-metrics.socket
catalogdir = $(prefix)/lib/systemd/catalog
dist_catalog_DATA = systemd/sisd.catalog
EXTRA_DIST += systemd/sisd.service.in systemd/sisd.socket.in systemd/sis.sysusers systemd/sis.tmpfiles
CLEANFILES += $(nodist_systemdunit_DATA)

# The one server of a host, and its instances, which have names: the same text with other places, so that neither can lack what the other has. The ports
# of an instance are the administrator's to give.
UNIT_PLACES = sed -e 's|@sbindir[@]|$(sbindir)|'
SINGLE_PLACES = $(UNIT_PLACES) -e 's|@arguments[@]||; s|@instance[@]||; s|@directory[@]|sis|g; s|@other[@]|sisd@.service|' \
	-e 's|@socket[@]|sisd.socket|; s|@ports[@]|ListenStream=0.0.0.0:7443\nListenStream=[::]:7443|'
INSTANCE_PLACES = $(UNIT_PLACES) -e 's|@arguments[@]| -c $(sysconfdir)/sis/%i.conf|; s|@instance[@]| (%i)|; s|@directory[@]|sis-%i|g; s|@other[@]|sisd.service|' \
	-e 's|@socket[@]|sisd@%i.socket|; s|@ports[@]|\# ListenStream=PORT, for people, is missing here: systemctl edit sisd@NAME.socket|'

systemd/sisd.service: systemd/sisd.service.in systemd/local.mk
	$(AM_V_GEN)$(MKDIR_P) systemd && $(SINGLE_PLACES) $(srcdir)/systemd/sisd.service.in > $@
systemd/sisd.socket: systemd/sisd.socket.in systemd/local.mk
	$(AM_V_GEN)$(MKDIR_P) systemd && $(SINGLE_PLACES) $(srcdir)/systemd/sisd.socket.in > $@
systemd/sisd@.service: systemd/sisd.service.in systemd/local.mk
	$(AM_V_GEN)$(MKDIR_P) systemd && $(INSTANCE_PLACES) $(srcdir)/systemd/sisd.service.in > $@
systemd/sisd@.socket: systemd/sisd.socket.in systemd/local.mk
	$(AM_V_GEN)$(MKDIR_P) systemd && $(INSTANCE_PLACES) $(srcdir)/systemd/sisd.socket.in > $@

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
