# SPDX-License-Identifier: GPL-3.0-or-later
# `make bench` builds what the benchmarks need; bench/run starts the peers, measures and prints the table.
EXTRA_PROGRAMS = tlsload
tlsload_SOURCES = bench/tlsload.c
tlsload_LDADD = $(TLS_LIBS)
bench: all tlsload
.PHONY: bench
EXTRA_DIST += bench/talk.py bench/pictures.py bench/events.py bench/run bench/sizes
