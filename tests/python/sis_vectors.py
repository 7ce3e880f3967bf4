# SPDX-License-Identifier: GPL-3.0-or-later
"""Vectors: reading their files, and every scenario of tests/vectors. See tests/vectors/README for the files' form.

Everything is derived from labels, so that writing them again changes nothing but the ECDSA signatures. Each scenario states the error that the
page demands; write_all() stops where this implementation disagrees.
"""

import hashlib
import os
import re

from cryptography.hazmat.primitives.asymmetric import x25519

import sis_item as si

NOW = 1795262400                        # 2026-11-21T12:00:00Z
EMPTY = (0, si.sha256(b""))
P256_NAMES = ("carol",)


# ------------------------------------------------------------------------------------------------ files

def read_fields(path):
    head, _, body = open(path, encoding="ascii").read().partition("\n\n")
    return dict(line.split(": ", 1) for line in head.split("\n")), body


def read_data(path):
    data = b""
    for line in read_fields(path)[1].split("\n"):
        word, _, rest = line.partition(" ")
        if word == "base64":
            data += si.base64.b64decode(rest + "=" * (-len(rest) % 4))
        elif word == "from":
            other, offset, size = rest.split(" ")
            data += read_data(os.path.join(os.path.dirname(path), other))[int(offset):int(offset) + int(size)]
    return data


def read_who(value):
    user, algorithm, key, certificate = value.split(" ")
    return {"user": user, "algorithm": algorithm, "key": bytes.fromhex(key), "certificate": bytes.fromhex(certificate)}


TEXTS = {"key": si.read_key_statement, "endorsement": si.read_endorsement, "group": si.read_group}


def read_outcome(kind, data, reader):
    released, outcome = bytearray(), "OK"
    try:
        if kind in TEXTS:
            TEXTS[kind](data, reader)
        else:
            si.read_bundle(data, reader, released)
    except si.ItemError as error:
        outcome = error.name
    return outcome, si.sha256(bytes(released)).hex()


def reader_of(fields):
    return {"now": si.untime(fields["now"]), "user": fields["user"], "device": fields["device"],
            "private-key": bytes.fromhex(fields["private-key"]), "owner": read_who(fields["owner"]), "granter": read_who(fields["granter"])}


def read_vector(path):
    """The outcome's name and the SHA-256 of what was released, in hexadecimal."""
    fields, _body = read_fields(path)
    return read_outcome(fields["kind"], read_data(path), reader_of(fields))


def encode_body(data, bases):
    """Lines that make data: what a base vector already holds is named, not repeated."""
    index = {}
    for base_name, base in bases.items():
        for at in range(0, len(base) - 127, 64):
            index.setdefault(base[at:at + 64], (base_name, at))
    lines, literal, at = [], b"", 0

    def flush():
        for piece in si.split(literal, 96):
            lines.append("base64 " + si.b64(piece))

    while at < len(data):
        hit = index.get(data[at:at + 64])
        if hit is None:
            literal += data[at:at + 1]
            at += 1
            continue
        base_name, start = hit
        base, size = bases[base_name], 64
        size = common_prefix(base, start, data, at)
        while literal and start and literal[-1] == base[start - 1]:
            literal, start, at, size = literal[:-1], start - 1, at - 1, size + 1
        flush()
        literal = b""
        lines.append("from %s %d %d" % (base_name, start, size))
        at += size
    flush()
    return "\n".join(lines) + "\n"


def common_prefix(a, a_at, b, b_at):
    size, step = 0, 1 << 16
    while step:
        if a[a_at + size:a_at + size + step] == b[b_at + size:b_at + size + step] and len(a) - a_at >= size + step <= len(b) - b_at:
            size += step
        else:
            step >>= 1
    return size


# ------------------------------------------------------------------------------------------------ who is there

def seed(label):
    return hashlib.sha256(b"sis test vectors: " + label.encode()).digest()


def signer(user):
    return (si.P256Signer if user in P256_NAMES else si.Ed25519Signer)(seed("signing " + user))


def fingerprint(user):
    return seed("certificate " + user)


def who_text(user, algorithm=None):
    s = signer(user)
    return "%s %s %s %s" % (user, algorithm or s.algorithm, s.public.hex(), fingerprint(user).hex())


def private(user, device):
    return x25519.X25519PrivateKey.from_private_bytes(seed("encryption %s %s" % (user, device)))


def photo(label, size):
    out = b""
    while len(out) < size:
        out += seed("%s %d" % (label, len(out)))
    return b"\xff\xd8\xff" + out[3:size] if size > 3 else out[:size]


class Item:
    """An item being made. Every step's result is an attribute that a scenario may replace before the next step."""

    def __init__(self, label, content, owner="alice", kind="image", thumbnail=b"", manifest=None, audience=("alice", "bob")):
        self.label, self.owner, self.content, self.thumbnail = label, owner, content, thumbnail
        self.item, self.file_key = seed("item " + label)[:16], seed("file key " + label)
        members = {"name": label + ".jpg", "type": "image/jpeg", "size": len(content), "width": 64, "height": 48}
        self.members = dict(members, **(manifest or {}))
        self.manifest = si.make_manifest(self.members)
        self.padded = content + bytes(si.padded_size(len(content)) - len(content))
        self.statement = {"item": self.item, "kind": kind, "owner": owner, "device": fingerprint(owner), "time": NOW - 60, "sequence": 1,
                          "previous": bytes(32), "audience": list(audience),
                          "commitment": si.derive(self.file_key, self.item, "commitment")}
        self.seal()

    def key(self, part):
        return si.derive(self.file_key, self.item, part)

    def seal(self):
        self.chunks = {"manifest": si.seal_chunks(self.key("manifest"), self.manifest),
                       "thumbnail": si.seal_chunks(self.key("thumbnail"), self.thumbnail) if self.thumbnail else [],
                       "object": si.seal_chunks(self.key("object"), self.padded)}
        return self.digest()

    def digest(self):
        self.parts = {part: b"".join(self.chunks[part]) for part in si.PARTS}
        for part in si.PARTS:
            self.statement[part] = (len(self.parts[part]), si.merkle_root(si.split(self.parts[part], si.CHUNK + si.TAG)))
        return self.sign()

    def sign(self):
        self.text = si.statement_text(self.statement, signer(self.owner))
        return self.regrant()

    def regrant(self):
        self.grants = [self.grant()]
        return self

    def grant_fields(self, user="bob", device="laptop", **more):
        fields = {"item": self.item, "statement": si.sha256(self.text), "recipient": user, "device": device,
                  "key": si.raw_public(private(user, device)), "granter": self.owner, "granter-device": fingerprint(self.owner),
                  "time": NOW - 60, "expires": None, "rights": "read"}
        return dict(fields, **more)

    def grant(self, user="bob", device="laptop", file_key=None, by=None, **more):
        fields = self.grant_fields(user, device, **more)
        ephemeral = x25519.X25519PrivateKey.from_private_bytes(seed("ephemeral %s %s %s" % (self.label, user, device)))
        return si.grant_text(fields, file_key or self.file_key, signer(by or fields["granter"]), ephemeral)

    def bundle(self):
        return si.bundle(self.text, self.grants, self.parts)


