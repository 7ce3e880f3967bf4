#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two implementations of the sealed item against each other. $SIS_BUILD is the build directory, where tests/vectors/vector-tool is.

Each reads what the other made; both read the same altered bundles and must say the same, down to the bytes released before the error.
"""

import glob
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests/python"))

import sis_item as si           # noqa: E402
import sis_vectors as sv        # noqa: E402

BUILD = os.path.abspath(os.environ.get("SIS_BUILD") or os.path.join(SOURCE, "build/gcc"))
TOOL = os.path.join(BUILD, "tests/vectors/vector-tool")
N_ALTERED = 600
n_tests = 0


def tell(good, words, *notes):
    global n_tests
    n_tests += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n_tests, words))
    for note in notes:
        print("# " + note)
    return good


def vectors(directory):
    return sorted(glob.glob(os.path.join(directory, "*.vector")))


def check_readable_here(paths, what):
    for path in paths:
        fields, _body = sv.read_fields(path)
        outcome = sv.read_vector(path)
        wanted = fields["expected"], fields["released"]
        tell(outcome == wanted, "%s %s: %s" % (what, os.path.basename(path), fields["comment"]), *([] if outcome == wanted else ["got %s" % outcome[0]]))


def check_still_made(directory):
    """ECDSA signatures are new each time; everything else must come out byte for byte."""
    sv.write_all(directory)
    old, new = vectors(HERE), vectors(directory)
    differ = [os.path.basename(p) for p in new if "carol" not in open(p).read()
              and open(p).read() != open(os.path.join(HERE, os.path.basename(p))).read()]
    same_names = [os.path.basename(p) for p in old] == [os.path.basename(p) for p in new]
    tell(same_names and not differ, "tests/vectors is what sis_vectors.py writes", *differ)


def alter(data, randomness):
    """One to three edits such as an attacker or a broken disk would make."""
    for _ in range(randomness.choice((1, 1, 1, 2, 3))):
        at, size = randomness.randrange(len(data) or 1), randomness.choice((1, 1, 2, 16, 100, si.CHUNK + si.TAG))
        kind = randomness.randrange(6)
        if randomness.random() < 0.7:
            at = randomness.randrange(min(len(data), 1500) or 1)
        if kind <= 1:
            data = data[:at] + bytes([randomness.choice(b"\n\0 0129aZ/=,-.\x80")]) + data[at + 1:]
        elif kind == 2:
            data = data[:at] + data[at + size:]
        elif kind == 3:
            data = data[:at] + data[at:at + size] + data[at:]
        elif kind == 4:
            data = data[:at] + bytes([data[at] ^ 1 << randomness.randrange(8)]) + data[at + 1:] if data else b"x"
        else:
            lines = data[:2000].split(b"\n")
            a, b = randomness.randrange(len(lines)), randomness.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
            data = b"\n".join(lines) + data[2000:]
    return data


def check_altered_alike(directory, seed):
    randomness = random.Random(seed)
    sources = [p for p in vectors(HERE) if os.path.basename(p).startswith(("ok-image", "ok-three-grants", "ok-message", "key-ok", "ok-three-chunks"))]
    paths, here = [], []
    for number in range(N_ALTERED):
        source = randomness.choice(sources)
        fields, _body = sv.read_fields(source)
        data = alter(sv.read_data(source), randomness)
        path = os.path.join(directory, "altered-%d.vector" % number)
        with open(path, "w", encoding="ascii") as file:
            file.write("".join("%s: %s\n" % pair for pair in fields.items()) + "\n")
            file.write("".join("base64 %s\n" % si.b64(piece) for piece in si.split(data, 96)))
        paths.append(path)
        here.append(" ".join((path,) + sv.read_outcome(fields["kind"], data, sv.reader_of(fields))))
    there = subprocess.run([TOOL, "read"] + paths, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    differ = ["Python: %s; C: %s" % pair for pair in zip(here, there) if pair[0] != pair[1]]
    outcomes = sorted({line.split(" ")[1] for line in here})
    tell(len(there) == len(here) and not differ and len(outcomes) > 3,
         "%d altered bundles and key statements read alike (seed %d)" % (N_ALTERED, seed), "outcomes: " + " ".join(outcomes), *differ[:10])


def main():
    if not os.path.exists(TOOL):
        tell(False, "vector-tool was not built in $SIS_BUILD")
    else:
        with tempfile.TemporaryDirectory(prefix="sis-vectors-") as directory:
            made = subprocess.run([TOOL, "make", directory], check=False)
            tell(made.returncode == 0 and len(vectors(directory)) > 20, "the C implementation makes its vectors")
            check_readable_here(vectors(directory), "made in C,")
            there = subprocess.run([TOOL, "read"] + vectors(directory), stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
            wanted = [" ".join((p, sv.read_fields(p)[0]["expected"], sv.read_fields(p)[0]["released"])) for p in vectors(directory)]
            tell(there == wanted, "the C implementation reads what it made")
        with tempfile.TemporaryDirectory(prefix="sis-vectors-") as directory:
            check_altered_alike(directory, int(os.environ.get("SIS_SEED") or random.randrange(1 << 30)))
    check_readable_here(vectors(HERE), "made in Python,")
    with tempfile.TemporaryDirectory(prefix="sis-vectors-") as directory:
        check_still_made(directory)
    print("1..%d" % n_tests)


main()
