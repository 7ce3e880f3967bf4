# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that seal for themselves, with the second implementation (sis_item.py): for tests that need the bytes of a bundle, or wrong ones."""

import hashlib
import os
import time

import sis_item
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sis_testlib import Device, Invite, check_equal, unique


class SealingDevice(Device):
    """An enrolled Ed25519 device with a published encryption key."""

    def __init__(self, daemon, user=None, name="test", publish=True):
        super().__init__(daemon, user or unique("sealer"), name)
        self.enroll(Invite(daemon.invite(self.user)).code)
        self._become_able_to_seal()
        if publish:
            check_equal(self.publish_key(self.key_statement()).status, 204, "status of publishing the key")

    def _become_able_to_seal(self):
        self.signer = sis_item.Ed25519Signer(self.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        self.fingerprint = self.certificate.fingerprint(hashes.SHA256())
        self.private = x25519.X25519PrivateKey.generate()
        self.sequence, self.previous = 0, bytes(32)

    def key_statement(self, **changes):
        facts = {"user": self.user, "device": self.name, "certificate": self.fingerprint, "key": sis_item.raw_public(self.private), "time": int(time.time())}
        return sis_item.key_statement_text({**facts, **changes}, self.signer)

    def publish_key(self, text):
        return self.daemon.request("PUT", "/v1/devices/self/key", who=self, body=text, headers={"Content-Type": "text/plain"})

    def seal(self, content, *recipients, name="picture.bin", statement=None, grant=None, thumbnail=b"", to_self=True,
             media="application/octet-stream", manifest=None):
        """A bundle for these devices (and this one). statement, grant, manifest: facts that are to be other than they would. Remembers the item as .item."""
        item, file_key, now = os.urandom(16), os.urandom(32), int(time.time())
        readers = ([self] if to_self else []) + list(recipients)
        members = {"name": name, "type": media, "size": len(content), **(manifest or {})}
        plain = {"manifest": sis_item.make_manifest(members), "object": content.ljust(sis_item.padded_size(len(content)), b"\0")}
        parts, facts = {"thumbnail": b""}, {"thumbnail": (0, sis_item.sha256(b""))}
        if thumbnail:
            plain["thumbnail"] = thumbnail
        for part, data in plain.items():
            chunks = sis_item.seal_chunks(sis_item.derive(file_key, item, part), data)
            parts[part] = b"".join(chunks)
            facts[part] = (len(parts[part]), sis_item.merkle_root(chunks) if len(chunks) < 2 else fast_root(chunks))
        facts.update(item=item, kind="file", owner=self.user, device=self.fingerprint, time=now, commitment=sis_item.derive(file_key, item, "commitment"),
                     sequence=self.sequence + 1, previous=self.previous, audience=sorted({r.user for r in readers} | {self.user}))
        facts.update(statement or {})
        text = sis_item.statement_text(facts, self.signer)
        self.sealed = (facts["item"], sis_item.sha256(text), file_key)
        grants = [self.grant(reader, **(grant or {})) for reader in readers]
        self.item = sis_item.item_text(facts["item"])
        self.sequence, self.previous = self.sequence + 1, sis_item.sha256(text)
        return sis_item.bundle(text, grants, parts)

    def grant(self, reader, of=None, **changes):
        """A grant of what was sealed last (of: by that device) for this reader."""
        item, statement, file_key = (of or self).sealed
        facts = {"item": item, "statement": statement, "recipient": reader.user, "device": reader.name, "key": sis_item.raw_public(reader.private),
                 "granter": self.user, "granter-device": self.fingerprint, "time": int(time.time()), "expires": None, "rights": "read"}
        return sis_item.grant_text({**facts, **changes}, file_key, self.signer)

    def share(self, item, user, *grants):
        """PUT of these grants for the user."""
        return self.daemon.request("PUT", "/v1/items/%s/grants/%s" % (item, user), who=self, body=b"".join(grants), headers={"Content-Type": "text/plain"})

    def upload(self, bundle, **headers):
        return self.daemon.request("POST", "/v1/items", who=self, body=bundle, headers={"Content-Type": "application/vnd.sis.item", **headers})


def fast_root(chunks):
    """sis_item.merkle_root without its slices, for large files."""
    level = [hashlib.sha256(b"\0" + chunk).digest() for chunk in chunks]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2])]
        level = pairs + level[len(pairs) * 2:]
    return level[0]


def device_of_client(daemon, sealer, client):
    """A device of sis as a recipient for the second implementation."""
    device = daemon.request("GET", "/v1/users/" + client.user, who=sealer).json()["devices"][0]
    key = sis_item.parse_key_statement(device["key"].encode())
    peer = type("Peer", (), {"user": client.user, "name": key["device"], "private": ("raw", key["key"])})
    if not hasattr(sis_item, "plain_raw_public"):
        sis_item.plain_raw_public = sis_item.raw_public
        sis_item.raw_public = lambda private: private[1] if isinstance(private, tuple) else sis_item.plain_raw_public(private)
    return peer
