# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libconf.a
libconf_a_SOURCES = src/conf/conf.c src/conf/conf.h src/conf/options.def src/conf/print.c
