#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as pictures: what betrays people goes, the pixels stay, thumbnails are made and drawn, and nothing that a picture does harms anybody."""

import io
import os
import shutil
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_picturing import PictureProgram, add_metadata, exiftool, on_terminal
from sis_sealing import SealingDevice
from sis_testlib import *

from PIL import Image, ImageCms, ImageSequence

SECRETS = [b"Pinhole", b"Secret 3000", b"SN4711", b"Alice", b"hideout", b"Rome", b"GPS", b"Pinh"]
UPRIGHT = (48, 64)


def picture(mode="RGB", size=(64, 48), seed=0):
    """A gradient, so that a turned or shifted one is another."""
    image = Image.new("RGBA", size)
    image.putdata([((x * 4 + seed) % 256, (y * 5) % 256, (x * y) % 256, 255 - (x % 4) * 40) for y in range(size[1]) for x in range(size[0])])
    if mode == "I;16":
        wide = Image.new("I;16", size)
        wide.putdata([(x * 997 + y * 31) % 65536 for y in range(size[1]) for x in range(size[0])])
        return wide
    return image.convert(mode)


def make_all(directory):
    """One file of each kind that can be cleaned."""
    place = lambda name: os.path.join(directory, name)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rgb, frames = picture(), [picture(seed=40 * n).convert("P") for n in range(3)]
    rgb.save(place("baseline.jpg"), quality=90, icc_profile=profile)
    rgb.save(place("progressive.jpg"), quality=85, progressive=True, dpi=(300, 300))
    picture("CMYK").save(place("cmyk.jpg"), quality=90)
    picture("L").save(place("gray.jpg"), quality=90)
    rgb.save(place("rgb.png"), icc_profile=profile)
    picture("RGBA").save(place("alpha.png"))
    picture("I;16").save(place("deep.png"))
    frames[0].save(place("palette.png"), transparency=3)
    frames[0].convert("RGB").save(place("animated.png"), save_all=True, append_images=[f.convert("RGB") for f in frames[1:]], duration=80)
    rgb.save(place("lossy.webp"), quality=60, icc_profile=profile)
    picture("RGBA").save(place("lossless.webp"), lossless=True)
    rgb.save(place("animated.webp"), save_all=True, append_images=[picture(seed=99)], duration=80)
    frames[0].save(place("still.gif"))
    frames[0].save(place("animated.gif"), save_all=True, append_images=frames[1:], loop=2, duration=80, comment=b"at the hideout")
    rgb.save(place("lzw.tif"), compression="tiff_lzw", icc_profile=profile)
    rgb.save(place("pages.tif"), save_all=True, append_images=[picture(seed=70)])
    picture("L").save(place("deflate.tif"), compression="tiff_deflate")
    rgb.save(place("plain.bmp"))
    for name in ("lossy.heic", "lossy.avif"):
        run_program(["vips", "copy", place("rgb.png"), place(name)])
    return sorted(place(name) for name in os.listdir(directory))


def read_pixels(path):
    """Size, mode, pixels of every frame, colour profile; as libheif has them for what Pillow cannot read."""
    if path.endswith((".heic", ".avif")):
        raw = path + ".pixels.png"
        run_program(["vips", "copy", path, raw + "[strip]"])
        with Image.open(raw) as image:
            return [(image.size, image.mode, image.tobytes())]
    with Image.open(path) as image:
        return [(f.size, f.mode, f.tobytes(), f.info.get("icc_profile"), f.info.get("transparency"), f.info.get("duration"), f.info.get("loop"))
                for f in ImageSequence.Iterator(image)]


def orientation(path):
    with Image.open(path) as image:
        return image.getexif().get(0x112, 1)


STRUCTURE = {"IFD0:" + tag for tag in (
    "Orientation", "ImageWidth", "ImageHeight", "BitsPerSample", "Compression", "PhotometricInterpretation", "StripOffsets", "SamplesPerPixel", "RowsPerStrip",
    "StripByteCounts", "XResolution", "YResolution", "ResolutionUnit", "PlanarConfiguration", "Predictor", "ExtraSamples", "FillOrder", "SampleFormat")}
