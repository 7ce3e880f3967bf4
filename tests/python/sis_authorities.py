# SPDX-License-Identifier: GPL-3.0-or-later
"""The generations of an authority, from ARCHITECTURE.md ("The authority's successors") and RFC 5280 alone: which of the authorities that somebody offers a
client takes, besides those that it knows. And a maker of such certificates, right and wrong ones."""

import datetime
import functools

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MOST = 8                        # generations that are kept


def when(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)


def fingerprint(certificate):
    return certificate.fingerprint(hashes.SHA256()).hex()


@functools.lru_cache(maxsize=None)
def key_of(certificate):
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@functools.lru_cache(maxsize=None)
def is_ca(certificate):
    """RFC 5280, sections 4.2.1.9 and 4.2.1.3."""
    def extension(kind):
        try:
            return certificate.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None
    constraints, usage = extension(x509.BasicConstraints), extension(x509.KeyUsage)
    return constraints is not None and constraints.ca and usage is not None and usage.key_cert_sign


@functools.lru_cache(maxsize=None)
def is_signed_by(certificate, by):
    is_ecdsa = isinstance(by.public_key(), ec.EllipticCurvePublicKey)
    if certificate.issuer != by.subject or not is_ca(by) or is_ecdsa != (certificate.signature_hash_algorithm is not None):
        return False
    try:
        more = (ec.ECDSA(certificate.signature_hash_algorithm),) if is_ecdsa else ()
        by.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, *more)
    except InvalidSignature:
        return False
    return True


def is_root(certificate):
    return is_ca(certificate) and is_signed_by(certificate, certificate)


def is_good_at(certificate, at):
    return certificate.not_valid_before <= when(at) <= certificate.not_valid_after


def vouches(cross, root, known, at):
    """By `cross` somebody who is known, and not over, certifies root's key under the one name that all generations have. Who has ended may be vouched for."""
    moment = at if is_good_at(root, at) else root.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()
    return (not is_root(cross) and is_ca(cross) and key_of(cross) == key_of(root) and cross.issuer == cross.subject == root.subject == known.subject and
            is_good_at(cross, moment) and is_good_at(known, at) and is_signed_by(cross, known))


def extend(known, offered, at):
    """The set that comes of it, in order; None where what is known is no set."""
    if not known or len(known) > MOST or not all(is_root(c) for c in known):
        return None
    taken, found = list(known), True
    while found and len(taken) < MOST:
        found = False
        for root in offered:
            ours = isinstance(root.public_key(), ed25519.Ed25519PublicKey) and root.not_valid_before <= when(at)
            if is_root(root) and ours and root not in taken and any(vouches(c, root, k, at) for c in offered for k in taken):
                taken.append(root)
                found = True
                break
    return taken


# ------------------------------------------------------------------------------------------------ making them

def make(key, name, by_key, by_name, begins, ends, ca=True, cert_sign=True, serial=None):
    """A certificate for `key`, signed by `by_key`; key identifiers as RFC 5280 wants them."""
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only",
                           "decipher_only"), False)
    usage.update(crl_sign=True, key_cert_sign=cert_sign)
    called = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(by_name)).public_key(key.public_key())
    builder = builder.serial_number(serial or x509.random_serial_number()).not_valid_before(when(begins)).not_valid_after(when(ends))
    for extension, critical in ((x509.BasicConstraints(ca=ca, path_length=None), True), (x509.KeyUsage(**usage), True),
                                (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
                                (x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), False)):
        builder = builder.add_extension(extension, critical)
    return builder.sign(by_key, None if isinstance(by_key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def damaged(certificate):
    """With one bit of its signature turned over."""
    der = bytearray(certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_certificate(bytes(der))
