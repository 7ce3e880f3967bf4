# SPDX-License-Identifier: GPL-3.0-or-later
libsis_a_SOURCES += src/sis/gallery/gate.c src/sis/gallery/gate.h
sis_SOURCES += src/sis/gallery.c src/sis/gallery/gallery.h src/sis/gallery/page.h src/sis/gallery/routes.c src/sis/gallery/answer.c \
	src/sis/gallery/work.c src/sis/gallery/trust.c src/sis/gallery/describe.c src/sis/gallery/items.c src/sis/gallery/view.c \
	src/sis/gallery/change.c src/sis/gallery/upload.c src/sis/gallery/live.c
sis_LDADD += $(HTTP_SERVER_LIBS)
# The page, compiled in.
GALLERY_PAGE = src/sis/gallery/index.html src/sis/gallery/style.css src/sis/gallery/app.js src/sis/gallery/api.js src/sis/gallery/model.js \
	src/sis/gallery/grid.js src/sis/gallery/viewer.js src/sis/gallery/sharing.js src/sis/gallery/uploads.js src/sis/gallery/words.js \
	src/sis/gallery/icon.svg
EXTRA_DIST += src/sis/gallery/embed $(GALLERY_PAGE)
nodist_sis_SOURCES = src/sis/gallery/page.c
CLEANFILES += src/sis/gallery/page.c
src/sis/gallery/page.c: $(GALLERY_PAGE) src/sis/gallery/embed
	$(AM_V_GEN)$(MKDIR_P) src/sis/gallery && (cd $(srcdir) && sh src/sis/gallery/embed $(GALLERY_PAGE)) >$@.tmp && mv $@.tmp $@
