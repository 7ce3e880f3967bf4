#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paints landscapes for the tour and its screenshots, from nothing but numbers: a JPEG with the Exif (camera, time, GPS) that a telephone would write.

    make_landscape.py NAME FILE [WIDTH HEIGHT]

NAME is one of those in SCENES. The same name and size give the same picture. Needs python3-pil.
"""

import io
import math
import os
import random
import sys

from PIL import Image, ImageChops, ImageDraw, ImageFilter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_photo

# sky from top to horizon; sun (x, y, size, colour) in parts of the picture; ranges from far to near (where it begins, how rough, colour);
# where water begins and its tint; what stands in front.
SCENES = {
    "lake": dict(sky=("#1f3b73", "#7a6fa8", "#f2a679", "#ffe0a8"), sun=(0.66, 0.47, 0.035, "#fff3cf"), water=(0.62, "#31507f"),
                 ranges=((0.50, 0.16, "#8a7fa6"), (0.55, 0.12, "#5c5a86"), (0.60, 0.07, "#33395f")), front="reeds"),
    "boat": dict(sky=("#3f8fd0", "#8cc6ea", "#e4f3f6"), sun=(0.25, 0.20, 0.03, "#ffffff"), water=(0.52, "#2b7ba8"),
                 ranges=((0.49, 0.05, "#9fbfce"), (0.51, 0.03, "#6f9f92")), front="sail"),
    "snow": dict(sky=("#2c5f9e", "#86b4de", "#dcebf5"), sun=None, water=None,
                 ranges=((0.36, 0.34, "#c9d9ea"), (0.52, 0.26, "#e4edf5"), (0.70, 0.12, "#f3f7fa"), (0.84, 0.06, "#ffffff")), front="firs"),
    "meadow": dict(sky=("#4a9fe0", "#a8d5f2", "#f4f6e6"), sun=(0.78, 0.18, 0.04, "#fffbe0"), water=None,
                   ranges=((0.52, 0.10, "#8fb6a8"), (0.60, 0.08, "#6fa063"), (0.70, 0.06, "#57933f"), (0.80, 0.04, "#447f2f")), front="flowers"),
    "night": dict(sky=("#070b1f", "#15224a", "#33457c"), sun=(0.28, 0.24, 0.045, "#f6f2dc"), water=(0.70, "#16234a"),
                  ranges=((0.58, 0.18, "#202c57"), (0.65, 0.10, "#131b3c")), front="stars"),
    "dunes": dict(sky=("#5b4a86", "#d9777a", "#f7c27d"), sun=(0.36, 0.40, 0.05, "#fff0c0"), water=None,
                  ranges=((0.52, 0.05, "#d99a63"), (0.60, 0.09, "#c07c48"), (0.72, 0.10, "#9c5a35"), (0.86, 0.06, "#6f3c29")), front=None),
    "forest": dict(sky=("#9fc3c9", "#cfe0d8", "#f1efdc"), sun=None, water=None,
                   ranges=((0.42, 0.10, "#a9c3b6"), (0.55, 0.08, "#7fa691"), (0.68, 0.07, "#4f7f68")), front="firs"),
    "autumn": dict(sky=("#6f9fc4", "#c7d8dc", "#f6e3bf"), sun=(0.55, 0.32, 0.03, "#fff6da"), water=(0.66, "#5d7c86"),
                   ranges=((0.52, 0.12, "#b08a6a"), (0.58, 0.08, "#b5652f"), (0.64, 0.05, "#7d4522")), front="reeds"),
}
SCALE = 2                       # painted larger, for smooth edges


def gradient(width, height, colours):
    strip = Image.new("RGB", (1, len(colours)))
    for i, colour in enumerate(colours):
        strip.putpixel((0, i), tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5)))
    return strip.resize((width, height), Image.Resampling.BICUBIC)


def ridge(chance, width, base, rough):
    """Heights of a line of hills, by midpoint displacement, as points of a polygon's upper edge."""
    heights = [chance.uniform(-0.5, 0.5) for _ in range(4)]
    swing = 0.5
    while len(heights) < 200:
        swing *= 0.55
        heights = [h for a, b in zip(heights, heights[1:]) for h in (a, (a + b) / 2 + chance.uniform(-swing, swing))] + heights[-1:]
    return [(i * width / (len(heights) - 1), base + rough * h) for i, h in enumerate(heights)]


def paint_sun(picture, sun):
    width, height = picture.size
    x, y, size, colour = sun[0] * width, sun[1] * height, sun[2] * height, sun[3]
    glow = Image.new("RGB", picture.size)
    ImageDraw.Draw(glow).ellipse((x - 5 * size, y - 5 * size, x + 5 * size, y + 5 * size), fill="#3c3428")
    picture.paste(ImageChops.screen(picture, glow.filter(ImageFilter.GaussianBlur(2.5 * size))))
    ImageDraw.Draw(picture).ellipse((x - size, y - size, x + size, y + size), fill=colour)