class Collection:
    def __init__(self):
        self.vectors, self.names = [], set()

    def add(self, name, expected, comment, data, released=b"", kind="bundle", base=False, **fields):
        assert name not in self.names, name
        self.names.add(name)
        head = {"comment": comment, "kind": kind, "expected": expected, "released": si.sha256(released).hex(), "now": si.time_text(NOW),
                "user": "bob", "device": "laptop", "private-key": seed("encryption bob laptop").hex(), "owner": who_text("alice"),
                "granter": who_text("alice")}
        head.update({key.replace("_", "-"): value for key, value in fields.items()})
        outcome = read_outcome(kind, data, reader_of(head))
        if outcome != (expected, head["released"]):
            raise SystemExit("%s: expected %s %s, this implementation says %s %s" % (name, expected, head["released"], *outcome))
        self.vectors.append((name, head, data, base))

    def write(self, directory):
        os.makedirs(directory, exist_ok=True)
        bases = {}
        for name, head, data, base in self.vectors:
            body = encode_body(data, bases)
            with open(os.path.join(directory, name + ".vector"), "w", encoding="ascii") as file:
                file.write("".join("%s: %s\n" % pair for pair in head.items()) + "\n" + body)
            if base:
                bases[name + ".vector"] = data
        return len(self.vectors)


# ------------------------------------------------------------------------------------------------ edits

def flip(data, at, bit=0):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]


def replace_line(text, keyword, value):
    """The text with another value after the keyword (or instead of the first line)."""
    edited, n = re.subn(rb"(?m)^" + keyword.encode() + rb" .*$", lambda _m: (keyword + " " + value).encode(), text, count=1)
    assert n == 1, keyword
    return edited


def line_value(text, keyword):
    return re.search(rb"(?m)^" + keyword.encode() + rb" (.*)$", text).group(1).decode()


def other_digit(value):
    """The last character exchanged for another that is as valid."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def other_base64(value, at=5):
    return value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1:]


def unclean_base64(value):
    """The same bytes, with a trailing bit set that should be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return value[:-1] + alphabet[alphabet.index(value[-1]) + 1]


def resign(text, user, context):
    return si.sign_text(text[:text.rindex(b"\nsignature ") + 1], context, signer(user))


STATEMENT_CONTEXT, GRANT_CONTEXT, KEY_CONTEXT = b"sis/1 statement signature", b"sis/1 grant signature", b"sis/1 key signature"
ENDORSEMENT_CONTEXT, GROUP_CONTEXT = b"sis/1 endorsement signature", b"sis/1 group signature"


# ------------------------------------------------------------------------------------------------ scenarios

def image(label="picture", **more):
    return Item(label, photo(label, 1500), thumbnail=photo("thumbnail of " + label, 500), **more)


def long_image(label="long"):
    return Item(label, photo(label, 2 * si.CHUNK + 100))


def add_good(c):
    i = image()
    c.add("ok-image", "OK", "an image with a thumbnail, from alice to bob", i.bundle(), i.content, base=True)
    i = long_image()
    c.add("ok-three-chunks", "OK", "an object of three chunks", i.bundle(), i.content, base=True)
    i = Item("words", b"words", kind="message", manifest={"name": "", "type": "text/plain"})
    c.add("ok-message", "OK", "a message: no name, no thumbnail", i.bundle(), i.content)
    i = Item("empty", b"", kind="file", manifest={"type": "application/octet-stream"})
    c.add("ok-empty", "OK", "an empty file: its object is padding alone", i.bundle(), b"")
    i = Item("byte", b"x", kind="file")
    c.add("ok-one-byte", "OK", "a file of one byte", i.bundle(), b"x")
    i = Item("first", b"Gr\xc3\xbc\xc3\x9fe", kind="message",
             manifest={"name": "", "type": "text/plain", "conversation": {"number": 1, "previous": None, "seen": {}}})
    c.add("ok-message-first", "OK", "the first message of a device in a conversation", i.bundle(), i.content)
    i = Item("reply", b"yes", kind="message", manifest={"name": "", "type": "text/plain", "reply_to": si.item_text(i.item), "conversation": {
        "number": 7, "previous": si.sha256(i.text).hex(), "seen": {"bob/laptop": 3, "bob/phone": (1 << 63) - 1}, "more": [1]}})
    c.add("ok-message-reply", "OK", "a message in the middle of a conversation, as an answer", i.bundle(), i.content)
    i = Item("short", photo("short", 512))
    c.add("ok-shortest-size", "OK", "a file of exactly the size that shorter ones are padded to", i.bundle(), i.content)
    i = Item("whole", photo("whole", si.CHUNK))
    c.add("ok-whole-chunk", "OK", "an object of exactly one full chunk", i.bundle(), i.content, base=True)
    i = image("carols", owner="carol", audience=("bob", "carol"))
    c.add("ok-ecdsa", "OK", "signed with ECDSA P-256", i.bundle(), i.content, owner=who_text("carol"), granter=who_text("carol"))
    i = image()
    i.grants.insert(0, i.grant("alice", "desk"))
    i.grants.append(i.grant("bob", "phone"))
    c.add("ok-three-grants", "OK", "bob's laptop finds its grant among three", i.bundle(), i.content)
    i = image()
    i.grants = [i.grant(expires=NOW + 1, rights="read,share")]
    c.add("ok-expires-later", "OK", "a grant that is over in one second", i.bundle(), i.content)
    i = image("shared", audience=("alice", "bob", "carol"))
    i.grants = [i.grant(granter="carol", **{"granter-device": fingerprint("carol")})]
    c.add("ok-granted-by-another", "OK", "a granter who is not the owner, for somebody of the audience", i.bundle(), i.content,
          granter=who_text("carol"))
    i = image("later", audience=("alice",))
    c.add("ok-owner-grants-later", "OK", "the owner grants to somebody outside of the audience", i.bundle(), i.content)
    i = image("alone", audience=("alice", "carol"))
    i.grants = [i.grant(granter="carol", **{"granter-device": fingerprint("carol")})]
    c.add("ok-reader-grants-later", "OK", "a reader grants to somebody outside of the audience", i.bundle(), i.content, granter=who_text("carol"))
    i.grants = [i.grant(granter="bob", rights="read,share", **{"granter-device": fingerprint("bob")})]
    c.add("ok-own-device-may-share", "OK", "another device of the recipient passes on what it has", i.bundle(), i.content, granter=who_text("bob"))
    i = image("crowd", audience=sorted(["alice", "bob"] + ["u%03d" % n for n in range(254)]))
    c.add("ok-audience-256", "OK", "the largest audience", i.bundle(), i.content)
    i = image("future", manifest={"stars": [5, {"x": None}], "caption": "Grüße", "modified": "2026-01-02T03:04:05Z"})
    c.add("ok-manifest-more", "OK", "a manifest with caption, time and members of a later version", i.bundle(), i.content)


