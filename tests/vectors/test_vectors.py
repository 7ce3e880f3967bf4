#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two implementations of the sealed item against each other. $SIS_BUILD is the build directory, where tests/vectors/vector-tool is.

Each reads what the other made; both read the same altered bundles and must say the same, down to the bytes released before the error.
$SIS_SEED makes other alterations.
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


def altered_bundles(randomness):
    sources = [p for p in vectors(HERE) if os.path.basename(p).startswith(("ok-image", "ok-three-grants", "ok-message", "key-ok", "ok-three-chunks"))]
    for _ in range(N_ALTERED):
        source = randomness.choice(sources)
        fields, _body = sv.read_fields(source)
        yield fields, alter(sv.read_data(source), randomness)


def signed_texts(randomness):
    """What a hostile sender signs: texts that are altered before they are signed, so that only the parser stands between them and acceptance."""
    fields, _body = sv.read_fields(os.path.join(HERE, "ok-image.vector"))
    for _ in range(N_ALTERED):
        item = sv.image()
        if randomness.random() < 0.5:
            unsigned = alter(item.text[:item.text.rindex(b"signature ")], randomness)
            item.text = si.sign_text(unsigned, sv.STATEMENT_CONTEXT, sv.signer("alice"))
            item.regrant()
        else:
            bound = alter(item.grants[0][:item.grants[0].rindex(b"signature ")], randomness)
            item.grants = [si.sign_text(bound, sv.GRANT_CONTEXT, sv.signer("alice"))]
        yield fields, item.bundle()


def signed_manifests(randomness):
    """JSON in every form, well sealed and well signed."""
    fields, _body = sv.read_fields(os.path.join(HERE, "ok-image.vector"))
    words = [b'"', b"{", b"}", b"[", b"]", b",", b":", b" ", b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b"\\u12", b"1e5", b"-0", b"01", b"1.5", b"1500",
             b"1501", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"1e999", b"NaN", b"true", b"null", b"\xff", b"\xc3\xa4",
             b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x01", b"\t", b"\n", b'"x": 1', b'"size": 1500', b'"width": 5', b'"name"', b'"caption": "c"',
             b'"modified": "2026-11-21T12:00:00Z"', b'"modified": "2026-02-29T12:00:00Z"', b"[[[[[[[[[[[[[[[", b"]]]]]]]]]]]]]]]", b"\\", b"/"]
    for _ in range(N_ALTERED):
        item = sv.image()
        text = item.manifest.rstrip(b" ")
        for _ in range(randomness.choice((1, 1, 2, 3))):
            word, name = randomness.choice(words), max(0, text.find(b"name")) + 8
            if randomness.random() < 0.4:           # the value of a member that nobody knows
                text = text[:-1] + b', "m%d": ' % randomness.randrange(1000) + word + text[-1:]
            elif randomness.random() < 0.4:         # in a name
                text = text[:name] + word + text[name:]
            else:
                at = randomness.randrange(len(text))
                text = text[:at] + word + text[at + randomness.choice((0, 1, 4)):]
        item.manifest = text + b" " * (-len(text) % 512)
        yield fields, item.seal().bundle()


def check_alike(directory, seed, what, make):
    """Both implementations read each, and say the same."""
    paths, here = [], []
    for number, (fields, data) in enumerate(make(random.Random(seed))):
        path = os.path.join(directory, "%s-%d.vector" % (make.__name__, number))
        with open(path, "w", encoding="ascii") as file:
            file.write("".join("%s: %s\n" % pair for pair in fields.items()) + "\n")
            file.write("".join("base64 %s\n" % si.b64(piece) for piece in si.split(data, 96)))
        paths.append(path)
        here.append(" ".join((path,) + sv.read_outcome(fields["kind"], data, sv.reader_of(fields))))
    there = subprocess.run([TOOL, "read"] + paths, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    differ = ["Python: %s; C: %s" % pair for pair in zip(here, there) if pair[0] != pair[1]]
    outcomes = {}
    for line in here:
        outcomes[line.split(" ")[1]] = outcomes.get(line.split(" ")[1], 0) + 1
    tell(len(there) == len(here) and not differ and len(outcomes) > 1, "%d %s read alike (seed %d)" % (N_ALTERED, what, seed),
         "outcomes: " + ", ".join("%s %d" % pair for pair in sorted(outcomes.items())), *differ[:10])
    if differ and os.environ.get("SIS_KEEP"):
        print("# " + " ".join(open(line.split(" ")[1]).read()[-900:] for line in differ[:1]))


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
            seed = int(os.environ.get("SIS_SEED") or 1)
            check_alike(directory, seed, "altered bundles and key statements", altered_bundles)
            check_alike(directory, seed, "texts that were altered before they were signed", signed_texts)
            check_alike(directory, seed, "manifests that were altered before they were sealed", signed_manifests)
    check_readable_here(vectors(HERE), "made in Python,")
    with tempfile.TemporaryDirectory(prefix="sis-vectors-") as directory:
        check_still_made(directory)
    print("1..%d" % n_tests)


main()