def paint_water(picture, begins, tint, chance):
    width, height = picture.size
    top = int(begins * height)
    mirror = picture.crop((0, max(0, 2 * top - height), width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width, height - top))
    mirror = Image.blend(mirror.filter(ImageFilter.GaussianBlur(2 * SCALE)), Image.new("RGB", mirror.size, tint), 0.35)
    waves = ImageDraw.Draw(mirror, "RGBA")
    for _ in range(140):
        depth = chance.random()
        x, y, length = chance.uniform(-0.1, 1) * width, depth ** 1.4 * mirror.height, (0.02 + 0.10 * depth) * width
        waves.line((x, y, x + length, y), fill=(255, 255, 255, chance.randint(10, 34)), width=1 + int(2 * depth))
    picture.paste(mirror, (0, top))


def front_reeds(draw, width, height, chance):
    for _ in range(70):
        x, tall, lean = chance.triangular(0, 0.5, 0.05) * width, chance.uniform(0.08, 0.30) * height, chance.uniform(-0.02, 0.05) * width
        draw.line((x, height, x + lean * 0.4, height - tall * 0.6, x + lean, height - tall), fill="#1c2030", width=SCALE + 1)


def front_sail(draw, width, height, _chance):
    x, y, size = 0.62 * width, 0.66 * height, 0.30 * height
    draw.polygon(((x, y - size), (x, y - 0.06 * size), (x + 0.45 * size, y - 0.06 * size)), fill="#fbfaf4")
    draw.polygon(((x - 0.03 * size, y - 0.85 * size), (x - 0.03 * size, y - 0.06 * size), (x - 0.34 * size, y - 0.06 * size)), fill="#e2574c")
    draw.polygon(((x - 0.45 * size, y), (x + 0.55 * size, y), (x + 0.40 * size, y + 0.13 * size), (x - 0.34 * size, y + 0.13 * size)), fill="#5a3826")


def front_firs(draw, width, height, chance):
    for x in sorted(chance.uniform(-0.02, 1.02) for _ in range(16)):
        tall, foot = chance.uniform(0.18, 0.36) * height, (0.97 + chance.uniform(0, 0.06)) * height
        for step in range(4):
            half, top = tall * (0.10 + 0.05 * step), foot - tall + step * tall * 0.2
            draw.polygon(((x * width, top), (x * width - half, top + tall * 0.34), (x * width + half, top + tall * 0.34)), fill="#21453c")


def front_flowers(draw, width, height, chance):
    for _ in range(260):
        depth = chance.random()
        x, y, size = chance.random() * width, (0.80 + 0.20 * depth) * height, (0.003 + 0.009 * depth) * height
        colour = chance.choice(("#f6d743", "#f4f1ea", "#e2574c", "#b57edc", "#f6d743"))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)


def front_stars(draw, width, height, chance):
    for _ in range(120):
        x, y, size = chance.random() * width, chance.random() ** 1.5 * 0.5 * height, chance.choice((0.5, 0.5, 0.8, 1.3)) * SCALE
        draw.ellipse((x - size, y - size, x + size, y + size), fill="#e8ecff")


FRONTS = {"reeds": front_reeds, "sail": front_sail, "firs": front_firs, "flowers": front_flowers, "stars": front_stars}


def paint(name, width, height):
    scene, chance = SCENES[name], random.Random(name)
    picture = gradient(width * SCALE, height * SCALE, scene["sky"])
    if scene["sun"]:
        paint_sun(picture, scene["sun"])
    for base, rough, colour in scene["ranges"]:
        edge = ridge(chance, picture.width, base * picture.height, rough * picture.height)
        ImageDraw.Draw(picture).polygon(edge + [picture.size, (0, picture.height)], fill=colour)
    if scene["water"]:
        paint_water(picture, *scene["water"], chance)
    if scene["front"]:
        FRONTS[scene["front"]](ImageDraw.Draw(picture), *picture.size, chance)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def make(name, width=960, height=640):
    """The bytes of a JPEG."""
    out = io.BytesIO()
    paint(name, width, height).save(out, "JPEG", quality=88, exif=make_photo.exif())
    return out.getvalue()


def main():
    if len(sys.argv) not in (3, 5) or sys.argv[1] not in SCENES:
        sys.exit(__doc__.strip() + "\n" + " ".join(SCENES))
    with open(sys.argv[2], "wb") as file:
        file.write(make(sys.argv[1], *(int(word) for word in sys.argv[3:])))


if __name__ == "__main__":
    main()