def add_statement_flips(c):
    i, text = image(), image().text
    edits = {"item": "a" + line_value(text, "item")[1:], "kind": "message", "time": "2026-11-21T11:58:00Z", "sequence": "2",
             "audience": "alice,bob,eve"}
    for keyword in ("manifest", "thumbnail", "object", "commitment", "previous"):
        edits[keyword] = other_digit(line_value(text, keyword))
    edits["signature"] = "ed25519 " + other_base64(line_value(text, "signature")[8:])
    for keyword, value in edits.items():
        i.text = replace_line(text, keyword, value)
        c.add("statement-altered-" + keyword, "BAD_SIGNATURE", "the statement's %s was altered" % keyword, i.bundle())
    i.text = replace_line(text, "device", other_digit(line_value(text, "device")))
    c.add("statement-altered-device", "MISMATCH", "the statement names another certificate than the one that is presented", i.bundle())
    i.text = replace_line(text, "owner", "bob")
    c.add("statement-altered-owner", "MISMATCH", "the statement names another owner than the certificate", i.bundle())


def add_statement_signatures(c):
    i, text = image(), image().text
    i.text = resign(text, "mallory", STATEMENT_CONTEXT)
    c.add("statement-signed-by-another", "BAD_SIGNATURE", "signed with another key", i.bundle())
    for name, context in (("grant", GRANT_CONTEXT), ("key", KEY_CONTEXT), ("no", b"")):
        i.text = resign(text, "alice", context)
        c.add("statement-%s-context" % name, "BAD_SIGNATURE", "signed under the context of another text", i.bundle())
    i.text = replace_line(text, "signature", "ecdsa-p256 " + line_value(text, "signature")[8:])
    c.add("statement-other-algorithm", "BAD_SIGNATURE", "the signature line names another algorithm than the key's", i.bundle())
    i.text = text
    c.add("statement-certificate-of-another", "MISMATCH", "presented with mallory's certificate", i.bundle(), owner=who_text("mallory"))


def statement_line_edits(text):
    lines = text.split(b"\n")[:-1]

    def join(some):
        return b"\n".join(some) + b"\n"

    yield "reordered-lines", "two lines change places", join(lines[:3] + [lines[4], lines[3]] + lines[5:])
    yield "duplicate-line", "a line stands twice", join(lines[:6] + lines[5:])
    yield "missing-line", "a line is missing", join(lines[:5] + lines[6:])
    yield "unknown-line", "a line that nobody knows", join(lines[:5] + [b"colour green"] + lines[5:])
    yield "empty-line", "an empty line", join(lines[:5] + [b""] + lines[5:])
    yield "line-after-signature", "a line after the signature", text + b"more yes\n"
    yield "duplicate-signature", "two signature lines", text + lines[-1] + b"\n"
    yield "no-signature", "no signature line", join(lines[:-1])
    yield "crlf", "lines end with CR LF", text.replace(b"\n", b"\r\n")
    yield "no-last-newline", "the last line has no end", text[:-1]
    yield "trailing-space", "a space at a line's end", text.replace(b"\nsuite", b" \nsuite", 1)
    yield "double-space", "two spaces after the keyword", text.replace(b"kind ", b"kind  ", 1)
    yield "tab", "a tab instead of the space", text.replace(b"kind ", b"kind\t", 1)
    yield "nul", "a NUL in a line", text.replace(b"kind image", b"kind image\0", 1)
    yield "utf8-bom", "a byte order mark before the text", b"\xef\xbb\xbf" + text
    yield "keyword-case", "a keyword in capitals", text.replace(b"\nkind", b"\nKind", 1)


