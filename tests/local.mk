# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests mirror the sources one to one: tests/unit/test_<file>.c, each a cmocka program that prints TAP (CMOCKA_MESSAGE_OUTPUT=TAP).
# Each room's tests are listed in tests/unit/<room>.mk; fuzz targets in tests/fuzz/<room>.mk.
include tests/unit/base.mk
include tests/unit/ipc.mk
include tests/unit/crypto.mk
include tests/unit/format.mk
include tests/unit/pki.mk
include tests/unit/tls.mk
include tests/unit/http.mk
include tests/unit/conf.mk
include tests/unit/store.mk
include tests/unit/sis.mk
include tests/unit/picture.mk
include tests/fuzz/local.mk
include tests/hostile/local.mk
