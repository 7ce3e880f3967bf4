# SPDX-License-Identifier: GPL-3.0-or-later
# A fuzz target defines LLVMFuzzerTestOneInput. Without --enable-fuzzers it is linked with replay.c, which runs every file of its corpus once and
# prints TAP, so that ./check replays them all.
if FUZZERS
FUZZ_DRIVER =
FUZZ_FLAGS = -fsanitize=fuzzer
else
FUZZ_DRIVER = tests/fuzz/replay.c
FUZZ_FLAGS =
endif
FUZZ_TARGETS =
include tests/fuzz/format.mk
include tests/fuzz/pki.mk
include tests/fuzz/ipc.mk
include tests/fuzz/http.mk
include tests/fuzz/control.mk
include tests/fuzz/client.mk
include tests/fuzz/picture.mk
check_PROGRAMS += $(FUZZ_TARGETS)
fuzz-targets: $(FUZZ_TARGETS)
.PHONY: fuzz-targets