def statement_value_edits(text):
    def value(keyword):
        return line_value(text, keyword)

    item, object_line = value("item"), value("object")
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    signature = value("signature")
    yield "item-capital", "item", item.upper()
    yield "item-unclean", "item", item[:-1] + alphabet[alphabet.index(item[-1]) + 1]
    yield "item-short", "item", item[:-1]
    yield "item-padded", "item", item + "======"
    yield "kind-unknown", "kind", "film"
    yield "owner-capital", "owner", "Alice"
    yield "owner-dots", "owner", "a..b"
    yield "owner-long", "owner", "a" * 33
    yield "owner-path", "owner", "../alice"
    yield "owner-outside-audience", "owner", "eve"
    yield "device-capital", "device", value("device").upper()
    yield "device-short", "device", value("device")[:-2]
    yield "time-offset", "time", "2026-11-21T11:59:00+00:00"
    yield "time-fraction", "time", "2026-11-21T11:59:00.5Z"
    yield "time-second-60", "time", "2026-11-21T11:59:60Z"
    yield "time-february-30", "time", "2026-02-30T11:59:00Z"
    yield "time-small-letters", "time", "2026-11-21t11:59:00z"
    yield "time-before-1970", "time", "1969-12-31T23:59:59Z"
    yield "suite-capital", "suite", "SIS-1"
    yield "manifest-absent", "manifest", "0 " + EMPTY[1].hex()
    yield "object-absent", "object", "0 " + EMPTY[1].hex()
    yield "thumbnail-absent-with-root", "thumbnail", "0 " + "11" * 32
    yield "manifest-too-large", "manifest", "%d %s" % (si.sealed_size(si.CHUNK + 512), "11" * 32)
    yield "thumbnail-too-large", "thumbnail", "%d %s" % (si.sealed_size(si.CHUNK + 1), "11" * 32)
    yield "object-too-large", "object", "%d %s" % (si.sealed_size(si.OBJECT_MAX + 1), "11" * 32)
    yield "object-size-impossible", "object", "%d %s" % (si.CHUNK + si.TAG + 16, "11" * 32)
    yield "object-size-tiny", "object", "15 " + "11" * 32
    yield "object-size-zero-led", "object", "0" + object_line
    yield "object-size-sign", "object", "+" + object_line
    yield "object-size-overflow", "object", "18446744073709551632 " + "11" * 32
    yield "object-no-root", "object", object_line.split(" ")[0]
    yield "object-two-spaces", "object", object_line.replace(" ", "  ")
    yield "sequence-zero-led", "sequence", "01"
    yield "sequence-empty", "sequence", ""
    yield "sequence-overflow", "sequence", "18446744073709551616"
    yield "audience-unsorted", "audience", "bob,alice"
    yield "audience-twice", "audience", "alice,alice,bob"
    yield "audience-space", "audience", "alice, bob"
    yield "audience-last-comma", "audience", "alice,bob,"
    yield "audience-empty", "audience", ""
    yield "audience-257", "audience", ",".join(sorted(["alice", "bob"] + ["u%03d" % n for n in range(255)]))
    yield "signature-padded", "signature", signature + "=="
    yield "signature-unclean", "signature", signature[:8] + unclean_base64(signature[8:])
    yield "signature-url-alphabet", "signature", signature[:8] + "_-" + signature[10:]
    yield "signature-short", "signature", signature[:-4]
    yield "signature-unknown-algorithm", "signature", "rsa" + signature[7:]
    yield "signature-space", "signature", signature[:40] + " " + signature[41:]


def add_statement_form(c):
    i, text = image(), image().text
    for name, comment, edited in statement_line_edits(text):
        i.text = edited
        c.add("statement-" + name, "BAD_FORMAT", "statement: " + comment, i.bundle())
    for name, keyword, value in statement_value_edits(text):
        i.text = replace_line(text, keyword, value)
        c.add("statement-" + name, "BAD_FORMAT", "statement: its %s line is not of the one form" % keyword, i.bundle())
    for version, expected in (("2", "UNKNOWN_SUITE"), ("10", "UNKNOWN_SUITE"), ("01", "BAD_FORMAT"), ("0", "BAD_FORMAT"), ("", "BAD_FORMAT")):
        i.text = text.replace(b"sis-statement/1", b"sis-statement/" + version.encode(), 1)
        c.add("statement-version-" + (version or "none"), expected, "statement: version %r" % version, i.bundle())
    i.statement["suite"] = "sis-2"
    c.add("statement-suite-unknown", "UNKNOWN_SUITE", "statement: validly signed, with a suite of later times", i.sign().bundle())


def add_grants(c):
    i, text = image(), image().grants[0]
    edits = {"item": "a" + line_value(text, "item")[1:], "statement": other_digit(line_value(text, "statement")),
             "key": other_base64(line_value(text, "key")), "time": "2026-11-21T11:58:00Z", "expires": "2026-11-21T11:58:00Z",
             "rights": "read,share", "encapsulation": other_base64(line_value(text, "encapsulation")),
             "wrapped": other_base64(line_value(text, "wrapped")), "signature": "ed25519 " + other_base64(line_value(text, "signature")[8:])}
    for keyword, value in edits.items():
        i.grants = [replace_line(text, keyword, value)]
        c.add("grant-altered-" + keyword, "BAD_SIGNATURE", "the grant's %s was altered" % keyword, i.bundle())
    for keyword, value, expected in (("recipient", "eve", "BAD_GRANT"), ("device", "phone", "BAD_GRANT"), ("granter", "bob", "MISMATCH"),
                                     ("granter-device", "11" * 32, "MISMATCH")):
        i.grants = [replace_line(text, keyword, value)]
        c.add("grant-altered-" + keyword, expected, "the grant's %s was altered" % keyword, i.bundle())
    for name, keyword, value in (("key-unclean", "key", unclean_base64(line_value(text, "key"))), ("key-padded", "key", line_value(text, "key") + "="),
                                 ("rights-unknown", "rights", "write"), ("rights-order", "rights", "share,read"), ("expires-word", "expires", "Never"),
                                 ("expires-epoch", "expires", "1970-01-01T00:00:00Z"), ("wrapped-short", "wrapped", line_value(text, "wrapped")[:-4]),
                                 ("encapsulation-unclean", "encapsulation", unclean_base64(line_value(text, "encapsulation"))),
                                 ("wrapped-url-alphabet", "wrapped", "_" + line_value(text, "wrapped")[1:]),
                                 ("recipient-capital", "recipient", "Bob"), ("suite-malformed", "suite", "sis 1")):
        i.grants = [replace_line(text, keyword, value)]
        c.add("grant-" + name, "BAD_FORMAT", "grant: its %s line is not of the one form" % keyword, i.bundle())
    lines = text.split(b"\n")
    for name, edited in (("duplicate-line", lines[:4] + lines[3:]), ("reordered-lines", lines[:3] + [lines[4], lines[3]] + lines[5:]),
                         ("missing-line", lines[:9] + lines[10:]), ("line-after-signature", lines[:-1] + [b"more yes", b""])):
        i.grants = [b"\n".join(edited)]
        c.add("grant-" + name, "BAD_FORMAT", "grant: " + name.replace("-", " "), i.bundle())
    for name, keyword, value in (("version-2", None, None), ("suite-unknown", "suite", "sis-2")):
        i.grants = [replace_line(text, keyword, value) if keyword else text.replace(b"sis-grant/1", b"sis-grant/2")]
        c.add("grant-" + name, "UNKNOWN_SUITE", "grant: of a later version", i.bundle())
    i.grants = [i.grant("eve", "laptop"), text.replace(b"sis-grant/1", b"sis-grant/2")]
    c.add("grant-another-malformed", "UNKNOWN_SUITE", "every grant of a bundle must parse, whoever it is for", i.bundle())


