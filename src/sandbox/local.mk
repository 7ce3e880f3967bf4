# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = src/sandbox/sandbox.h src/sandbox/parts.h src/sandbox/sandbox.c src/sandbox/identity.c src/sandbox/landlock.c \
	src/sandbox/seccomp.c src/sandbox/seccomp.def
