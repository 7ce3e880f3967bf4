#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for pieces of a file in every byte of every file beneath a directory, and for its name in every file and file name.

    find_bytes.py FILE DIRECTORY

The pieces: its name, samples of 32 bytes at 64 places, and the words of its EXIF block. Exit status 0 when nothing was found, 1 when something was.
"""

import os
import re
import sys

SAMPLE_BYTES, N_SAMPLES = 32, 64


def pieces_of(path):
    with open(path, "rb") as file:
        data = file.read()
    places = sorted({int(i * (len(data) - SAMPLE_BYTES) / (N_SAMPLES - 1)) for i in range(N_SAMPLES)})
    pieces = {data[at:at + SAMPLE_BYTES]: "32 bytes at %d" % at for at in places}
    pieces.update({words: "the words %r" % words.decode() for words in re.findall(rb"[ -~]{8,}", data[:1024])})
    pieces[os.path.basename(path).encode()] = "its name"
    return pieces


def files_beneath(directory):
    for where, names, files in os.walk(directory):
        for name in names:
            yield os.path.join(where, name), name.encode()
        for name in files:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    yield path, name.encode() + b"\n" + file.read()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    pieces, found, n_files, n_bytes = pieces_of(sys.argv[1]), {}, 0, 0
    for path, content in files_beneath(sys.argv[2]):
        n_files, n_bytes = n_files + 1, n_bytes + len(content)
        for piece in pieces:
            if piece in content:
                found.setdefault(piece, path)
    print("%d of %d pieces of %s found in %d files (%d bytes) beneath %s" % (len(found), len(pieces), os.path.basename(sys.argv[1]), n_files, n_bytes,
                                                                            sys.argv[2]))
    for piece in list(found)[:3]:
        print("  %s: in %s" % (pieces[piece], found[piece]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