def add_grant_meaning(c):
    i, other = image(), image("other")
    i.grants = other.grants
    c.add("grant-of-another-item", "BAD_GRANT", "swapped grants: a valid grant of another item", i.bundle())
    i.regrant()
    second = image()
    second.statement["sequence"] = 2
    i.grants = second.sign().grants
    c.add("grant-of-another-statement", "BAD_GRANT", "a valid grant of another statement of the same item", i.bundle())
    mine, phone = i.grant(), i.grant("bob", "phone")
    swapped = replace_line(replace_line(mine, "wrapped", line_value(phone, "wrapped")), "encapsulation", line_value(phone, "encapsulation"))
    i.grants = [swapped, phone]
    c.add("grant-wraps-swapped", "BAD_SIGNATURE", "the wrapped keys of two grants change places", i.bundle())
    i.grants = [resign(swapped, "alice", GRANT_CONTEXT), phone]
    c.add("grant-wraps-swapped-signed", "BAD_SEAL", "the same, signed by the granter", i.bundle())
    i.grants = [resign(replace_line(mine, "rights", "read,share"), "alice", GRANT_CONTEXT)]
    c.add("grant-wrap-of-other-lines", "BAD_SEAL", "the wrap is bound to the lines above it, also against the granter", i.bundle())
    i.grants = [resign(replace_line(mine, "encapsulation", si.b64(bytes(32))), "alice", GRANT_CONTEXT)]
    c.add("grant-small-order-point", "BAD_SEAL", "an encapsulation whose shared secret is zeros", i.bundle())
    i.grants = [i.grant(key=si.raw_public(private("bob", "phone")))]
    c.add("grant-other-key", "BAD_GRANT", "for this device by name, but to a key that it has not", i.bundle())
    i.grants = [i.grant("eve", "laptop")]
    c.add("grant-for-another-user", "BAD_GRANT", "no grant for this user", i.bundle())
    i.grants = [i.grant("bob", "phone")]
    c.add("grant-for-another-device", "BAD_GRANT", "no grant for this device", i.bundle())
    i.grants = []
    c.add("grant-none", "BAD_GRANT", "a bundle without grants", i.bundle())
    i.grants = [i.grant(by="mallory")]
    c.add("grant-signed-by-another", "BAD_SIGNATURE", "signed with another key than the granter's", i.bundle())
    i.grants = [resign(mine, "alice", STATEMENT_CONTEXT)]
    c.add("grant-statement-context", "BAD_SIGNATURE", "signed under the statement's context", i.bundle())
    for name, expires in (("now", NOW), ("before", NOW - 30)):
        i.grants = [i.grant(expires=expires)]
        c.add("grant-expired-" + name, "EXPIRED", "a grant that is over", i.bundle())
    shared = image("shared", audience=("alice", "bob", "carol"))
    shared.grants = [shared.grant(granter="carol", rights="read,share", **{"granter-device": fingerprint("carol")})]
    c.add("grant-sharer-by-reader", "BAD_GRANT", "only the owner lets others share on", shared.bundle(), granter=who_text("carol"))


def add_commitment(c):
    i = image()
    i.grants = [i.grant(file_key=seed("another file key"))]
    c.add("commitment-other-key", "BAD_COMMITMENT", "the grant wraps another key than the committed one", i.bundle())
    i.statement["commitment"] = seed("another commitment")
    c.add("commitment-other", "BAD_COMMITMENT", "the statement commits to another key", i.sign().bundle())