FORMATS = ("File:", "JFIF:", "ICC", "PNG", "RIFF:", "GIF:", "Meta", "QuickTime:", "Adobe:", "ExifTool:", "APP14:", "Trailer:")


def is_structure(tag, _value):
    """What exiftool may still tell: the form of the samples."""
    if tag in ("PNG:Comment", "File:Comment", "GIF:Comment", "ExifTool:Warning"):
        return False
    return tag in STRUCTURE or tag.replace("IFD1", "IFD0") in STRUCTURE or tag.startswith(FORMATS)


@test("in every format the metadata goes and the pixels, the colours, the frames and which way is up stay; the sender's file is not touched",
      needs=["exiftool", "vips"])
def identity():
    daemon = shared_daemon()
    alice, bob = daemon.client("alice"), daemon.client("bob")
    directory, got = temporary("pictures"), temporary("got")
    paths = make_all(directory)
    add_metadata(6, *paths)
    os.unlink(os.path.join(directory, "thumbnail"))
    before = {path: read_file(path) for path in paths}
    rich = exiftool(*paths)
    uploads = alice.json("upload", "--to", "bob", *paths)
    check_equal({path: read_file(path) for path in paths}, before, "the sender's files")
    check_equal(len(uploads), len(paths), "uploads")
    bob.run("get", "-o", got, *[upload["item"] for upload in uploads])
    clean = exiftool(*[os.path.join(got, os.path.basename(path)) for path in paths])
    for path in paths:
        name = os.path.basename(path)
        new = os.path.join(got, name)
        check(read_pixels(new) == read_pixels(path), "%s: other pixels" % name)
        check_equal({tag: value for tag, value in clean[name].items() if not is_structure(tag, value)}, {}, name)
        if not name.endswith((".heic", ".avif", ".gif", ".bmp")):
            check_equal(orientation(new), orientation(path), name + ": orientation")
        data = read_file(new)
        check_equal([secret for secret in SECRETS if secret in data], [], name + ": what is still in it")
        upload = next(u for u in uploads if u["name"] == name)
        check(upload["removed"] or name == "plain.bmp", name + ": nothing was removed")
        check(upload["thumbnail"] or name == "plain.bmp", name + ": no thumbnail")
        check_equal(len([t for t in rich[name] if t.startswith("GPS:")]) > 0, "GPS position" in upload["removed"], name + ": GPS")
    listed = {item["name"]: (item["width"], item["height"]) for item in bob.json("list")}
    check_equal({name: listed[name] for name in ("baseline.jpg", "rgb.png", "lossy.webp")}, dict.fromkeys(("baseline.jpg", "rgb.png", "lossy.webp"), UPRIGHT),
                "upright sizes")


@test("a picture of several chunks and requests is cleaned like any other; sizes are upright without a thumbnail, too", needs=["exiftool"])
def large_ones():
    daemon = shared_daemon()
    lena = daemon.client("lena")
    directory = temporary("pictures")
    large, tiff = os.path.join(directory, "large.png"), os.path.join(directory, "turned.tif")
    Image.frombytes("RGB", (1600, 1100), make_bytes(1600 * 1100 * 3)).save(large, compress_level=0)
    picture().save(tiff)
    add_metadata(6, large, tiff)
    upload = lena.json("upload", large)
    check_equal((upload["thumbnail"], "GPS position" in upload["removed"], os.path.getsize(large) > upload["size"] > 5 << 20), (True, True, True), "upload")
    got = lena.get(upload["item"])
    check(read_pixels(got) == read_pixels(large), "other pixels")
    check_equal([secret for secret in SECRETS if len(secret) > 4 and secret in read_file(got)], [], "what is still in it")
    avif = os.path.join(directory, "turned.avif")
    run_program(["vips", "copy", tiff + "[autorotate=false]", avif])
    data = bytearray(read_file(avif))
    at = data.index(b"pixi")                # a property that decoders can do without becomes another: turned by a quarter
    data[at:at + 5] = b"irot\x01"
    write_file(avif, bytes(data))
    for path, more in ((tiff, ["--no-thumbnail"]), (tiff, []), (avif, ["--no-thumbnail"]), (avif, [])):
        item = lena.json("upload", *more, path)["item"]
        check_equal([lena.json("show", item)[side] for side in ("width", "height")], list(UPRIGHT), "size of %s %s" % (path, more))


