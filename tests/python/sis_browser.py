# SPDX-License-Identifier: GPL-3.0-or-later
"""A small WebDriver client (W3C WebDriver over chromedriver's HTTP), with the standard library alone, for tests that look at the gallery.

    with Browser() as browser:
        browser.open(url)
        browser.wait("return document.querySelectorAll('.tile').length === 3", "three tiles")
        browser.keys("ArrowRight")
        browser.screenshot("/tmp/x.png")

The browser starts once with a profile of its own, makes no requests of its own, and resolves no name but loopback ones.
"""

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess

from sis_testlib import SLOW, Failure, Skip, program_environment, temporary, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Home": "\ue011", "End": "\ue010", "Escape": "\ue00c",
        "Enter": "\ue007", "Delete": "\ue017", "Tab": "\ue004", "Space": " "}
SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage", "--lang=en-GB",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


def find_program(*names):
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    def __init__(self, downloads=None):
        driver, chromium = find_program("chromedriver"), find_program("chromium", "chromium-browser", "google-chrome")
        if driver is None or chromium is None:
            raise Skip("needs chromium and chromedriver (packages chromium, chromium-driver)")
        try:
            socket.getaddrinfo("localhost", None)
        except OSError:
            raise Skip("chromedriver finds its browser by the name localhost, which nobody resolves here (/etc/hosts)") from None
        self.directory = temporary("browser")
        self.downloads = downloads or os.path.join(self.directory, "downloads")
        os.makedirs(self.downloads, exist_ok=True)
        self.log = open(os.path.join(self.directory, "chromedriver.log"), "w+")
        environment = program_environment(HOME=self.directory, LANGUAGE="en")
        self.process = subprocess.Popen([driver, "--port=0"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment,
                                        start_new_session=True)
        self.session = None
        try:
            self.port = wait_for(self._port, "chromedriver's port")
            preferences = {"download.default_directory": self.downloads, "download.prompt_for_download": False, "intl.accept_languages": "en-GB,en"}
            options = {"binary": chromium, "args": SWITCHES + ["--user-data-dir=" + os.path.join(self.directory, "profile")], "prefs": preferences}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options,
                                                                                     "goog:loggingPrefs": {"browser": "ALL"}}}})
            self.session = "/session/" + answer["sessionId"]
        except BaseException:
            self.close()
            raise

    def _port(self):
        self.log.seek(0)
        words = self.log.read().split("started successfully on port ")
        if self.process.poll() is not None:
            raise Failure("chromedriver ended: " + words[0])
        return int(words[1].split(".")[0]) if len(words) > 1 else None

    def __enter__(self):
        return self

    def __exit__(self, *_ignored):
        self.close()

    def close(self):
        if self.session:
            try:
                self._call("DELETE", self.session)
            except (OSError, Failure, http.client.HTTPException):
                pass
        self.session = None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * SLOW)
        try:
            connection.request(method, path, body=None if method != "POST" else json.dumps(body or {}), headers={"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(answer, dict) and "error" in answer and "message" in answer:
            raise Failure("the browser: %s: %s" % (answer["error"], answer["message"][:1000]))
        return answer

    def command(self, method, path, body=None):
        return self._call(method, self.session + path, body)

    # -- what a person does

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def size(self, width, height):
        """The size of the page itself, as on a telephone: windows have a least width."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def keys(self, *names):
        """Presses keys one after the other, on whatever has the focus."""
        actions = []
        for name in names:
            value = KEYS.get(name, name)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.command("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def find(self, selector):
        return self.command("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.wait("return !!document.querySelector(%s)" % json.dumps(selector), selector)
        self.command("POST", "/element/%s/click" % self.find(selector))

    def type(self, selector, text):
        """Into a field; for a file input: the path of the file."""
        self.command("POST", "/element/%s/value" % self.find(selector), {"text": text})

    # -- what there is to see

    def run(self, script, *arguments):
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, what, limit_s=20):
        return wait_for(lambda: self.run(script), "in the browser: " + what, limit_s)

    def label(self, selector):
        """The accessible name, as the browser computes it."""
        return self.command("GET", "/element/%s/computedlabel" % self.find(selector))

    def role(self, selector):
        return self.command("GET", "/element/%s/computedrole" % self.find(selector))

    def devtools(self, method, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": method, "params": parameters})

    def messages(self):
        """What the page's console was told since the last call: errors, warnings, broken policies."""
        return [entry["message"] for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))
        return path

    def settle(self):
        """Until every picture in sight is decoded and nothing moves any more."""
        self.wait("return [...document.images].every((one) => one.src ? one.complete : !one.closest('[data-near]')) && document.getAnimations().length === 0", "a page at rest")
        self.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
