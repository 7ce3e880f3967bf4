# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery page once more, from sis-item(5) alone: libcrypt's yescrypt through ctypes, HKDF and AES-GCM from Python's libraries.

    python3 sis_recovery.py PAGE            asks for the passphrase and prints what is in the page
    python3 sis_recovery.py vectors FILE    writes the vectors that tests/unit/test_recovery.c reads
"""

import base64
import ctypes
import ctypes.util
import getpass
import hashlib
import hmac
import json
import os
import re
import sys

PARAMETERS = {1: "j75", 2: "j85", 3: "j7T", 4: "j8T", 5: "j9T", 6: "jAT", 7: "jBT", 8: "jCT"}
ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BEGIN, END = "-----BEGIN SIS RECOVERY-----", "-----END SIS RECOVERY-----"


def crypt64(data):
    """crypt's own base64: three bytes, the first one lowest, are four characters, the lowest six bits first."""
    text = ""
    for at in range(0, len(data), 3):
        piece = data[at:at + 3]
        value = int.from_bytes(piece, "little")
        text += "".join(ITOA64[value >> 6 * i & 63] for i in range((len(piece) * 8 + 5) // 6))
    return text


def crypt(passphrase, setting):
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(passphrase.encode(), setting.encode())


def key_of(passphrase, cost, salt):
    answer = crypt(passphrase, "$y$%s$%s" % (PARAMETERS[cost], crypt64(salt)))
    assert answer and answer.startswith(b"$y$"), answer
    prk = hmac.new(b"\0" * 32, answer, hashlib.sha256).digest()
    return hmac.new(prk, b"sis/1 recovery\x01", hashlib.sha256).digest()


def seal(passphrase, cost, salt, plain):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    header = bytes([1, cost]) + salt
    return header + AESGCM(key_of(passphrase, cost, salt)).encrypt(b"\0" * 12, plain, header)


def unseal(passphrase, sealed):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    header, version, cost, salt = sealed[:18], sealed[0], sealed[1], sealed[2:18]
    assert version == 1 and 1 <= cost <= 8
    return AESGCM(key_of(passphrase, cost, salt)).decrypt(b"\0" * 12, sealed[18:], header)


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def check_of(number, characters):
    return base32(hashlib.sha256(("sis-recovery/1 line %d %s" % (number, characters)).encode()).digest()[:5])[:4]


def armor(subject, sealed):
    text = base32(sealed)
    lines = [text[at:at + 60] for at in range(0, len(text), 60)]
    body = "".join("%d %s : %s\n" % (n, " ".join(re.findall(".{1,5}", line)), check_of(n, line)) for n, line in enumerate(lines, 1))
    return "%s\n%s\n%s%s\n" % (BEGIN, subject, body, END)


def sealed_of(page):
    """Strict: a page as it was printed."""
    body = page.split(BEGIN + "\n")[1].split(END)[0]
    text = ""
    for number, line in enumerate((line for line in body.splitlines() if not line.startswith("for ")), 1):
        match = re.fullmatch(r" *(\d+) ([a-z2-7 ]+) : ([a-z2-7]{4})", line)
        characters = match.group(2).replace(" ", "")
        assert int(match.group(1)) == number and match.group(3) == check_of(number, characters), line
        text += characters
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def read_page(page, passphrase):
    return json.loads(unseal(passphrase, sealed_of(page)))


def make_page(subject, content, passphrase, cost):
    return armor(subject, seal(passphrase, cost, os.urandom(16), json.dumps(content).encode()))


VECTORS = [("correct horse battery", 1, bytes(range(16)), b"{}"), ("p\u00e4ssw\u00f6rter", 2, bytes(16), bytes(range(256)) * 3),
           ("abcde-fghij-kmnpq-rstuv-wxyz2", 3, bytes.fromhex("ff" * 16), b"")]


def write_vectors(path):
    with open(path, "w", encoding="utf-8") as file:
        for passphrase, cost, salt, plain in VECTORS:
            file.write("passphrase: %s\nplain: %s\n%s\n" % (passphrase, plain.hex(), armor("for a test", seal(passphrase, cost, salt, plain))))


if __name__ == "__main__":
    if sys.argv[1] == "vectors":
        write_vectors(sys.argv[2])
    else:
        print(json.dumps(read_page(open(sys.argv[1], encoding="utf-8").read(), getpass.getpass("Passphrase of the recovery page: ")), indent=2))
