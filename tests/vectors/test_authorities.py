#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which authorities a client takes: the C implementation and tests/python/sis_authorities.py decide alike, for right and wrong certificates that the latter
makes. $SIS_BUILD is the build directory; $SIS_SEED begins with other ones."""

import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../python"))
import sis_authorities as sa

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

TOOL = os.path.join(os.environ.get("SIS_BUILD", "."), "tests/vectors/authorities-tool")
DAY, NOW = 86400, 1800000000
N_WORLDS, CASES_A_WORLD = 40, 25


class World:
    """Some generations, what they sign for each other, and what nobody should take."""

    def __init__(self, randomness):
        pick = randomness.choice
        self.keys = [ed25519.Ed25519PrivateKey.generate() if randomness.random() < 0.9 else ec.generate_private_key(ec.SECP256R1())
                     for _ in range(randomness.randrange(2, 6))]
        self.roots, self.crosses = [], []
        for i, key in enumerate(self.keys):
            begins = NOW + (i - 2) * 100 * DAY + randomness.randrange(-50, 50) * DAY
            name = "other" if randomness.random() < 0.1 else "authority"
            self.roots.append(sa.make(key, name, key, name, begins, begins + pick((60, 250, 400)) * DAY, ca=randomness.random() < 0.95,
                                      cert_sign=randomness.random() < 0.95))
        for subject, key in enumerate(self.keys):
            for by, by_key in enumerate(self.keys):
                if subject != by and randomness.random() < 0.7:
                    self.crosses.append(self.cross(randomness, key, by_key, max(self.start(subject), self.start(by)) + randomness.randrange(-5, 5) * DAY))

    def start(self, i):
        return NOW + (i - 2) * 100 * DAY

    def cross(self, randomness, key, by_key, begins):
        name = "other" if randomness.random() < 0.07 else "authority"
        by_name = name if randomness.random() < 0.93 else "other"
        if randomness.random() < 0.07:
            key = randomness.choice(self.keys)
        made = sa.make(key, name, by_key, by_name, begins, begins + randomness.choice((20, 200, 400)) * DAY, ca=randomness.random() < 0.93,
                       cert_sign=randomness.random() < 0.93)
        return sa.damaged(made) if randomness.random() < 0.07 else made

    def case(self, randomness):
        known = randomness.sample(self.roots, randomness.choice((1, 1, 1, 2)))
        offered = [c for c in self.roots + self.crosses if randomness.random() < 0.8]
        randomness.shuffle(offered)
        return NOW + randomness.randrange(-150, 300) * DAY, known, offered


def hexed(certificates):
    return ",".join(c.public_bytes(Encoding.DER).hex() for c in certificates) or "-"


def said(outcome):
    return "UNTRUSTED" if outcome is None else ",".join(sa.fingerprint(c) for c in outcome)


def main():
    seed = int(os.environ.get("SIS_SEED") or 1)
    randomness = random.Random(seed)
    cases = [world.case(randomness) for world in (World(randomness) for _ in range(N_WORLDS)) for _ in range(CASES_A_WORLD)]
    here = [sa.extend(known, offered, at) for at, known, offered in cases]
    asked = "".join("%d %s %s\n" % (at, hexed(known), hexed(offered)) for at, known, offered in cases)
    there = subprocess.run([TOOL], input=asked, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    differ = [i for i, (a, b) in enumerate(zip(here, there)) if said(a) != b]
    outcomes = {}
    for (_at, known, _offered), outcome in zip(cases, here):
        what = "no set" if outcome is None else "%d taken" % (len(outcome) - len(known))
        outcomes[what] = outcomes.get(what, 0) + 1
    good = len(there) == len(cases) and not differ and len(outcomes) >= 4
    print("%s 1 - %d sets of offered authorities, judged alike (seed %d)" % ("ok" if good else "not ok", len(cases), seed))
    print("# outcomes: " + ", ".join("%s %d" % pair for pair in sorted(outcomes.items())))
    for i in differ[:5]:
        print("# case %d: Python %s; C %s" % (i, said(here[i]), there[i]))
    print("1..1")


main()
