#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sealed item a second time, written from sis-item(5) alone: it shares no line and no library with the C code, so that what both accept and
refuse is what the page says and not what one of them happens to do.

    sis_item.py make OUT.sis FILE       a bundle of FILE under fresh keys; prints the vector lines that a reader needs
    sis_item.py read VECTOR...          reads vectors (tests/vectors), prints the error's name or OK, and the SHA-256 of what was released
    sis_item.py vectors DIR             writes every scenario of tests/vectors
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHUNK, TAG, PADDED_MIN = 65536, 16, 512
SEEN_MAX = 64
STATEMENT_MAX, GRANT_MAX, KEY_MAX, HEAD_MAX = 16384, 2048, 1024, 1024
ENDORSEMENT_MAX, GROUP_MAX = 1024, 16384
GRANTS_MAX, AUDIENCE_MAX = 1024, 256
SMALL_PART_MAX, OBJECT_MAX, U64 = 65536, 1 << 60, (1 << 64) - 1
PARTS = ("manifest", "thumbnail", "object")


class ItemError(Exception):
    """name: as in the C error table."""

    def __init__(self, name, why=""):
        super().__init__("%s: %s" % (name, why))
        self.name = name


def refuse(name, why):
    raise ItemError(name, why)


# ------------------------------------------------------------------------------------------------ encodings

def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def unb64(text, size):
    if not re.fullmatch(r"[A-Za-z0-9+/]*", text):
        refuse("BAD_FORMAT", "base64")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        refuse("BAD_FORMAT", "base64")
    if len(data) != size or b64(data) != text:
        refuse("BAD_FORMAT", "base64 is not canonical")
    return data


def item_text(item):
    return base64.b32encode(item).decode().rstrip("=").lower()


def unitem(text):
    if not re.fullmatch(r"[a-z2-7]{26}", text):
        refuse("BAD_FORMAT", "item id")
    item = base64.b32decode(text.upper() + "======")
    if item_text(item) != text:
        refuse("BAD_FORMAT", "item id is not canonical")
    return item


def unhex(text):
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        refuse("BAD_FORMAT", "digest")
    return bytes.fromhex(text)


def number(text, most=U64):
    if not re.fullmatch(r"0|[1-9][0-9]{0,19}", text) or int(text) > most:
        refuse("BAD_FORMAT", "number")
    return int(text)


def time_text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def untime(text):
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        refuse("BAD_FORMAT", "time")
    try:
        when = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        refuse("BAD_FORMAT", "time")
    if when.year < 1970 or when.strftime("%Y-%m-%dT%H:%M:%SZ") != text:
        refuse("BAD_FORMAT", "time")
    return int(when.timestamp())


def name(text):
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,31}", text) or ".." in text:
        refuse("BAD_FORMAT", "name")
    return text


# ------------------------------------------------------------------------------------------------ primitives

def hkdf_extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def hkdf_expand(prk, info, size):
    out, block = b"", b""
    for counter in range(1, 2 + size // 32):
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:size]


def derive(file_key, item, what):
    return hkdf_expand(hkdf_extract(item, file_key), b"sis/1 " + what.encode(), 32)


def sha256(data):
    return hashlib.sha256(data).digest()


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


KEM_SUITE, HPKE_SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"


def labeled_extract(salt, suite, label, ikm):
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(prk, suite, label, info, size):
    return hkdf_expand(prk, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info, size)


def hpke_context(private, peer, encapsulation, recipient, info):
    """Key and nonce of the one message."""
    try:
        dh = private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
    except ValueError:
        refuse("BAD_SEAL", "small-order point")
    prk = labeled_extract(b"", KEM_SUITE, b"eae_prk", dh)
    shared = labeled_expand(prk, KEM_SUITE, b"shared_secret", encapsulation + recipient, 32)
    context = b"\0" + labeled_extract(b"", HPKE_SUITE, b"psk_id_hash", b"") + labeled_extract(b"", HPKE_SUITE, b"info_hash", info)
    secret = labeled_extract(shared, HPKE_SUITE, b"secret", b"")
    return labeled_expand(secret, HPKE_SUITE, b"key", context, 32), labeled_expand(secret, HPKE_SUITE, b"base_nonce", context, 12)


