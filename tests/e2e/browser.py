# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""People in front of the page of web/, each in a context of one headless Chromium (tests/web/browser.mjs)."""
import json
import os
import shutil
import subprocess
import time

import broker as brokers
import mqtt

PAGE = brokers.ROOT / "build/web"
MODULES = brokers.ROOT / "web/node_modules"
PROGRAM = brokers.ROOT / "tests/web/browser.mjs"


def what_is_missing():
    if not (PAGE / "app.js").exists() or not MODULES.exists():
        return "the page is not built: run scripts/build-web"
    return None if shutil.which("chromium") and shutil.which("node") else "chromium or node is missing"


class Browser:
    def __init__(self, directory, digest=""):
        shutil.copy(PROGRAM, directory)  # beside its modules, where Node.js looks for them
        (directory / "node_modules").symlink_to(MODULES)
        self.process = subprocess.Popen(["node", directory / PROGRAM.name, directory, shutil.which("chromium"), digest], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "HOME": str(directory)})
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        said = json.loads(line)
        assert "error" not in said, said["error"]
        return said["result"]

    def does(self, who, what, *arguments):
        self.process.stdin.write(json.dumps({"who": who, "do": what, "with": arguments}) + "\n")
        self.process.stdin.flush()
        try:
            return self.answer()
        except AssertionError as failed:
            raise AssertionError(f"{who}: {what} {arguments}: {failed}") from None

    def ends(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def text(words):
    """A selector for what has these words in it."""
    return f"::-p-text({words})"


class User:
    """Somebody in front of the page."""

    def __init__(self, browser, name, url, **how):
        self.browser, self.name = browser, name
        self.does("open", url, how)

    def does(self, what, *arguments):
        return self.browser.does(self.name, what, *arguments)

    def signs_in_with(self, token):
        self.does("fill", "#token", token)
        self.does("click", "form button[type=submit]")
        return self.is_in()

    def is_in(self):
        self.sees(".me")
        self.is_online()
        return self

    def is_online(self):
        self.does("misses", "#status")

    def is_offline(self):
        self.sees("#status.offline")

    def sees(self, selector):
        self.does("sees", selector)

    def opens(self, chat):
        self.does("click", f".chats .chat-name{text(chat)}")
        self.sees(f"#chat-title{text(chat)}")

    def starts_chat_with(self, person):
        self.does("click", "[aria-label='New chat']")
        self.does("fill", "#new-person", person)
        self.does("press", "Enter")
        self.does("misses", "dialog")
        self.sees("#body")

    def makes_group(self, name, *members):
        self.does("click", "[aria-label='New chat']")
        self.does("fill", "#new-name", name)
        self.does("fill", "#new-members", ", ".join(members))
        self.does("press", "Enter")
        self.does("misses", "dialog")
        self.sees("#body")

    def says(self, words):
        self.does("fill", "#body", words)
        self.does("press", "Enter")

    def reads(self, words):
        self.sees(f".line .body{text(words)}")

    def bodies(self):
        return self.does("texts", ".line .body")

    def line(self, words):
        """A selector for the line with just these words."""
        self.reads(words)
        find = "Array.from(document.querySelectorAll('.line')).find(line => line.querySelector('.body')?.textContent === %s)?.dataset.key"
        return f'.line[data-key="{self.does("evaluate", find % json.dumps(words))}"]'

    def acts(self, words, action):
        """Reply, Edit or Delete, with the keyboard."""
        line = self.line(words)
        self.does("evaluate", f"document.querySelector({json.dumps(line)}).focus()")
        self.does("click", f"{line} [aria-label='{action}']")

    def sees_mark(self, words, mark):
        """At the line with these words, which is another element once it is sent."""
        find = "Array.from(document.querySelectorAll('.line')).some(line => line.querySelector('.body')?.textContent === %s && line.querySelector('.mark.%s'))"
        self.comes_true(find % (json.dumps(words), mark))

    def comes_true(self, expression):
        deadline = time.monotonic() + mqtt.PATIENCE
        while not self.does("evaluate", expression):
            assert time.monotonic() < deadline, f"{self.name} waited in vain for {expression}; there is {self.does('texts', '.line')}"
            time.sleep(0.03)
