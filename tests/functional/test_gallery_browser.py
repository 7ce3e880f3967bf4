#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery's page in a real browser: headless Chromium, one session for all of it. $SIS_SCREENSHOTS names a directory that gets pictures of it."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_browser import Browser
from sis_gallery import Gallery, Reader, send_picture, send_words
from sis_sealing import SealingDevice
from sis_testlib import *

HOSTILE = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script> \u202egnp.exe\u2069 \u0007"
TILES = "return document.querySelectorAll('.tile').length"
CAUGHT = "window.caught = []; addEventListener('securitypolicyviolation', (event) => caught.push(event.violatedDirective + ' ' + event.blockedURI));"
_world = {}


def world():
    if not _world:
        browser = Browser()
        daemon = shared_daemon()
        alice, carol, bob = daemon.client(unique("alice")), daemon.client(unique("carol")), SealingDevice(daemon, unique("bob"))
        reader = Reader(alice)
        items = [send_picture(bob, reader, 64, 48, seed, caption="Picture %d" % seed) for seed in range(1, 8)]
        items.append(send_words(bob, reader, "See you on Sunday"))
        items.append(send_picture(bob, reader, 64, 48, 9, name=HOSTILE[:200], caption=HOSTILE))
        gallery = Gallery(alice)
        browser.size(1200, 800)
        browser.scheme("light")
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=CAUGHT)
        browser.open(gallery.url)
        browser.wait("return document.getElementById('status').textContent === 'Live' && document.querySelectorAll('.tile').length === 9", "nine tiles")
        _world.update(daemon=daemon, alice=alice, carol=carol, bob=bob, reader=reader, items=items, gallery=gallery, browser=browser)
    return _world


def shot(name):
    directory = os.environ.get("SIS_SCREENSHOTS")
    if directory:
        world()["browser"].settle()
        world()["browser"].screenshot(os.path.join(directory, name + ".png"))


def focused(browser):
    return browser.run("return document.activeElement.closest('li')?.dataset.id")


def viewer_closes(browser):
    """The browser tells the page of a closing a moment after it has closed: then it is empty."""
    browser.wait("return !document.getElementById('viewer').open && !document.getElementById('viewer').firstChild", "the viewer to close")


@test("the grid shows every item by day, with decrypted thumbnails; the link's token is gone from the address")
def grid():
    browser = world()["browser"]
    browser.wait("return [...document.querySelectorAll('.is-image img')].filter((one) => one.naturalWidth > 0).length === 8", "eight thumbnails")
    check_equal(browser.run("return location.hash + location.search"), "", "the address")
    check_equal(browser.run("return [...document.querySelectorAll('h2')].map((one) => one.textContent)"), ["Today"], "days")
    check_equal(browser.run("return document.querySelector('.words').textContent"), "See you on Sunday", "the words")
    shot("desktop-light")


@test("a stranger's words are words: no element, no script, no turned text, whatever they hold")
def hostile_words():
    browser, bad = world()["browser"], world()["items"][-1]
    label = browser.label("li[data-id='%s'] button" % bad)
    check_in("<img src=x onerror=", label, "the accessible name")
    for sign in "\u202e\u2069\u0007":
        check_not_in(sign, label, "the accessible name")
    browser.click("li[data-id='%s'] button" % bad)
    browser.wait("return !!document.querySelector('.stand img[src^=blob]')", "the picture")
    check_in("<script>window.broken=1</script>", browser.run("return document.querySelector('.caption').textContent"), "the caption")
    check_equal(browser.run("return [window.broken ?? 0, document.querySelectorAll('script').length, document.querySelectorAll('#viewer img').length]"),
                [0, 1, 1], "what the words have made")
    browser.keys("Escape")
    viewer_closes(browser)


@test("by keyboard alone: walk the grid, open, next, first, last, close, and the focus is where one was")
def keyboard():
    browser, items = world()["browser"], world()["items"][::-1]
    browser.run("document.querySelector('.tile').focus()")
    browser.keys("ArrowRight", "ArrowRight")
    check_equal(focused(browser), items[2], "two to the right")
    browser.keys("ArrowDown")
    below = focused(browser)
    check(items.index(below) > 2, "down")
    browser.keys("ArrowUp", "End")
    check_equal(focused(browser), items[-1], "the end")
    browser.keys("Home", "ArrowRight", "ArrowRight", "Enter")
    browser.wait("return document.querySelector('.place')?.textContent === '3 of 9'", "the third")
    browser.keys("ArrowRight")
    browser.wait("return document.querySelector('.place').textContent === '4 of 9'", "the fourth")
    browser.wait("return document.querySelector('.stand img')?.naturalWidth === 64", "its picture")
    shot("full-light")
    browser.keys("End")
    browser.wait("return document.querySelector('.place').textContent === '9 of 9'", "the last")
    browser.keys("ArrowRight", "Home")
    browser.wait("return document.querySelector('.place').textContent === '1 of 9'", "the first")
    browser.keys("ArrowRight", "Escape")
    # The browser tells of the closing a moment after it has closed.
    wait_for(lambda: focused(browser) == items[1], "the focus to be where one was")