def hpke_seal(public, info, aad, plain, ephemeral=None):
    ephemeral = ephemeral or x25519.X25519PrivateKey.generate()
    encapsulation = raw_public(ephemeral)
    key, nonce = hpke_context(ephemeral, public, encapsulation, public, info)
    return encapsulation, AESGCM(key).encrypt(nonce, plain, aad)


def hpke_open(private, encapsulation, info, aad, sealed):
    key, nonce = hpke_context(private, encapsulation, encapsulation, raw_public(private), info)
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        refuse("BAD_SEAL", "wrapped key")


class Ed25519Signer:
    algorithm = "ed25519"

    def __init__(self, seed=None):
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
        self.public = raw_public(self.key)

    def sign(self, message):
        return self.key.sign(message)


class P256Signer:
    algorithm = "ecdsa-p256"

    def __init__(self, seed=None):
        self.key = ec.derive_private_key(int.from_bytes(seed or os.urandom(32), "big") >> 1 | 1, ec.SECP256R1())
        self.public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    def sign(self, message):
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(algorithm, public, message, signature):
    try:
        if algorithm == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        else:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + public)
            der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            key.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        refuse("BAD_SIGNATURE", algorithm)


# ------------------------------------------------------------------------------------------------ sealed parts

def padded_size(size):
    if size < PADDED_MIN:
        return PADDED_MIN
    exponent = size.bit_length() - 1
    unit = 1 << exponent - exponent.bit_length()
    return (size + unit - 1) // unit * unit