@test("one line says what was removed; --keep-metadata leaves all, --quiet says nothing, --no-thumbnail makes none", needs=["exiftool"])
def told():
    daemon = shared_daemon()
    carol = daemon.client("carol")
    path = os.path.join(temporary("picture"), "trip.jpg")
    picture().save(path)
    add_metadata(8, path)
    done = carol.run("upload", path)
    check_equal(done.stderr, "removed from trip.jpg: GPS position, camera details, embedded thumbnail, XMP, IPTC, comments\n", "standard error")
    check_equal(carol.run("--quiet", "upload", path).stderr, "", "standard error with --quiet")
    kept = carol.json("upload", "--keep-metadata", path)
    check_equal((kept["removed"], kept["thumbnail"]), ([], True), "with --keep-metadata")
    check_equal(read_file(carol.get(kept["item"])), read_file(path), "the file that was kept")
    bare = carol.json("upload", "--no-thumbnail", path)
    check_equal(bare["thumbnail"], False, "with --no-thumbnail")
    check_equal(read_file(carol.get(carol.upload(carol.get(bare["item"]), more=()))), read_file(carol.get(bare["item"])), "what was cleaned twice")
    shown = carol.json("show", bare["item"])
    check_equal((shown["width"], shown["height"]), UPRIGHT, "upright size without a thumbnail")
    carol.run("upload", "--convert", "png", path, status=64)
    carol.run("upload", "--convert", "jpeg", "--keep-metadata", path, status=64)


@test("what cannot be cleaned is refused with the two ways out, and both work", needs=["exiftool"])
def ways_out():
    daemon = shared_daemon()
    dora = daemon.client("dora")
    directory = temporary("pictures")
    path = os.path.join(directory, "cut.off.jpg")
    data = io.BytesIO()
    picture(size=(400, 300)).save(data, "JPEG")
    write_file(path, data.getvalue()[:-200])
    refused = dora.run("upload", path, status=65)
    check_in("--keep-metadata", refused.stderr)
    check_in("--convert jpeg", refused.stderr)
    check_equal(dora.items(), [], "items")
    item = dora.upload(path, more=["--keep-metadata"])
    check_equal(read_file(dora.get(item)), read_file(path), "as it is")
    converted = dora.json("upload", "--convert", "jpeg", path)
    check_equal(converted["name"], "cut.off.jpg", "name")
    rgb = os.path.join(directory, "turned.png")
    picture("RGBA").save(rgb)
    add_metadata(6, rgb)
    new = dora.get(dora.json("upload", "--convert", "jpeg", rgb)["item"])
    check_equal(os.path.basename(new), "turned.jpg", "name")
    with Image.open(new) as image:
        check_equal((image.format, image.size, image.mode, dict(image.getexif())), ("JPEG", UPRIGHT, "RGB", {}), "what it became")
    check_equal([secret for secret in SECRETS if secret in read_file(new)], [], "what is still in it")
    huge = os.path.join(directory, "huge.jpg")
    with open(huge, "wb") as file:
        file.write(b"\xff\xd8\xff\xe0")
        file.truncate(257 << 20)
    check_in("more than 256 MiB", dora.run("upload", huge, status=65).stderr)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data, interlaced=0, more=b""):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)) + more + chunk(b"IDAT", data)
            + chunk(b"IEND", b""))


