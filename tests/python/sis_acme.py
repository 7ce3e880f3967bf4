# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else's authority, as an ACME service is one: for tls_certificate and tls_key."""

import datetime
import os

from sis_testlib import make_key, temporary, write_file


class Authority:
    """What an ACME service is: an RSA root, a P-384 intermediate, and leaves of 90 days."""

    def __init__(self):
        self.directory = temporary("acme")
        self.root_key, self.key = make_key("rsa"), make_key("p384")
        self.root = self._sign("Root", self.root_key, "Root", self.root_key, True)
        self.intermediate = self._sign("Intermediate", self.key, "Root", self.root_key, True)
        self.root_path = write_file(os.path.join(self.directory, "root.pem"), self.pem(self.root))

    @staticmethod
    def pem(certificate):
        from cryptography.hazmat.primitives.serialization import Encoding
        return certificate.public_bytes(Encoding.PEM)

    @staticmethod
    def _sign(subject, key, issuer, issuer_key, is_ca, names=(), days=90):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        def name(text):
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=days)).add_extension(x509.BasicConstraints(is_ca, None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        return builder.sign(issuer_key, hashes.SHA384())

    def issue(self, algorithm="p256", form="PKCS8", days=90, chain=True, name="localhost"):
        """Paths of fullchain.pem and privkey.pem, replaced as ACME clients do it: a new file, renamed over the old one."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        key = make_key(algorithm)
        leaf = self._sign(name, key, "Intermediate", self.key, False, [name], days)
        pem = key.private_bytes(Encoding.PEM, getattr(PrivateFormat, form), NoEncryption())
        certificates = self.pem(leaf) + (self.pem(self.intermediate) if chain else b"")
        paths = [os.path.join(self.directory, name) for name in ("fullchain.pem", "privkey.pem")]
        for path, data in zip(paths, (certificates, pem)):
            with open(path + ".new", "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(data)
            os.rename(path + ".new", path)
        self.leaf = leaf
        return paths
