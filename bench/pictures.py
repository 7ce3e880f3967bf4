# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast thumbnails are made, each in a confined process of its own, beside vipsthumbnail, which makes them all in one process that may do anything; and
what cleaning and a thumbnail add to an upload."""
import os
import random
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "python"))

N_PICTURES = 48
SIZE = (3000, 2000)
PARALLEL = 2                    # vipsthumbnail uses as many threads as there are processors; this machine has two


def make_pictures(directory):
    """Pictures of 6 megapixels with some structure and some noise, about 1.5 MB each, with metadata."""
    from PIL import Image
    os.makedirs(directory, exist_ok=True)
    paths = []
    for number in range(N_PICTURES):
        path = os.path.join(directory, f"picture{number:02}.jpg")
        if number < 6:
            noise = Image.frombytes("RGB", (750, 500), random.Random(number).randbytes(750 * 500 * 3)).resize(SIZE, Image.Resampling.BICUBIC)
            exif = Image.Exif()
            exif[0x112], exif[0x10f] = 6, "Pinhole"
            noise.save(path, quality=80, exif=exif)
        else:
            shutil.copy(paths[number % 6], path)
        paths.append(path)
    return paths


def look_at_all(paths):
    """The confined children alone, without sealing and sending."""
    from sis_picturing import PictureProgram
    with PictureProgram() as program:
        queue = list(paths)

        def work():
            while queue:
                with open(queue.pop(), "rb") as file:
                    if "E" not in program.do("l", file.read()):
                        raise RuntimeError("no thumbnail")
        threads = [threading.Thread(target=work) for _ in range(PARALLEL)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - start


def seconds(command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def pictures(bench):
    paths = make_pictures(bench.path("pictures"))
    out = bench.path("thumbnails")
    os.makedirs(out, exist_ok=True)
    alone, peer, uploads = [], [], []
    for _ in range(bench.args.runs):
        peer.append(N_PICTURES / seconds(["vipsthumbnail", "--size", "512x512", "-o", out + "/%s.jpg[strip]", *paths]))
        alone.append(N_PICTURES / look_at_all(paths))
        uploads.append(N_PICTURES / seconds(bench.sis_command(bench.clients[0], "upload", "--jobs", PARALLEL, *paths)))
    bench.table.add("thumbnails of 6 megapixels, a confined process each", alone, peer, "/s", "-", peer_name="vipsthumbnail")
    bench.table.add("  sis upload of the same: cleaned, looked at, sealed, durable", uploads, peer, "/s", "-", peer_name="vipsthumbnail")
    single(bench, paths[0])


def single(bench, path):
    """One picture, one process: with and without a thumbnail, cleaned and as it is."""
    figures = {"with a thumbnail": ([], []), "cleaned only": ([], ["--no-thumbnail"]), "as it is": ([], ["--no-thumbnail", "--keep-metadata"])}
    for _ in range(max(15, bench.args.runs * 3)):
        for ours, options in figures.values():
            ours.append(1000 * seconds(bench.sis_command(bench.clients[0], "upload", *options, path)))
    for what, (ours, _options) in figures.items():
        bench.table.add("one picture of 6 megapixels, one process: " + what, ours, [], "ms", "-", higher_is_better=False)