def bombs():
    """Well-formed on the outside, so that they pass the cleaning."""
    zeros = zlib.compress(bytes(8 << 20), 9)
    jpeg = io.BytesIO()
    picture(size=(16, 16)).save(jpeg, "JPEG")
    frame = jpeg.getvalue().index(b"\xff\xc0")
    huge = jpeg.getvalue()[:frame + 5] + b"\xff\xdc\xff\xdc" + jpeg.getvalue()[frame + 9:]
    gif = b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + (b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0" * 20000) + b";"
    profile = b"\0\0\xff\xf0ADBE\x04\0\0\0mntrRGB XYZ " + bytes(16) + b"acsp" + bytes(88) + b"\x7f\xff\xff\xff" + b"desc\0\0\0\x20\x7f\xff\xff\xff" * 4000
    return {"large.png": (png(60000, 60000, zeros, 1), False), "endless.gif": (gif, None), "large.jpg": (huge, None),
            "profile.png": (png(64, 64, zlib.compress(bytes(64 * 193)), 0, chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))), None),
            "garbage.png": (png(64, 64, b"no zlib stream at all"), None), "empty.webp": (b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0" + bytes(10), False)}


@test("a picture that is a bomb ends the child that looks at it: the upload goes on, without a thumbnail")
def bomb():
    daemon = shared_daemon()
    eve = daemon.client("eve")
    directory = temporary("bombs")
    paths = [write_file(os.path.join(directory, name), data) for name, (data, _wanted) in bombs().items()]
    started = time.monotonic()
    done = eve.run("--json", "upload", *paths)
    check(time.monotonic() - started < 45 * SLOW, "the bombs took %d s" % (time.monotonic() - started))
    uploads = {json.loads(line)["name"]: json.loads(line) for line in done.stdout.splitlines()}
    for name, (_data, wanted) in bombs().items():
        if wanted is not None:
            check_equal(uploads[name]["thumbnail"], wanted, name + ": thumbnail")
    check_in("large.png: goes without a thumbnail", done.stderr)
    check_equal(len(eve.items()), len(paths), "items")


@test("the child that decodes has one descriptor, a system-call filter, no way to new privileges, and limits; it dies with sis-picture")
def confined():
    with PictureProgram() as program:
        stream = program.begin("l")
        child = wait_for(lambda: [pid for pid in program.children() if "Seccomp:\t2" in status_of(pid)], "a confined child")[0]
        check_in("NoNewPrivs:\t1", status_of(child))
        check_in("CapEff:\t0000000000000000", status_of(child))
        if IS_ROOT:
            descriptors = os.listdir("/proc/%d/fd" % child)
            check_equal([os.readlink("/proc/%d/fd/%s" % (child, fd)).split(":")[0] for fd in descriptors], ["socket"], "descriptors")
            limits = read_file("/proc/%d/limits" % child).decode()
            check(re.search(r"Max cpu time +10 +10 ", limits), "no limit of time: " + limits)
            check(SANITIZED or re.search(r"Max data size +536870912 +536870912 ", limits), "no limit of memory: " + limits)
        program.control.close()
        wait_for(lambda: not process_is_alive(child), "the child to die")
        stream.close()


def status_of(pid):
    try:
        return read_file("/proc/%d/status" % pid).decode()
    except FileNotFoundError:
        return ""


@test("a thumbnail is upright, at most 512 pixels and 64 KiB, a JPEG without metadata; gexiv2 finds what exiftool wrote", needs=["exiftool"])
def thumbnails():
    path = os.path.join(temporary("picture"), "noise.jpg")
    image = Image.frombytes("RGB", (1600, 900), make_bytes(1600 * 900 * 3))
    image.save(path, quality=80)
    add_metadata(6, path)
    with PictureProgram() as program:
        frames = program.do("l", read_file(path))
        check_in(b"Exif.GPSInfo.GPSLatitude", frames["T"])
        check_equal((frames["S"], "E" in frames), (struct.pack(">II", 900, 1600), True), "size and end")
        check(len(frames["J"]) <= 65536, "%d bytes" % len(frames["J"]))
        with Image.open(io.BytesIO(frames["J"])) as small:
            check_equal((small.format, small.size, dict(small.getexif()), small.info.get("icc_profile")), ("JPEG", (288, 512), {}, None), "thumbnail")
        check_equal([secret for secret in SECRETS if secret in frames["J"]], [], "what is still in it")
        inspected = program.do("i", frames["J"])
        check_equal((inspected["T"], "E" in inspected), (b"", True), "what gexiv2 finds in the thumbnail")
        pixels = program.do("d", frames["J"])
        check_equal((pixels["S"], len(pixels["P"])), (struct.pack(">II", 288, 512), 288 * 512 * 4), "pixels")
        png_file = io.BytesIO()
        picture().save(png_file, "PNG")
        check_equal(program.do("d", png_file.getvalue()), {}, "a thumbnail that is a PNG")
        check_equal(program.do("?", read_file(path)), {}, "a job that there is not")


def impostor(script):
    """A sis with another sis-picture beside it."""
    directory = temporary("impostor")
    shutil.copy(SIS, directory)
    path = write_file(os.path.join(directory, "sis-picture"), """#!/usr/bin/python3
import os, socket, struct
control = socket.socket(fileno=3)
while True:
    job, fds, _flags, _address = socket.recv_fds(control, 1, 1)
    if not fds:
        break
    stream = socket.socket(fileno=fds[0])
    frame = lambda kind, data: stream.sendall(kind + struct.pack("=Q", len(data)) + data)
    left = struct.unpack("=Q", stream.recv(8, socket.MSG_WAITALL))[0]
    while left:
        left -= len(stream.recv(min(left, 1 << 20)))
    try:
        %s
    except OSError:
        pass
    stream.close()
""" % script)
    os.chmod(path, 0o755)
    return os.path.join(directory, "sis")


@test("what the second opinion still finds is not shared; a child that was taken over cannot do more than spoil its own thumbnail")
def second_opinion():
    daemon = shared_daemon()
    fred = daemon.client("fred")
    path = os.path.join(temporary("picture"), "x.png")
    picture().save(path)
    upload = ["--home", fred.home, "--json", "upload", path]
    done = run_program([impostor('frame(b"T", b"Exif.Photo.Secret")')] + upload, status=65)
    check_in("Exif.Photo.Secret", done.stderr)
    check_in("--convert jpeg", done.stderr)
    check_equal(fred.items(), [], "items")
    answers = {"nothing": "pass", "an endless frame": 'stream.sendall(b"T" + b"\\xff" * 8 + b"x" * 100000)', "no size": 'frame(b"T", b""); frame(b"J", b"\\xff\\xd8\\xff")',
               "a large thumbnail": 'frame(b"T", b""); frame(b"S", bytes([0, 0, 0, 9] * 2)); frame(b"J", b"\\xff\\xd8\\xff" + bytes(70000)); frame(b"E", b"")',
               "no JPEG": 'frame(b"T", b""); frame(b"S", bytes([0, 0, 0, 9] * 2)); frame(b"J", b"\\x1b]0;x" * 9); frame(b"E", b"")',
               "no size at all": 'frame(b"T", b""); frame(b"S", bytes(8)); frame(b"J", b"\\xff\\xd8\\xff" * 9); frame(b"E", b"")'}
    for what, script in answers.items():
        done = run_program([impostor(script)] + upload)
        check_equal(json.loads(done.stdout)["thumbnail"], False, what)
        check_in("goes without a thumbnail", done.stderr, what)


@test("sis show tells everything, and draws on a terminal: kitty, sixel, symbols; nowhere else")
def show():
    daemon = shared_daemon()
    gina, hugo = daemon.client("gina"), daemon.client("hugo")
    path = os.path.join(temporary("picture"), "lake.png")
    picture(size=(300, 200)).save(path)
    item = gina.upload(path, hugo, more=["--caption", "At the lake"])
    text = hugo.run("show", item[:10]).stdout
    for words in (item, "lake.png", "At the lake", "gina on ", "device ", "ed25519:", "gina, hugo", "image/png, 300×200", " bytes", "thumbnail", "never", "compare the key"):
        check_in(words, text, "what show tells")
    check_not_in("\x1b", text, "what show writes into a pipe")
    check_in("known, but not verified", hugo.run("show", item).stdout)
    facts = hugo.json("show", item)
    check_equal((facts["width"], facts["thumbnail"], facts["own"], facts["contact_verified"], facts["expires"]), (300, True, False, False, None), "facts")
    drawings = {"kitty": (b"\x1b_G", dict(TERM="xterm-kitty", KITTY_WINDOW_ID="1")), "sixel": (b"\x1bP", dict(TERM="mlterm")), "symbols": (b"38;2;", {}),
                "16 colours": ("▀".encode(), dict(TERM="linux", COLORTERM=None))}
    for what, (mark, environment) in drawings.items():
        status, written = on_terminal(hugo.command("show", item, "--size", "40x10"), **environment)
        check_equal(status, 0, what)
        check_in(mark, written, what)
    for what, environment in (("a dumb terminal", dict(TERM="dumb")), ("none", dict(TERM=None))):
        check_not_in(b"\x1b[", on_terminal(hugo.command("show", item), **environment)[1], what)
    check(not re.search(rb"\x1b\[[0-9;]*[34]8;", on_terminal(hugo.command("show", item), NO_COLOR="1")[1]), "colours in spite of NO_COLOR")
    lines = on_terminal(hugo.command("show", item, "--size", "40x10"), columns=20)[1].decode().splitlines()
    check(max(len(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", line)) for line in lines[-5:]) <= 20, "wider than the terminal")
    hugo.run("show", item, "--size", "big", status=64)
    hugo.run("show", "a" * 26, status=66)
    status, written = on_terminal(hugo.command("list", "--preview"))
    check_equal((status, b"lake.png" in written, b"38;2;" in written), (0, True, True), "list --preview")
    check_not_in("\x1b", hugo.run("list", "--preview").stdout, "list --preview into a pipe")


@test("a stranger's thumbnail that is no JPEG, or a bomb, is not drawn; the facts are shown, and a list goes on")
def hostile_thumbnails():
    daemon = shared_daemon()
    reader, sender = daemon.client("reader"), SealingDevice(daemon)
    jpeg = io.BytesIO()
    picture(size=(16, 16)).save(jpeg, "JPEG")
    frame = jpeg.getvalue().index(b"\xff\xc0")
    png_file = io.BytesIO()
    picture().save(png_file, "PNG")
    device = reader_device(daemon, reader)
    hostile = {"words": b"\x1b]0;owned\x07\x1b[2J" * 50, "a PNG": png_file.getvalue(), "half a frame": jpeg.getvalue()[:frame + 12],
               "JPEG in name only": b"\xff\xd8\xff" + make_bytes(4000), "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'}
    for what, thumbnail in hostile.items():
        check_equal(sender.upload(sender.seal(b"content of it", device, thumbnail=thumbnail, name=what)).status, 201, what)
        status, written = on_terminal(reader.command("show", sender.item))
        check_equal(status, 65, what)
        check_in(b"is not a picture that can be opened in safety", written, what)
        check_in(what.encode(), written, what)
        check_not_in(b"owned", written, what)
    status, written = on_terminal(reader.command("list", "--preview"))
    check_equal((status, written.count(b"cannot be") + written.count(b"is not a picture"), b"owned" in written), (0, len(hostile), False), "the list")


class reader_device:
    """What SealingDevice.seal needs of a reader: who it is, and its public key."""

    def __init__(self, daemon, client):
        from cryptography.hazmat.primitives.asymmetric import x25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        self.user, self.name = client.user, client.json("whoami")["device"]
        secret = pem_secret(os.path.join(client.directory, "encryption.key"))
        self.private = x25519.X25519PrivateKey.from_private_bytes(secret)


def pem_secret(path):
    """The last 32 bytes of an unencrypted PKCS#8 key of this kind."""
    text = read_file(path).decode()
    return base64.b64decode("".join(text.split("-----")[2].split()))[16:48]


run()
