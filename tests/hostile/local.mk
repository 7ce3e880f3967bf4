# SPDX-License-Identifier: GPL-3.0-or-later
# A worker that was taken over: test_compromised_worker.py puts it into the place of sisd-worker.
check_PROGRAMS += tests/hostile/sisd-worker-hostile
tests_hostile_sisd_worker_hostile_SOURCES = tests/hostile/sisd_worker_hostile.c src/worker/confine.c
tests_hostile_sisd_worker_hostile_LDADD = $(IPC_LIBS) $(SANDBOX_LIBS) $(FORMAT_LIBS) $(PKI_LIBS) $(BASE_LIBS)
unit-tests: tests/hostile/sisd-worker-hostile