@test("who signed it, with which device, and that nobody has verified them, stands beside the picture")
def signer():
    browser, bob = world()["browser"], world()["bob"]
    browser.click("li[data-id='%s'] button" % world()["items"][0])
    words = browser.run("return document.querySelector('aside').textContent")
    for part in (bob.user, "device test", "You have not compared keys", "Picture 1", "64 × 48"):
        check_in(part, words, "what stands beside it")
    browser.keys("Escape")
    viewer_closes(browser)


@test("names and roles for who cannot see it: every control and picture has one; the dialogs are named")
def accessible():
    browser = world()["browser"]
    check_equal(browser.role("#grid"), "main", "role")
    check_equal([browser.label("#by-sender"), browser.label("#by-audience"), browser.label("#add")], ["From", "Conversation", "Add pictures"], "the bar")
    check(browser.label(".tile").startswith("Picture from "), browser.label(".tile"))
    browser.click(".is-image .tile")
    browser.wait("return !!document.querySelector('.stand img')", "the picture")
    nameless = "return [...document.querySelectorAll('button, select, input:not([hidden])')].filter((one) => !one.checkVisibility() ? false : " \
               "!(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).map((one) => one.outerHTML)"
    check_equal(browser.run(nameless), [], "controls without a name")
    check_equal(browser.run("return [...document.images].filter((one) => !one.alt).length"), 0, "pictures without words")
    check_equal((browser.role("#viewer"), browser.label("#viewer"), browser.role(".tools")), ("dialog", "Picture", "toolbar"), "the viewer")
    browser.keys("Escape")
    viewer_closes(browser)


CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
	.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (one) => { for (; one; one = one.parentElement) { const c = rgba(getComputedStyle(one).backgroundColor); if (c[3] > 200) return c; } return [255, 255, 255]; };