def sealed_size(plain):
    return plain + TAG * max(1, -(-plain // CHUNK))


def plain_size(sealed):
    """None when no plaintext has this sealed size."""
    chunks = -(-sealed // (CHUNK + TAG))
    plain = sealed - TAG * chunks
    return plain if sealed and plain >= 0 and sealed_size(plain) == sealed else None


def merkle_root(chunks):
    """RFC 9162, section 2.1.1, as it is written there."""
    if not chunks:
        return sha256(b"")
    if len(chunks) == 1:
        return sha256(b"\0" + chunks[0])
    split = 1
    while split * 2 < len(chunks):
        split *= 2
    return sha256(b"\1" + merkle_root(chunks[:split]) + merkle_root(chunks[split:]))


def nonce(index, last):
    return index.to_bytes(11, "big") + (b"\1" if last else b"\0")


def split(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def seal_chunks(key, plain):
    pieces = split(plain, CHUNK) or [b""]
    return [AESGCM(key).encrypt(nonce(i, i == len(pieces) - 1), piece, None) for i, piece in enumerate(pieces)]


def open_part(key, sealed, root, content_size, released):
    """Appends the content to released chunk by chunk, so that what was released before an error can be told."""
    chunks = split(sealed, CHUNK + TAG)
    left = content_size
    for index, chunk in enumerate(chunks):
        try:
            plain = AESGCM(key).decrypt(nonce(index, index == len(chunks) - 1), chunk, None)
        except (InvalidTag, ValueError):
            refuse("BAD_SEAL", "chunk %d" % index)
        content = plain if left is None else plain[:left]
        released += content
        if left is not None:
            left -= len(content)
        if any(plain[len(content):]):
            refuse("BAD_FORMAT", "padding is not zeros")
    if merkle_root(chunks) != root:
        refuse("BAD_ROOT", "root")


# ------------------------------------------------------------------------------------------------ line texts

class Lines:
    """The lines of a text, in order; every deviation raises."""

    def __init__(self, text, most):
        if len(text) > most:
            refuse("TOO_LARGE", "text")
        self.rest = text

    def line(self):
        line, end, self.rest = self.rest.partition(b"\n")
        if not end or any(byte < 0x20 or byte >= 0x7f for byte in line):
            refuse("BAD_FORMAT", "line")
        return line.decode("ascii")

    def version(self, kind):
        line = self.line()
        if re.fullmatch(re.escape(kind) + r"/[1-9][0-9]{0,8}", line) and line != kind + "/1":
            refuse("UNKNOWN_SUITE", line)
        if line != kind + "/1":
            refuse("BAD_FORMAT", "version")

    def value(self, keyword):
        line = self.line()
        if not line.startswith(keyword + " "):
            refuse("BAD_FORMAT", keyword)
        return line[len(keyword) + 1:]

    def suite(self):
        value = self.value("suite")
        if value != "sis-1":
            refuse("UNKNOWN_SUITE" if re.fullmatch(r"[a-z0-9-]{1,32}", value) else "BAD_FORMAT", "suite")

    def one_of(self, keyword, values):
        value = self.value(keyword)
        if value not in values:
            refuse("BAD_FORMAT", keyword)
        return value

    def signature(self):
        algorithm, _space, value = self.value("signature").partition(" ")
        if algorithm not in ("ed25519", "ecdsa-p256"):
            refuse("BAD_FORMAT", "algorithm")
        return algorithm, unb64(value, 64)

    def end(self):
        if self.rest:
            refuse("BAD_FORMAT", "more after the last line")


def possible_size(part, size):
    if size == 0:
        return part == "thumbnail"
    plain = plain_size(size)
    return plain is not None and plain <= (OBJECT_MAX if part == "object" else SMALL_PART_MAX)


def parse_part(part, value):
    size, space, root = value.partition(" ")
    if not space:
        refuse("BAD_FORMAT", part)
    size, root = number(size), unhex(root)
    if not possible_size(part, size) or (size == 0 and root != sha256(b"")):
        refuse("BAD_FORMAT", part)
    return size, root


def parse_audience(value, owner):
    names = [name(word) for word in value.split(",")]
    if len(names) > AUDIENCE_MAX or names != sorted(set(names)) or owner not in names:
        refuse("BAD_FORMAT", "audience")
    return names


def parse_statement(text):
    lines = Lines(text, STATEMENT_MAX)
    lines.version("sis-statement")
    s = {"item": unitem(lines.value("item")), "kind": lines.one_of("kind", ("image", "message", "file")), "owner": name(lines.value("owner")),
         "device": unhex(lines.value("device")), "time": untime(lines.value("time"))}
    lines.suite()
    for part in PARTS:
        s[part] = parse_part(part, lines.value(part))
    s["commitment"] = unhex(lines.value("commitment"))
    s["sequence"] = number(lines.value("sequence"))
    s["previous"] = unhex(lines.value("previous"))
    s["audience"] = parse_audience(lines.value("audience"), s["owner"])
    s["signature"] = lines.signature()
    lines.end()
    return s


def parse_expires(value):
    if value == "never":
        return None
    seconds = untime(value)
    if seconds == 0:
        refuse("BAD_FORMAT", "expires")
    return seconds


def parse_grant(text):
    lines = Lines(text, GRANT_MAX)
    lines.version("sis-grant")
    g = {"item": unitem(lines.value("item")), "statement": unhex(lines.value("statement")), "recipient": name(lines.value("recipient")),
         "device": name(lines.value("device")), "key": unb64(lines.value("key"), 32), "granter": name(lines.value("granter")),
         "granter-device": unhex(lines.value("granter-device")), "time": untime(lines.value("time")),
         "expires": parse_expires(lines.value("expires")), "rights": lines.one_of("rights", ("read", "read,share"))}
    lines.suite()
    g["encapsulation"] = unb64(lines.value("encapsulation"), 32)
    g["wrapped"] = unb64(lines.value("wrapped"), 48)
    g["signature"] = lines.signature()
    lines.end()
    return g


def parse_key_statement(text):
    lines = Lines(text, KEY_MAX)
    lines.version("sis-key")
    k = {"user": name(lines.value("user")), "device": name(lines.value("device")), "certificate": unhex(lines.value("certificate")),
         "key": unb64(lines.value("key"), 32), "time": untime(lines.value("time")), "signature": lines.signature()}
    lines.end()
    return k


def parse_public_key(value):
    algorithm, _space, key = value.partition(" ")
    if algorithm not in ("ed25519", "ecdsa-p256"):
        refuse("BAD_FORMAT", "algorithm")
    return algorithm, unb64(key, 32 if algorithm == "ed25519" else 64)


def parse_endorsement(text):
    lines = Lines(text, ENDORSEMENT_MAX)
    lines.version("sis-endorsement")
    e = {"user": name(lines.value("user")), "device": name(lines.value("device")), "key": parse_public_key(lines.value("key")),
         "endorser": parse_public_key(lines.value("endorser")), "time": untime(lines.value("time")), "signature": lines.signature()}
    lines.end()
    if e["key"] == e["endorser"] or e["signature"][0] != e["endorser"][0]:
        refuse("BAD_FORMAT", "endorser")
    return e


def parse_group(text):
    lines = Lines(text, GROUP_MAX)
    lines.version("sis-group")
    g = {"name": name(lines.value("name")), "owner": name(lines.value("owner")), "device": unhex(lines.value("device")), "time": untime(lines.value("time"))}
    members = lines.value("members")
    g["members"] = [] if members == "-" else [name(word) for word in members.split(",")]
    if len(g["members"]) > AUDIENCE_MAX or g["members"] != sorted(set(g["members"])):
        refuse("BAD_FORMAT", "members")
    g["signature"] = lines.signature()
    lines.end()
    return g


def check_signature(text, context, parsed, signer):
    algorithm, signature = parsed["signature"]
    if algorithm != signer["algorithm"]:
        refuse("BAD_SIGNATURE", "algorithm")
    signed = text[:text.rindex(b"\nsignature ") + 1]
    verify(algorithm, signer["key"], context + b"\0" + signed, signature)


def sign_text(text, context, signer):
    return text + ("signature %s %s\n" % (signer.algorithm, b64(signer.sign(context + b"\0" + text)))).encode()


# ------------------------------------------------------------------------------------------------ manifest

def check_json_depth(text):
    depth, quoted, skip = 0, False, False
    for c in text:
        if skip:
            skip = False
        elif quoted and c == "\\":
            skip = True
        elif c == '"':
            quoted = not quoted
        elif not quoted and c in "[{":
            depth += 1
            if depth > 16:
                refuse("BAD_FORMAT", "nesting")
        elif not quoted and c in "]}":
            depth -= 1


def check_json_value(value):
    if isinstance(value, str):
        value.encode("utf-8")           # a lone surrogate raises
        if "\0" in value:
            raise ValueError("NUL")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError("integer")
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("real")
    elif isinstance(value, list):
        for one in value:
            check_json_value(one)


def json_object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    for key, value in pairs:
        check_json_value(key)
        check_json_value(value)
    return members


def no_constant(_word):
    raise ValueError("constant")


def member_text(members, key, most, must):
    if key not in members and not must:
        return ""
    value = members.get(key)
    if not isinstance(value, str) or len(value.encode()) > most:
        refuse("BAD_FORMAT", key)
    return value


def member_number(members, key, most, must):
    if key not in members and not must:
        return 0
    value = members.get(key)
    if type(value) is not int or not 0 <= value <= most:
        refuse("BAD_FORMAT", key)
    return value


def parse_manifest(plain):
    if len(plain) > SMALL_PART_MAX:
        refuse("TOO_LARGE", "manifest")
    text = plain.rstrip(b" ")
    if not plain or len(plain) % 512 or not text.startswith(b"{") or not text.endswith(b"}"):
        refuse("BAD_FORMAT", "manifest")
    try:
        text = text.decode("utf-8")
        check_json_depth(text)
        members = json.loads(text, object_pairs_hook=json_object, parse_constant=no_constant)
    except (ValueError, RecursionError):
        refuse("BAD_FORMAT", "manifest")
    member_text(members, "name", 255, True)
    member_text(members, "caption", 4095, False)
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", member_text(members, "type", 127, True)):
        refuse("BAD_FORMAT", "type")
    member_number(members, "size", OBJECT_MAX, True)
    member_number(members, "width", 0xffffffff, False)
    member_number(members, "height", 0xffffffff, False)
    if "modified" in members:
        untime(member_text(members, "modified", 20, True))
    if "reply_to" in members:
        unitem(member_text(members, "reply_to", 26, True))
    if "conversation" in members:
        check_conversation(members["conversation"])
    return members


def check_message_number(value):
    if type(value) is not int or value < 1:
        refuse("BAD_FORMAT", "number of a message")


def check_conversation(conversation):
    if not isinstance(conversation, dict):
        refuse("BAD_FORMAT", "conversation")
    check_message_number(conversation.get("number"))
    if conversation["number"] == 1:
        if "previous" not in conversation or conversation["previous"] is not None:
            refuse("BAD_FORMAT", "previous")
    else:
        unhex(member_text(conversation, "previous", 64, True))
    seen = conversation.get("seen")
    if not isinstance(seen, dict) or len(seen) > SEEN_MAX:
        refuse("BAD_FORMAT", "seen")
    for key, value in seen.items():
        user, _slash, device = key.partition("/")
        name(user)
        name(device)
        check_message_number(value)


def make_manifest(members):
    text = json.dumps(members, ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 512)


# ------------------------------------------------------------------------------------------------ bundle

def parse_head(data):
    end = data[:HEAD_MAX].find(b"\n\n")
    if end < 0:
        if len(data) >= HEAD_MAX and data.startswith(b"sis-bundle/"):
            refuse("TOO_LARGE", "head")
        refuse("BAD_FORMAT", "head")
    lines = Lines(data[:end + 1], HEAD_MAX)
    lines.version("sis-bundle")
    head = {"size": end + 2, "statement": number(lines.value("statement"))}
    if head["statement"] > STATEMENT_MAX:
        refuse("TOO_LARGE", "statement")
    if head["statement"] == 0:
        refuse("BAD_FORMAT", "statement")
    count, space, size = lines.value("grants").partition(" ")
    if not space:
        refuse("BAD_FORMAT", "grants")
    head["n_grants"], head["grants"] = number(count), number(size)
    if head["n_grants"] > GRANTS_MAX or head["grants"] > head["n_grants"] * GRANT_MAX:
        refuse("TOO_LARGE", "grants")
    if (head["n_grants"] == 0) != (head["grants"] == 0):
        refuse("BAD_FORMAT", "grants")
    for part in PARTS:
        head[part] = number(lines.value(part))
        if not possible_size(part, head[part]):
            refuse("BAD_FORMAT", part)
    lines.end()
    return head


def split_bundle(data):
    head = parse_head(data)
    sections, at = {"head": head}, head["size"]
    for section in ("statement", "grants") + PARTS:
        sections[section] = data[at:at + head[section]]
        at += head[section]
    if at != len(data):
        refuse("BAD_FORMAT", "the file's size is not the head's")
    return sections


def split_grants(text):
    starts = [m.start() for m in re.finditer(rb"(?m)^sis-grant/", text)]
    if text and starts[:1] != [0]:
        refuse("BAD_FORMAT", "grants")
    return [text[a:b] for a, b in zip(starts, starts[1:] + [len(text)])]


def check_who(who, user, fingerprint):
    if who["user"] != user or who["certificate"] != fingerprint:
        refuse("MISMATCH", "certificate")


def find_grant(sections, reader):
    texts, found = split_grants(sections["grants"]), None
    for text in texts:
        if len(text) > GRANT_MAX or not text.endswith(b"\n"):
            refuse("BAD_FORMAT", "grant")
        grant = parse_grant(text)
        if found is None and (grant["recipient"], grant["device"]) == (reader["user"], reader["device"]):
            found = text
    if len(texts) != sections["head"]["n_grants"]:
        refuse("BAD_FORMAT", "count of grants")
    return found if found is not None else refuse("BAD_GRANT", "none for this device")


def open_grant(text, statement, statement_text, reader):
    grant, granter = parse_grant(text), reader["granter"]
    check_who(granter, grant["granter"], grant["granter-device"])
    check_signature(text, b"sis/1 grant signature", grant, granter)
    if grant["item"] != statement["item"] or grant["statement"] != sha256(statement_text):
        refuse("BAD_GRANT", "another item")
    if grant["rights"] == "read,share" and grant["granter"] not in (statement["owner"], grant["recipient"]):
        refuse("BAD_GRANT", "rights")
    if (grant["recipient"], grant["device"]) != (reader["user"], reader["device"]):
        refuse("BAD_GRANT", "another device")
    if grant["expires"] is not None and reader["now"] >= grant["expires"]:
        refuse("EXPIRED", "grant")
    private = x25519.X25519PrivateKey.from_private_bytes(reader["private-key"])
    if raw_public(private) != grant["key"]:
        refuse("BAD_GRANT", "another key")
    bound = text[:text.rindex(b"\nencapsulation ") + 1]
    return hpke_open(private, grant["encapsulation"], b"sis/1 grant", bound, grant["wrapped"])


def read_bundle(data, reader, released):
    """Appends the object's content to released; returns the manifest's members and the thumbnail."""
    sections = split_bundle(data)
    text = sections["statement"]
    statement = parse_statement(text)
    check_who(reader["owner"], statement["owner"], statement["device"])
    check_signature(text, b"sis/1 statement signature", statement, reader["owner"])
    if any(sections["head"][part] != statement[part][0] for part in PARTS):
        refuse("MISMATCH", "head and statement")
    file_key = open_grant(find_grant(sections, reader), statement, text, reader)
    if derive(file_key, statement["item"], "commitment") != statement["commitment"]:
        refuse("BAD_COMMITMENT", "commitment")
    plain = {part: bytearray() for part in PARTS}
    keys = {part: derive(file_key, statement["item"], part) for part in PARTS}
    open_part(keys["manifest"], sections["manifest"], statement["manifest"][1], None, plain["manifest"])
    members = parse_manifest(bytes(plain["manifest"]))
    if statement["object"][0] != sealed_size(padded_size(members["size"])):
        refuse("MISMATCH", "size")
    if sections["thumbnail"]:
        open_part(keys["thumbnail"], sections["thumbnail"], statement["thumbnail"][1], None, plain["thumbnail"])
    open_part(keys["object"], sections["object"], statement["object"][1], members["size"], released)
    return members, bytes(plain["thumbnail"])


def read_key_statement(text, reader):
    k = parse_key_statement(text)
    check_who(reader["owner"], k["user"], k["certificate"])
    if k["device"] != reader["device"]:
        refuse("MISMATCH", "device")
    check_signature(text, b"sis/1 key signature", k, reader["owner"])


def read_endorsement(text, reader):
    """Of a device of the reader's, by the signing key that is the owner's."""
    e = parse_endorsement(text)
    if e["user"] != reader["user"] or e["device"] != reader["device"] or e["endorser"] != (reader["owner"]["algorithm"], reader["owner"]["key"]):
        refuse("MISMATCH", "who")
    check_signature(text, b"sis/1 endorsement signature", e, reader["owner"])


def read_group(text, reader):
    g = parse_group(text)
    check_who(reader["owner"], g["owner"], g["device"])
    check_signature(text, b"sis/1 group signature", g, reader["owner"])


def statement_text(s, signer):
    parts = "".join("%s %d %s\n" % (part, s[part][0], s[part][1].hex()) for part in PARTS)
    text = ("sis-statement/1\nitem %s\nkind %s\nowner %s\ndevice %s\ntime %s\nsuite %s\n%scommitment %s\nsequence %d\nprevious %s\naudience %s\n" % (
        item_text(s["item"]), s["kind"], s["owner"], s["device"].hex(), time_text(s["time"]), s.get("suite", "sis-1"), parts,
        s["commitment"].hex(), s["sequence"], s["previous"].hex(), ",".join(s["audience"])))
    return sign_text(text.encode(), b"sis/1 statement signature", signer)


def grant_text(g, file_key, signer, ephemeral=None):
    expires = "never" if g["expires"] is None else time_text(g["expires"])
    bound = ("sis-grant/1\nitem %s\nstatement %s\nrecipient %s\ndevice %s\nkey %s\ngranter %s\ngranter-device %s\ntime %s\nexpires %s\n"
             "rights %s\nsuite %s\n" % (item_text(g["item"]), g["statement"].hex(), g["recipient"], g["device"], b64(g["key"]), g["granter"],
                                        g["granter-device"].hex(), time_text(g["time"]), expires, g["rights"], g.get("suite", "sis-1"))).encode()
    encapsulation, wrapped = hpke_seal(g["key"], b"sis/1 grant", bound, file_key, ephemeral)
    return sign_text(bound + ("encapsulation %s\nwrapped %s\n" % (b64(encapsulation), b64(wrapped))).encode(), b"sis/1 grant signature", signer)


def key_statement_text(k, signer):
    text = "sis-key/1\nuser %s\ndevice %s\ncertificate %s\nkey %s\ntime %s\n" % (
        k["user"], k["device"], k["certificate"].hex(), b64(k["key"]), time_text(k["time"]))
    return sign_text(text.encode(), b"sis/1 key signature", signer)


def public_key_text(key):
    return "%s %s" % (key[0], b64(key[1]))


def endorsement_text(e, signer):
    """key: (algorithm, raw public key)."""
    text = "sis-endorsement/1\nuser %s\ndevice %s\nkey %s\nendorser %s\ntime %s\n" % (
        e["user"], e["device"], public_key_text(e["key"]), public_key_text(e.get("endorser", (signer.algorithm, signer.public))), time_text(e["time"]))
    return sign_text(text.encode(), b"sis/1 endorsement signature", signer)


def group_text(g, signer):
    text = "sis-group/1\nname %s\nowner %s\ndevice %s\ntime %s\nmembers %s\n" % (
        g["name"], g["owner"], g["device"].hex(), time_text(g["time"]), ",".join(g["members"]) or "-")
    return sign_text(text.encode(), b"sis/1 group signature", signer)


def bundle(statement, grants, parts):
    head = "sis-bundle/1\nstatement %d\ngrants %d %d\n%s\n" % (
        len(statement), len(grants), sum(map(len, grants)), "".join("%s %d\n" % (part, len(parts[part])) for part in PARTS))
    return head.encode() + statement + b"".join(grants) + b"".join(parts[part] for part in PARTS)


# ------------------------------------------------------------------------------------------------ words to compare (sis(1), VERIFYING)

def word_list():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/sis/words_list.c")
    words = re.findall(r'"([a-z]+)"', open(source, encoding="ascii").read().partition("{")[2])
    assert len(words) == 2048 and words == sorted(words) and len({word[:4] for word in words}) == 2048
    return words


def contact_words(authority, user, devices):
    """authority: the CA certificate's DER. devices: (name, algorithm, raw public key)."""
    def sized(text):
        return bytes([len(text)]) + text.encode()

    start = b"sis/1 contact words\0" + sha256(authority) + sized(user)
    for device, algorithm, key in sorted(devices):
        start += sized(device) + bytes([("ed25519", "ecdsa-p256").index(algorithm) + 1]) + key
    first = digest = sha256(start)
    for _ in range(65536):
        digest = sha256(digest + first)
    number_of_bits = int.from_bytes(digest, "big") >> (256 - 66)
    words = word_list()
    return [words[number_of_bits >> shift & 2047] for shift in range(55, -1, -11)]


# ------------------------------------------------------------------------------------------------ commands

def main(arguments):
    import sis_vectors
    if len(arguments) >= 2 and arguments[0] == "read":
        for path in arguments[1:]:
            print(path, *sis_vectors.read_vector(path))
        return 0
    if len(arguments) == 2 and arguments[0] == "vectors":
        return sis_vectors.write_all(arguments[1])
    if len(arguments) == 3 and arguments[0] == "make":
        return sis_vectors.make_one(arguments[1], arguments[2])
    print(__doc__.strip(), file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