def add_parts(c):
    i = image()
    for part in si.PARTS:
        for place, at in (("first", 0), ("middle", len(i.parts[part]) // 2), ("last", -1)):
            edited = image()
            edited.parts[part] = flip(edited.parts[part], at, 3)
            c.add("%s-flip-%s" % (part, place), "BAD_SEAL", "one bit of the sealed %s is flipped" % part, edited.bundle())
        edited = image()
        edited.statement[part] = (edited.statement[part][0], seed("another root"))
        c.add("%s-other-root" % part, "BAD_ROOT", "the statement signs another root for the %s" % part, edited.sign().bundle(),
              i.content if part == "object" else b"")
    other = image("other")
    for part in si.PARTS:
        edited = image()
        edited.parts[part] = other.parts[part]
        c.add("%s-of-another-item" % part, "BAD_SEAL", "the %s of another item of the same size" % part, edited.bundle())
        edited.chunks[part] = other.chunks[part]
        c.add("%s-of-another-item-signed" % part, "BAD_SEAL", "the same, and the owner signs it", edited.digest().bundle())
    i = image()
    i.thumbnail = i.manifest
    i.seal()
    i.chunks["thumbnail"], i.chunks["manifest"] = i.chunks["manifest"], i.chunks["thumbnail"]
    c.add("manifest-and-thumbnail-swapped", "BAD_SEAL", "manifest and thumbnail of one item change places", i.digest().bundle())


def add_chunks(c):
    i = long_image()
    first, second, third = i.chunks["object"]
    plain = si.split(i.padded, si.CHUNK)
    other = long_image("long-other").chunks["object"][1]

    def with_chunks(chunks, signed):
        edited = long_image()
        edited.chunks["object"] = chunks
        if signed:
            edited.digest()
        else:
            edited.parts["object"] = b"".join(chunks)
        return edited.bundle()

    cases = (("reordered", [second, first, third], 0), ("last-two-swapped", [first, third, second], 1), ("duplicated", [first, first, third], 1),
             ("spliced", [first, other, third], 1), ("flipped", [first, flip(second, 1000), third], 1))
    for name, chunks, n_released in cases:
        c.add("chunks-" + name, "BAD_SEAL", "chunks: " + name, with_chunks(chunks, False), b"".join(plain[:n_released]))
        c.add("chunks-%s-signed" % name, "BAD_SEAL", "chunks: %s, and the owner signs it" % name, with_chunks(chunks, True),
              b"".join(plain[:n_released]) if name != "last-two-swapped" else plain[0])
    for name, chunks in (("dropped", [first, third]), ("truncated", [first, second]), ("appended", [first, second, second, third])):
        c.add("chunks-" + name, "MISMATCH", "chunks: %s, and the head says so" % name, with_chunks(chunks, False))
        c.add("chunks-%s-signed" % name, "MISMATCH", "chunks: %s, and the owner signs it, but the manifest knows the size" % name,
              with_chunks(chunks, True))


def add_last_flags(c):
    i = image()
    sealed = si.AESGCM(i.key("object")).encrypt(si.nonce(0, False), i.padded, None)
    i.chunks["object"] = [sealed]
    c.add("last-flag-missing", "BAD_SEAL", "the last chunk is not sealed as the last", i.digest().bundle())
    i = long_image()
    plain = si.split(i.padded, si.CHUNK)
    i.chunks["object"][1] = si.AESGCM(i.key("object")).encrypt(si.nonce(1, True), plain[1], None)
    c.add("last-flag-in-the-middle", "BAD_SEAL", "a chunk in the middle is sealed as the last", i.digest().bundle(), plain[0])
    i = Item("whole", photo("whole", si.CHUNK))
    i.chunks["object"] = [si.AESGCM(i.key("object")).encrypt(si.nonce(0, False), i.padded, None),
                          si.AESGCM(i.key("object")).encrypt(si.nonce(1, True), b"", None)]
    c.add("last-chunk-empty", "BAD_FORMAT", "an empty last chunk after a full one", i.digest().bundle())


def add_truncations(c):
    i = image()
    data, at = i.bundle(), si.parse_head(i.bundle())["size"]
    places = [("nothing", 0), ("in-head", 20), ("head", at)]
    for section, size in (("statement", len(i.text)), ("grants", len(i.grants[0]))) + tuple((p, len(i.parts[p])) for p in si.PARTS):
        places += [("in-" + section, at + size // 2)]
        at += size
        places += [(section, at)] if section != "object" else [("all-but-one-byte", at - 1)]
    for name, size in places:
        c.add("truncated-after-" + name, "BAD_FORMAT", "the file ends after %d of %d bytes" % (size, len(data)), data[:size])
    c.add("trailing-byte", "BAD_FORMAT", "one byte more than the head says", data + b"\n")
    long = long_image()
    data, tail = long.bundle(), len(long.chunks["object"][2])
    c.add("truncated-last-chunk", "BAD_FORMAT", "the file ends at a chunk's border", data[:-tail])
    c.add("truncated-in-last-chunk", "BAD_FORMAT", "the file ends in the last chunk", data[:-tail // 2])


def add_heads(c):
    i = image()
    data = i.bundle()
    size = si.parse_head(data)["size"]
    head, rest = data[:size], data[size:]
    lines = head.split(b"\n")
    n_statement, n_grants = len(i.text), len(i.grants[0])

    def sub(old, new):
        assert old in head, old
        return head.replace(old, new, 1) + rest

    bad = {"magic": b"SIS-bundle/1" + data[12:], "reordered-lines": b"\n".join([lines[0], lines[2], lines[1]] + lines[3:]) + rest,
           "duplicate-line": b"\n".join(lines[:2] + lines[1:]) + rest, "unknown-line": sub(b"\n\n", b"\ncolour green\n\n"),
           "zero-led": sub(b"statement ", b"statement 0"),
           "statement-zero": sub(b"statement %d" % n_statement, b"statement 0"),
           "statement-one-less": sub(b"statement %d" % n_statement, b"statement %d" % (n_statement - 1)),
           "grants-count-zero": sub(b"grants 1", b"grants 0").replace(b" %d\nmanifest" % n_grants, b" 0\nmanifest", 1),
           "grants-count-two": sub(b"grants 1 ", b"grants 2 "), "grants-size-zero": sub(b"grants 1 %d" % n_grants, b"grants 1 0"),
           "grants-one-number": sub(b"grants 1 ", b"grants "), "object-impossible": sub(b"object %d" % len(i.parts["object"]), b"object 3"),
           "manifest-zero": sub(b"manifest %d" % len(i.parts["manifest"]), b"manifest 0")}
    for name, edited in bad.items():
        c.add("head-" + name, "BAD_FORMAT", "head: " + name.replace("-", " "), edited)
    large = {"statement-too-large": sub(b"statement %d" % n_statement, b"statement 16385"), "grants-too-many": sub(b"grants 1 ", b"grants 1025 "),
             "grants-too-large": sub(b"grants 1 %d" % n_grants, b"grants 1 2049"), "endless": head[:-1] + b"more yes\n" * 200,
             "crlf": head.replace(b"\n", b"\r\n") + rest}
    for name, edited in large.items():
        c.add("head-" + name, "TOO_LARGE", "head: " + name.replace("-", " "), edited)
    c.add("head-version-2", "UNKNOWN_SUITE", "head: of a later version", sub(b"sis-bundle/1", b"sis-bundle/2"))
    moved = b"thumbnail %d\nobject %d" % (len(i.parts["thumbnail"]), len(i.parts["object"]))
    c.add("head-other-sizes", "MISMATCH", "head: other part sizes than the statement's, with the same sum",
          sub(moved, b"thumbnail %d\nobject %d" % (len(i.parts["thumbnail"]) - 1, len(i.parts["object"]) + 1)))


def add_manifests(c):
    def with_plain(plain):
        edited = image()
        edited.manifest = plain
        return edited.seal().bundle()

    def with_text(text):
        return with_plain(text + b" " * (-len(text) % 512))

    good = image().manifest.rstrip(b" ")
    cases = {"not-padded": with_plain(good), "padded-with-newlines": with_plain(good + b"\n" * (-len(good) % 512)),
             "padded-before": with_plain(b" " * (-len(good) % 512) + good), "empty": with_plain(b""), "spaces": with_plain(b" " * 512),
             "array": with_text(b"[1]"), "two-objects": with_text(good + good), "garbage": with_text(b"{name}"),
             "duplicate-member": with_text(good[:-1] + b', "size": 1500}'), "no-name": with_text(good.replace(b'"name"', b'"nome"')),
             "no-type": with_text(good.replace(b'"type"', b'"tipe"')), "no-size": with_text(good.replace(b'"size"', b'"sise"')),
             "size-text": with_text(good.replace(b"1500", b'"1500"')), "size-real": with_text(good.replace(b"1500", b"1500.0")),
             "size-negative": with_text(good.replace(b"1500", b"-1500")), "width-large": with_text(good.replace(b"64", b"4294967296")),
             "integer-large": with_text(good[:-1] + b', "x": 9223372036854775808}'), "type-form": with_text(good.replace(b"image/jpeg", b"image")),
             "type-capital": with_text(good.replace(b"image/jpeg", b"image/JPEG")), "name-long": with_text(good.replace(b"picture", b"p" * 252)),
             "name-nul": with_text(good.replace(b"picture", b"p\\u0000e")), "name-surrogate": with_text(good.replace(b"picture", b"p\\ud800e")),
             "name-not-utf8": with_text(good.replace(b"picture", b"p\xffe")), "name-number": with_text(good.replace(b'"picture.jpg"', b"1")),
             "deep": with_text(good[:-1] + b', "x": ' + b"[" * 17 + b"]" * 17 + b"}"),
             "modified-form": with_text(good[:-1] + b', "modified": "yesterday"}'), "modified-number": with_text(good[:-1] + b', "modified": 1}'),
             "reply-form": with_text(good[:-1] + b', "reply_to": "aaaaaaaaaaaaaaaaaaaaaaaaab"}'),
             "reply-number": with_text(good[:-1] + b', "reply_to": 1}'),
             "caption-long": with_text(good[:-1] + b', "caption": "' + b"c" * 4096 + b'"}')}
    conversation = {"number": 2, "previous": "11" * 32, "seen": {"bob/phone": 1}}
    wrong = {"list": [], "number-missing": {"previous": None, "seen": {}}, "number-zero": dict(conversation, number=0),
             "number-real": dict(conversation, number=2.0), "previous-missing": {"number": 1, "seen": {}},
             "previous-of-first": dict(conversation, number=1), "previous-null": dict(conversation, previous=None),
             "previous-capital": dict(conversation, previous="AA" * 32), "previous-short": dict(conversation, previous="11" * 31),
             "seen-missing": {"number": 1, "previous": None}, "seen-list": dict(conversation, seen=[]),
             "seen-no-device": dict(conversation, seen={"bob": 1}), "seen-two-slashes": dict(conversation, seen={"bob/phone/x": 1}),
             "seen-capital": dict(conversation, seen={"Bob/phone": 1}), "seen-zero": dict(conversation, seen={"bob/phone": 0}),
             "seen-many": dict(conversation, seen={"bob/d%d" % n: 1 for n in range(65)})}
    for name, value in wrong.items():
        cases["conversation-" + name] = with_text(good[:-1] + b', "conversation": ' + si.json.dumps(value).encode() + b"}")
    for name, data in cases.items():
        c.add("manifest-" + name, "BAD_FORMAT", "manifest: " + name.replace("-", " "), data)
    c.add("manifest-size-other", "MISMATCH", "the manifest's size is not one that the object was padded from",
          with_text(good.replace(b"1500", b"3000")))


def add_padding(c):
    i = image()
    i.padded = i.padded[:-1] + b"x"
    c.add("padding-not-zeros", "BAD_FORMAT", "something is hidden in the padding", i.seal().bundle(), i.content)
    i = image()
    i.padded = i.content + b"\0"
    c.add("padding-other", "MISMATCH", "the object is not padded as it must be", i.seal().bundle())
    i = Item("words", b"words", kind="message", manifest={"name": "", "type": "text/plain"})
    i.padded = i.content + b"\0"
    c.add("padding-short", "MISMATCH", "a short object, padded as a longer one would be: its sealed size tells how long the word is", i.seal().bundle())


def add_keys(c):
    def key(user="alice", device="laptop"):
        fields = {"user": user, "device": device, "certificate": fingerprint(user), "key": si.raw_public(private(user, device)), "time": NOW - 60}
        return si.key_statement_text(fields, signer(user))

    def add(name, expected, comment, data, owner="alice"):
        c.add("key-" + name, expected, "key statement: " + comment, data, kind="key", user=owner, owner=who_text(owner))

    good = key()
    add("ok", "OK", "alice's laptop", good)
    add("ok-ecdsa", "OK", "carol's, with ECDSA", key("carol"), "carol")
    for keyword, value in (("key", other_base64(line_value(good, "key"))), ("time", "2026-11-21T11:58:00Z"),
                           ("signature", "ed25519 " + other_base64(line_value(good, "signature")[8:]))):
        add("altered-" + keyword, "BAD_SIGNATURE", "its %s was altered" % keyword, replace_line(good, keyword, value))
    for keyword, value in (("user", "bob"), ("device", "phone"), ("certificate", "11" * 32)):
        add("altered-" + keyword, "MISMATCH", "its %s is another than was asked for" % keyword, replace_line(good, keyword, value))
    add("signed-by-another", "BAD_SIGNATURE", "signed with another key", resign(good, "mallory", KEY_CONTEXT))
    add("grant-context", "BAD_SIGNATURE", "signed under the grant's context", resign(good, "alice", GRANT_CONTEXT))
    add("unclean", "BAD_FORMAT", "its key is not canonical base64", replace_line(good, "key", unclean_base64(line_value(good, "key"))))
    lines = good.split(b"\n")
    add("duplicate-line", "BAD_FORMAT", "a line stands twice", b"\n".join(lines[:3] + lines[2:]))
    add("reordered-lines", "BAD_FORMAT", "two lines change places", b"\n".join([lines[0], lines[2], lines[1]] + lines[3:]))
    add("no-last-newline", "BAD_FORMAT", "the last line has no end", good[:-1])
    add("empty", "BAD_FORMAT", "nothing", b"")
    add("version-2", "UNKNOWN_SUITE", "of a later version", good.replace(b"sis-key/1", b"sis-key/2"))
    add("too-large", "TOO_LARGE", "longer than is allowed", good + b"x" * 1024)


def add_line_forms(add, good, keyword, after):
    """What every line text refuses."""
    add("trailing", "BAD_FORMAT", "a byte after the last line", good + b"\n")
    add("unterminated", "BAD_FORMAT", "without the last line end", good[:-1])
    add("reordered", "BAD_FORMAT", "two lines change places", good.replace(*(lambda a, b: (a + b, b + a))(
        re.search(rb"(?m)^" + keyword.encode() + rb" .*\n", good).group(), re.search(rb"(?m)^" + after.encode() + rb" .*\n", good).group())))
    add("line-missing", "BAD_FORMAT", "a line is missing", re.sub(rb"(?m)^time .*\n", b"", good))
    add("version-2", "UNKNOWN_SUITE", "of a later version", good.replace(b"/1\n", b"/2\n", 1))
    add("other-kind", "BAD_FORMAT", "another text", good.replace(b"sis-", b"siz-", 1))


def add_endorsements(c):
    """Alice's laptop vouches for the tablet of the same user."""
    def endorsement(by="alice", **more):
        key = signer("alice/tablet")
        return si.endorsement_text({"user": by, "device": "tablet", "key": (key.algorithm, key.public), "time": NOW - 60, **more}, signer(by))

    def add(name, expected, comment, data, owner="alice"):
        c.add("endorsement-" + name, expected, "endorsement: " + comment, data, kind="endorsement", user=owner, device="tablet", owner=who_text(owner))

    good = endorsement()
    key, other = line_value(good, "key"), signer("mallory")
    add("ok", "OK", "alice's tablet, by her laptop", good)
    add("ok-ecdsa", "OK", "by a device with a P-256 key", endorsement("carol"), "carol")
    add("altered-key", "BAD_SIGNATURE", "its key was altered", replace_line(good, "key", other_base64(key, 20)))
    add("altered-time", "BAD_SIGNATURE", "its time was altered", replace_line(good, "time", "2026-11-21T11:58:00Z"))
    add("altered-user", "MISMATCH", "its user is another", replace_line(good, "user", "bob"))
    add("altered-device", "MISMATCH", "its device is another", replace_line(good, "device", "phone"))
    add("other-endorser", "MISMATCH", "by another key, rightly signed", si.endorsement_text(
        {"user": "alice", "device": "tablet", "key": (other.algorithm, signer("alice/tablet").public), "time": NOW}, other))
    add("signed-by-another", "BAD_SIGNATURE", "signed with another key", resign(good, "mallory", ENDORSEMENT_CONTEXT))
    add("key-context", "BAD_SIGNATURE", "signed as a key statement", resign(good, "alice", KEY_CONTEXT))
    add("itself", "BAD_FORMAT", "a device vouches for itself", resign(replace_line(good, "key", line_value(good, "endorser")), "alice", ENDORSEMENT_CONTEXT))
    add("key-unclean", "BAD_FORMAT", "its key is not canonical base64", replace_line(good, "key", unclean_base64(key)))
    add("key-algorithm", "BAD_FORMAT", "the key's algorithm is not known", replace_line(good, "key", key.replace("ed25519", "ed448")))
    add("key-length", "BAD_FORMAT", "a key of the other algorithm's length", replace_line(good, "key", key.replace("ed25519", "ecdsa-p256")))
    add("key-alone", "BAD_FORMAT", "the key's algorithm is missing", replace_line(good, "key", key.split(" ")[1]))
    add("too-large", "TOO_LARGE", "longer than 1024 bytes", good + b"x" * 1024)
    add_line_forms(add, good, "device", "key")


def add_groups(c):
    def group(by="alice", members=("alice", "bob", "carol"), **more):
        return si.group_text({"name": "family", "owner": by, "device": fingerprint(by), "time": NOW - 60, "members": members, **more}, signer(by))

    def add(name, expected, comment, data, owner="alice"):
        c.add("group-" + name, expected, "group: " + comment, data, kind="group", user=owner, owner=who_text(owner))

    good = group()
    add("ok", "OK", "three people", good)
    add("ok-ecdsa", "OK", "carol's, with ECDSA", group("carol"), "carol")
    add("ok-removed", "OK", "without members: the group was removed", group(members=()))
    add("ok-full", "OK", "256 members", group(members=["m%03d" % n for n in range(256)]))
    add("member-added", "BAD_SIGNATURE", "a member was added", replace_line(good, "members", "alice,bob,carol,mallory"))
    add("member-removed", "BAD_SIGNATURE", "a member was removed", replace_line(good, "members", "alice,bob"))
    add("altered-name", "BAD_SIGNATURE", "its name was altered", replace_line(good, "name", "work"))
    add("altered-time", "BAD_SIGNATURE", "its time was altered", replace_line(good, "time", "2026-11-21T11:58:00Z"))
    add("altered-owner", "MISMATCH", "its owner is another", replace_line(good, "owner", "bob"))
    add("altered-device", "MISMATCH", "another certificate", replace_line(good, "device", "11" * 32))
    add("signed-by-another", "BAD_SIGNATURE", "signed with another key", resign(good, "mallory", GROUP_CONTEXT))
    add("statement-context", "BAD_SIGNATURE", "signed as a statement", resign(good, "alice", STATEMENT_CONTEXT))
    for form, words, members in (("unsorted", "not sorted", "bob,alice"), ("twice", "a member twice", "alice,alice"), ("empty", "an empty name", "alice,,bob"),
                                 ("group", "a group as a member", "@work"), ("dash", "removed and a member", "-,alice"), ("space", "a space", "alice, bob"),
                                 ("many", "257 members", ",".join("m%03d" % n for n in range(257)))):
        add("members-" + form, "BAD_FORMAT", words, resign(replace_line(good, "members", members), "alice", GROUP_CONTEXT))
    add("too-large", "TOO_LARGE", "longer than 16384 bytes", good + b"x" * 16384)
    add_line_forms(add, good, "name", "owner")


def all_scenarios():
    c = Collection()
    for add in (add_good, add_statement_flips, add_statement_signatures, add_statement_form, add_grants, add_grant_meaning, add_commitment,
                add_parts, add_chunks, add_last_flags, add_truncations, add_heads, add_manifests, add_padding, add_keys, add_endorsements, add_groups):
        add(c)
    return c


def write_all(directory):
    all_scenarios().write(directory)
    return 0


def make_one(out, path):
    """A bundle of a real file, for trying things by hand."""
    content = open(path, "rb").read()
    item = Item(os.urandom(8).hex(), content, kind="file", manifest={"name": os.path.basename(path), "type": "application/octet-stream"})
    with open(out, "wb") as file:
        file.write(item.bundle())
    print("user: bob\ndevice: laptop\nprivate-key: %s\nowner: %s\ngranter: %s" % (
        seed("encryption bob laptop").hex(), who_text("alice"), who_text("alice")))
    return 0
