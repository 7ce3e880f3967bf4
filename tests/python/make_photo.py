#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a photograph-like JPEG with EXIF (camera, time, GPS), from nothing but Python: a sky, a sun, hills and the noise of a small sensor.

    make_photo.py FILE [WIDTH HEIGHT [SEED]]

A baseline JPEG encoder (ITU-T T.81) with the standard tables of its Annex K, at about quality 85, without chroma subsampling.
"""

import math
import operator
import random
import struct
import sys

CAMERA_MAKE, CAMERA_MODEL, TAKEN = b"Example Optics", b"Pinhole 3000", b"2026:08:14 18:42:07"
LATITUDE, LONGITUDE = (48, 12, 3060), (16, 21, 4812)            # degrees, minutes, hundredths of seconds: north, east

LUMINANCE = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
             18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
CHROMINANCE = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99] + [99] * 32
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))

# Huffman tables of Annex K: (how many codes of each length 1..16, their values). One pair is enough for all components.
DC_BITS, DC_VALUES = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], list(range(12))
AC_BITS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d]
AC_VALUES = list(bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758"
    "595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9"
    "dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"))

COSINES = [[math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5) for x in range(8)] for u in range(8)]


def huffman(bits, values):
    codes, code, at = {}, 0, 0
    for length, count in enumerate(bits, 1):
        for _ in range(count):
            codes[values[at]] = (code, length)
            code, at = code + 1, at + 1
        code <<= 1
    return codes


def quantizer(table):
    return [max(1, round(value * 0.3)) for value in table]


class BitWriter:
    def __init__(self):
        self.out, self.bits, self.count = bytearray(), 0, 0

    def put(self, value, length):
        self.bits, self.count = (self.bits << length) | value, self.count + length
        while self.count >= 8:
            self.count -= 8
            byte = (self.bits >> self.count) & 0xff
            self.out.append(byte)
            if byte == 0xff:                    # a marker must not appear in the data: T.81 B.1.1.5
                self.out.append(0)
        self.bits &= (1 << self.count) - 1

    def put_number(self, number, size):
        self.put(number if number > 0 else number + (1 << size) - 1, size)

    def finish(self):
        if self.count:
            self.put((1 << (8 - self.count)) - 1, 8 - self.count)
        return bytes(self.out)


def transform(block, table):
    """The quantized coefficients of 8 rows of 8 samples, in zigzag order."""
    rows = [[sum(map(operator.mul, row, cosine)) for cosine in COSINES] for row in block]
    columns = list(zip(*rows))
    plain = [[sum(map(operator.mul, column, cosine)) for column in columns] for cosine in COSINES]
    return [round(plain[i // 8][i % 8] / table[i]) for i in ZIGZAG]


def write_block(writer, coefficients, last_dc, dc_codes, ac_codes):
    difference = coefficients[0] - last_dc
    size = abs(difference).bit_length()
    writer.put(*dc_codes[size])
    if size:
        writer.put_number(difference, size)
    run = 0
    last = max((i for i in range(1, 64) if coefficients[i]), default=0)
    for value in coefficients[1:last + 1]:
        if value == 0:
            run += 1
            continue
        while run > 15:
            writer.put(*ac_codes[0xf0])
            run -= 16
        size = abs(value).bit_length()
        writer.put(*ac_codes[run << 4 | size])
        writer.put_number(value, size)
        run = 0
    if last < 63:
        writer.put(*ac_codes[0])
    return coefficients[0]


def scene(width, height, seed):
    """Rows of (red, green, blue): what the camera saw."""
    chance = random.Random(seed)
    hills = [(chance.uniform(0.5, 0.85), chance.uniform(0.03, 0.1), chance.uniform(1, 4), chance.uniform(0, 6)) for _ in range(3)]
    sun_x, sun_y = chance.uniform(0.2, 0.8) * width, chance.uniform(0.15, 0.35) * height
    for y in range(height):
        row = []
        for x in range(width):
            fall = y / height
            colour = [90 + 130 * fall, 140 + 60 * fall, 225 - 70 * fall]
            glow = math.exp(-((x - sun_x) ** 2 + (y - sun_y) ** 2) / (width * height / 60))
            colour = [c + glow * g for c, g in zip(colour, (160, 110, 20))]
            for depth, (base, swing, waves, phase) in enumerate(sorted(hills)):
                if fall > base + swing * math.sin(x / width * waves * math.pi + phase):
                    colour = [60 - 15 * depth, 110 - 22 * depth, 70 - 18 * depth]
            noise = chance.gauss(0, 5)
            row.append([min(255, max(0, c + noise)) for c in colour])
        yield row


def planes(width, height, seed):
    """Three planes of samples about zero: Y, Cb, Cr (JFIF)."""
    y_plane, cb_plane, cr_plane = [], [], []
    for row in scene(width, height, seed):
        y_plane.append([0.299 * r + 0.587 * g + 0.114 * b - 128 for r, g, b in row])
        cb_plane.append([-0.168736 * r - 0.331264 * g + 0.5 * b for r, g, b in row])
        cr_plane.append([0.5 * r - 0.418688 * g - 0.081312 * b for r, g, b in row])
    return y_plane, cb_plane, cr_plane


def directory(entries, offset, follow=b""):
    """A TIFF image file directory: entries are (tag, type, count, data)."""
    out, data = struct.pack(">H", len(entries)), b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if len(value) > 4:
            out += struct.pack(">HHII", tag, kind, count, start + len(data))
            data += value + b"\0" * (len(value) % 2)
        else:
            out += struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")
    return out + struct.pack(">I", 0) + data


def exif():
    def text(tag, words):
        return (tag, 2, len(words) + 1, words + b"\0")

    def angle(tag, degrees, minutes, hundredths):
        return (tag, 5, 3, struct.pack(">6I", degrees, 1, minutes, 1, hundredths, 100))
    gps = [text(1, b"N"), angle(2, *LATITUDE), text(3, b"E"), angle(4, *LONGITUDE)]
    camera = [text(0x10f, CAMERA_MAKE), text(0x110, CAMERA_MODEL), text(0x132, TAKEN)]
    size = len(directory(camera + [(0x8825, 4, 1, b"\0\0\0\0")], 8))
    main = directory(camera + [(0x8825, 4, 1, struct.pack(">I", 8 + size))], 8)
    return b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + main + directory(gps, 8 + size)


def segment(marker, data):
    return struct.pack(">BBH", 0xff, marker, len(data) + 2) + data


def make(width=480, height=320, seed=1):
    """The bytes of a JPEG; width and height are rounded up to multiples of 8."""
    width, height = -(-width // 8) * 8, -(-height // 8) * 8
    tables = [quantizer(LUMINANCE), quantizer(CHROMINANCE), quantizer(CHROMINANCE)]
    dc_codes, ac_codes = huffman(DC_BITS, DC_VALUES), huffman(AC_BITS, AC_VALUES)
    writer, last_dc, samples = BitWriter(), [0, 0, 0], planes(width, height, seed)
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            for i, plane in enumerate(samples):
                block = [line[left:left + 8] for line in plane[top:top + 8]]
                last_dc[i] = write_block(writer, transform(block, tables[i]), last_dc[i], dc_codes, ac_codes)
    return (b"\xff\xd8" + segment(0xe1, exif())
            + b"".join(segment(0xdb, bytes([i]) + bytes(tables[i][j] for j in ZIGZAG)) for i in range(2))
            + segment(0xc0, struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]))
            + segment(0xc4, b"\x00" + bytes(DC_BITS) + bytes(DC_VALUES)) + segment(0xc4, b"\x10" + bytes(AC_BITS) + bytes(AC_VALUES))
            + segment(0xda, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])) + writer.finish() + b"\xff\xd9")


def main():
    if len(sys.argv) not in (2, 4, 5):
        sys.exit(__doc__.strip())
    numbers = [int(word) for word in sys.argv[2:]]
    with open(sys.argv[1], "wb") as file:
        file.write(make(*numbers))


if __name__ == "__main__":
    main()