const poor = [];
for (const one of document.querySelectorAll('body *')) {
	const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
	if (!own || !one.checkVisibility({opacityProperty: true, visibilityProperty: true}) || one.closest('.unseen, .skip, .is-image .by'))
		continue;
	const a = light(rgba(getComputedStyle(one).color)), b = light(ground(one)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	if (ratio < 4.5)
		poor.push(one.className + ' ' + one.textContent.slice(0, 30) + ' ' + ratio.toFixed(2));
}
return poor;
"""


@test("light and dark, 1200 and 360 pixels wide: nothing sticks out sideways, every word has a contrast of 4.5 or more")
def looks():
    browser = world()["browser"]
    grounds = set()
    for width, height in ((1200, 800), (360, 740)):
        browser.size(width, height)
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            grounds.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
            for place in ("grid", "full"):
                if place == "full":
                    browser.click(".is-image .tile")
                    browser.wait("return !!document.querySelector('.stand img')", "the picture")
                wide = browser.run("return [document.documentElement.scrollWidth, innerWidth, document.getElementById('viewer').scrollWidth]")
                check(wide[0] <= wide[1] and wide[2] <= wide[1], "%s at %d: %r wide" % (place, width, wide))
                check_equal(browser.run(CONTRAST), [], "words that are hard to read, %s, %s, %d" % (place, scheme, width))
                shot("%s-%s-%d" % (place, scheme, width))
            browser.keys("Escape")
            viewer_closes(browser)
    check_equal(len(grounds), 2, "grounds")
    browser.size(1200, 800)
    browser.scheme("light")


@test("a swipe turns to the next picture")
def swipe():
    browser = world()["browser"]
    browser.click(".is-image .tile")
    browser.wait("return !!document.querySelector('.stand img')", "the picture")
    before = browser.run("return document.querySelector('.place').textContent")
    browser.run("""const stand = document.querySelector('.stand');
        for (const [kind, x] of [['pointerdown', 700], ['pointerup', 300]])
            stand.dispatchEvent(new PointerEvent(kind, {bubbles: true, pointerType: 'touch', clientX: x, clientY: 300}));""")
    browser.wait("return document.querySelector('.place').textContent !== %s" % json.dumps(before), "the next picture")
    browser.keys("Escape")
    viewer_closes(browser)


@test("files that are chosen are shared with words and people, with progress, and stand in the grid at once")
def upload():
    browser, carol = world()["browser"], world()["carol"]
    count = browser.run(TILES)
    browser.type("#files", make_picture(width=160, height=120, seed=3))
    browser.wait("return document.getElementById('sheet').open", "the question with whom")
    shot("upload")
    browser.type("#sheet input[id^=other]", carol.user)
    browser.type("#sheet input[id^=caption]", "Grüße vom See")
    browser.keys("Enter")
    browser.wait("return document.querySelectorAll('.tile').length === %d" % (count + 1), "one tile more")
    browser.wait("return document.querySelector('.upload .quiet')?.textContent === 'shared'", "the word that it is shared")
    browser.wait("return document.querySelector('.tile img')?.naturalWidth > 0", "its thumbnail")
    check_equal([(item["caption"], item["name"]) for item in [carol.json("list")]], [("Grüße vom See", "holiday.jpg")], "carol's list")


@test("what somebody else shares, or removes, comes and goes by itself")
def live():
    browser, bob = world()["browser"], world()["bob"]
    item = send_picture(bob, world()["reader"], 64, 48, 20, caption="Just now")
    browser.wait("return !!document.querySelector('li[data-id=\"%s\"] img[src]')" % item, "the new picture")
    check_equal(browser.run("return document.querySelector('li').dataset.id"), item, "the first tile")
    world()["daemon"].request("DELETE", "/v1/items/" + item, who=bob)
    browser.wait("return !document.querySelector('li[data-id=\"%s\"]')" % item, "it to go")


@test("sharing later and taking back, from the picture")
def sharing():
    browser, dave = world()["browser"], world()["daemon"].client(unique("dave"))
    browser.run("document.querySelector('.tile').click()")
    browser.keys("s")
    browser.wait("return document.getElementById('sheet').open", "the sheet")
    browser.type("#sheet input[id^=other]", dave.user)
    shot("share")
    browser.keys("Enter")
    browser.wait("return document.getElementById('toast').textContent === 'Shared with %s.'" % dave.user, "the word that it is shared")
    check_equal(len(dave.items()), 1, "dave's items")
    browser.keys("s")
    browser.click("#sheet button[aria-label='Take back from %s']" % dave.user)
    browser.wait("return document.getElementById('toast').textContent.startsWith('Taken back from %s.')" % dave.user, "the word that it was taken back")
    check_equal(len(dave.items()), 0, "dave's items")
    browser.keys("Escape", "Escape")
    browser.wait("return !document.querySelector('dialog[open]') && !document.getElementById('viewer').firstChild", "all to close")


@test("a download is the very file; deleting asks first")
def download_and_delete():
    browser, count = world()["browser"], world()["browser"].run(TILES)
    browser.run("document.querySelector('.tile').click()")
    browser.keys("d")
    path = os.path.join(browser.downloads, "holiday.jpg")
    wait_for(lambda: os.path.exists(path), "the download")
    check_equal(read_file(path)[:3], b"\xff\xd8\xff", "its beginning")
    browser.keys("Delete")
    browser.wait("return document.getElementById('sheet').open", "the question")
    browser.keys("Escape")
    browser.wait("return !document.getElementById('sheet').open", "no for an answer")
    check_equal(browser.run(TILES), count, "tiles")
    browser.keys("Delete")
    browser.wait("return document.getElementById('sheet').open", "the question again")
    # No, and asked once more at once: the browser tells of the first sheet's closing when the second one is open.
    browser.run("document.getElementById('sheet').close('');"
                "document.getElementById('viewer').dispatchEvent(new KeyboardEvent('keydown', { key: 'Delete', bubbles: true }))")
    browser.wait("return document.getElementById('sheet').open", "the question once more")
    browser.click("#sheet button.danger")
    browser.wait("return document.querySelectorAll('.tile').length === %d" % (count - 1), "the tile to go")
    browser.keys("Escape")
    viewer_closes(browser)


@test("the filters show one sender's, or one conversation's")
def filters():
    browser, bob = world()["browser"], world()["bob"]
    browser.run("const s = document.getElementById('by-sender'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))", bob.user)
    browser.wait("return document.querySelectorAll('.tile').length === 9", "bob's nine")
    browser.run("const s = document.getElementById('by-sender'); s.value = ''; s.dispatchEvent(new Event('change'))")
    choices = browser.run("return [...document.getElementById('by-audience').options].map((one) => one.textContent)")
    check_equal(choices, ["All conversations", "%s and you" % bob.user], "conversations")


@test("the session lives on in its tab when the page is loaded again, and in no other")
def reload():
    browser = world()["browser"]
    browser.command("POST", "/refresh")
    browser.wait("return document.querySelectorAll('.tile').length === 9", "the tiles again")
    first = browser.command("GET", "/window")
    other = browser.command("POST", "/window/new", {"type": "tab"})["handle"]
    browser.command("POST", "/window", {"handle": other})
    browser.open(world()["gallery"].origin + "/")
    browser.wait("return document.getElementById('notice').textContent.includes('sis gallery')", "the page without a key")
    check_equal(browser.run(TILES), 0, "tiles without a key")
    browser.command("DELETE", "/window")
    browser.command("POST", "/window", {"handle": first})


@test("nothing left the loopback address, no policy was broken, and no error was told to the console")
def closed_world():
    browser, gallery = world()["browser"], world()["gallery"]
    asked = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    check_equal([name for name in asked if not name.startswith((gallery.origin + "/", "blob:" + gallery.origin + "/"))], [], "requests elsewhere")
    check_equal(browser.run("return window.caught"), [], "policies that were broken")
    check_equal([words for words in browser.messages() if "401" not in words], [], "the console")
    check_equal(gallery.stop()[0], 0, "exit status")
    browser.wait("return document.getElementById('status').textContent.includes('ended')", "the page to say that the gallery has ended")
    browser.close()


run()
