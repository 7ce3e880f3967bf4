# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libconf.a
libconf_a_SOURCES = src/conf/conf.c src/conf/conf.h src/conf/options.c src/conf/options.h src/conf/options.def src/conf/load.c src/conf/print.c
libconf_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCONFIG_CFLAGS)
