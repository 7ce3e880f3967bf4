# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer that speaks the PROXY protocol, version 2: headers, made from the specification alone, and a proxy that sends them."""

import contextlib
import ipaddress
import socket
import struct
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
CRC32C, NOOP, SSL, AUTHORITY = 0x03, 0x04, 0x20, 0x02


def crc32c(data):
    """RFC 9260, appendix A, by its table."""
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82f63b78 if n & 1 else n >> 1
        table.append(n)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def proxy_header(source=("192.0.2.7", 4711), destination=("192.0.2.1", 443), command=PROXY, extra=(), checksum=False, family=None):
    """extra: (type, value) pairs; source None: no address."""
    if source is None:
        kind, addresses = 0x00, b""
    else:
        address, other = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0] if ":" not in source[0] else "2001:db8::1")
        kind = 0x11 if address.version == 4 else 0x21
        addresses = address.packed + other.packed + struct.pack("!HH", source[1], destination[1])
    kind = kind if family is None else family
    rest = b"".join(struct.pack("!BH", type_, len(value)) + value for type_, value in extra)
    if checksum:
        rest += struct.pack("!BH", CRC32C, 4) + bytes(4)
    header = SIGNATURE + bytes([command, kind]) + struct.pack("!H", len(addresses) + len(rest)) + addresses + rest
    return header[:-4] + struct.pack("!I", crc32c(header)) if checksum else header


class Balancer:
    """Listens on loopback, connects to the server from its own address, sends a header that make_header(peer) gives, and passes bytes on."""

    def __init__(self, server, own_address="127.0.0.77", make_header=lambda peer: proxy_header(peer)):
        self.server, self.own_address, self.make_header = server, own_address, make_header
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in [self.listener] + self.sockets:
            with contextlib.suppress(OSError):
                one.close()

    def _accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
                server = socket.create_connection(self.server, source_address=(self.own_address, 0))
            except OSError:
                return
            self.sockets += [client, server]
            with contextlib.suppress(OSError):
                server.sendall(self.make_header(peer))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    @staticmethod
    def _pass(from_, to):
        with contextlib.suppress(OSError):
            while True:
                data = from_.recv(65536)
                if not data:
                    break
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)
