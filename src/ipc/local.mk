# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libipc.a
libipc_a_SOURCES = src/ipc/message.c src/ipc/message.h src/ipc/messages.def src/ipc/channel.c src/ipc/channel.h src/ipc/channel_internal.h src/ipc/channel_packet.c src/ipc/channel_blocking.c src/ipc/role.c src/ipc/role.h
