# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The page of web/ in headless Chromium: Alice and Bob in front of it, each with a browser context, served by the broker itself."""
import json
import os
import shutil
import socket
import threading

import broker as brokers
import browser as browsers
import pytest

pytestmark = [pytest.mark.host, pytest.mark.skipif("HC_FULL" not in os.environ, reason="a browser: ./test --full")]


class Relay:
    """A network between the browsers and the broker that can lose what the broker says, and be cut."""

    def __init__(self, port):
        self.port_behind, self.mute, self.cut = port, False, False
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accepts, daemon=True).start()

    def accepts(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                client.close()
                continue
            try:
                broker = socket.create_connection(("127.0.0.1", self.port_behind))
            except OSError:  # it is not running
                client.close()
                continue
            self.pairs.append((client, broker))
            threading.Thread(target=self.carries, args=(client, broker, False), daemon=True).start()
            threading.Thread(target=self.carries, args=(broker, client, True), daemon=True).start()

    def carries(self, source, target, answers):
        try:
            while data := source.recv(65536):
                if not (answers and self.mute):
                    target.sendall(data)
        except OSError:
            pass
        self.ends((source, target))

    @staticmethod
    def ends(pair):
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was faster

    def is_cut(self):
        self.cut = True
        for pair in self.pairs:
            self.ends(pair)
        self.pairs = []

    def is_mended(self):
        self.mute = self.cut = False

    def close(self):
        self.listener.close()
        self.is_cut()


class Site:
    """The page, served by Mosquitto's http_dir, and the WebSocket beside it."""

    def __init__(self, broker, directory):
        self.directory = directory / "www"
        shutil.copytree(browsers.PAGE, self.directory)
        self.websocket, self.page = brokers.free_port(), brokers.free_port()
        lines = [f"listener {self.websocket} 127.0.0.1", "protocol websockets"]
        if broker.version == "2.1":  # its own WebSockets serve no files
            lines += [f"listener {self.page} 127.0.0.1", "protocol http_api"]
        else:
            self.page = self.websocket
        broker.listener_lines += [*lines, f"http_dir {self.directory}"]
        self.url = f"http://127.0.0.1:{self.page}/"
        self.relay = Relay(self.websocket)
        self.configure()

    def configure(self, **members):
        config = {"title": "HyperChat", "broker": f"ws://127.0.0.1:{self.relay.port}/mqtt", **members}
        (self.directory / "config.json").write_text(json.dumps(config))


@pytest.fixture
def site(idle_broker, tmp_path):
    if browsers.what_is_missing():
        pytest.skip(browsers.what_is_missing())
    site = Site(idle_broker, tmp_path)
    yield site
    site.relay.close()


@pytest.fixture
def browser(site, tmp_path):
    browser = browsers.Browser(tmp_path)
    yield browser
    browser.ends()


@pytest.fixture
def visits(idle_broker, site, browser):
    """visits("alice"): in front of the page, signed in with a token."""
    idle_broker.start()

    def visit(name, **how):
        return browsers.User(browser, name, site.url, **how).signs_in_with(idle_broker.token(name))
    return visit


@pytest.fixture
def alice(visits):
    return visits("alice")


@pytest.fixture
def bob(visits, alice):
    bob = visits("bob")
    alice.starts_chat_with("bob")
    return bob


def test_they_talk_reply_edit_and_delete(alice, bob):
    alice.says("shall we?")
    bob.opens("alice")
    bob.acts("shall we?", "Reply")
    bob.says("yes, at 8")
    alice.reads("yes, at 8")
    alice.sees(".quote-text" + browsers.text("shall we?"))
    bob.acts("yes, at 8", "Edit")
    bob.says("yes, at 9")
    alice.reads("yes, at 9")
    alice.sees(".meta" + browsers.text("edited"))
    alice.acts("shall we?", "Delete")
    alice.does("click", "dialog .danger")
    bob.reads("Message deleted")
    bob.sees(".quote-text" + browsers.text("A message that was deleted"))
    assert bob.bodies() == ["Message deleted", "yes, at 9"]


def test_marks_tell_that_it_was_delivered_and_read(alice, bob):
    alice.says("are you there?")
    alice.sees_mark("are you there?", "received")
    bob.sees(".badge" + browsers.text("1"))
    bob.opens("alice")
    alice.sees_mark("are you there?", "read")
    bob.does("misses", ".chats .badge")


def test_typing_and_presence_are_shown(alice, bob):
    alice.sees(".chat-title p" + browsers.text("online"))
    bob.opens("alice")
    bob.does("click", "#body")
    bob.does("type", "hm")
    alice.sees(".typing" + browsers.text("bob is typing"))
    bob.does("press", "Backspace", "Backspace")
    bob.says("no")
    alice.reads("no")
    alice.does("misses", ".typing" + browsers.text("bob is typing"))


def test_a_group_is_made_named_and_left(visits, alice, bob):
    carol = visits("carol")
    alice.makes_group("Friday", "bob")
    alice.says("pizza?")
    bob.opens("Friday")
    bob.reads("pizza?")
    alice.does("click", "[aria-label='Members and settings']")
    alice.does("fill", "dialog form:last-of-type input", "carol")
    alice.does("press", "Enter")
    alice.sees(".member-name" + browsers.text("carol"))
    carol.opens("Friday")
    carol.sees(".note" + browsers.text("alice added you"))
    alice.does("click", "[aria-label='Remove carol']")
    alice.does("click", "dialog:last-of-type .danger")
    alice.does("misses", ".member-name" + browsers.text("carol"))
    alice.does("press", "Escape")
    bob.sees(".note" + browsers.text("alice removed carol"))
    carol.sees(".chat-title p" + browsers.text("You are not in this group any more"))


def test_what_is_written_without_a_network_arrives_once(idle_broker, site, alice, bob):
    bob.opens("alice")
    site.relay.is_cut()
    alice.is_offline()
    alice.says("from a tunnel")
    alice.sees_mark("from a tunnel", "waiting")
    site.relay.is_mended()
    bob.reads("from a tunnel")
    alice.sees_mark("from a tunnel", "read")
    assert stored(idle_broker) == ["from a tunnel"] == bob.bodies()


def test_what_arrived_without_an_answer_is_sent_again_and_is_there_once(idle_broker, site, alice, bob):
    bob.opens("alice")
    site.relay.mute = True
    alice.says("did you get it?")
    idle_broker.person("bob", "watch").hears("did you get it?")
    alice.sees_mark("did you get it?", "waiting")
    site.relay.is_cut()
    site.relay.is_mended()
    alice.sees_mark("did you get it?", "read")
    assert stored(idle_broker) == ["did you get it?"] == bob.bodies() == alice.bodies()


def test_a_restart_of_the_broker_is_survived(idle_broker, alice, bob):
    bob.opens("alice")
    alice.says("before")
    bob.reads("before")
    idle_broker.kill9()
    alice.is_offline()
    alice.says("meanwhile")
    idle_broker.start()
    bob.reads("meanwhile")
    assert stored(idle_broker) == ["before", "meanwhile"]


def stored(broker):
    chat = broker.person("alice", "reader").asks("ListChats")["chats"][0]["chatID"]
    return [t["body"] for t in broker.exported(chat) if t["type"] == "message"]


def test_a_reload_shows_what_is_kept_and_goes_on(site, alice, bob):
    bob.opens("alice")
    bob.says("one")
    alice.reads("one")
    site.relay.is_cut()
    alice.is_offline()
    alice.says("written offline")
    alice.sees_mark("written offline", "waiting")
    alice.does("reload")
    alice.reads("one")  # without a network: it is kept
    alice.sees_mark("written offline", "waiting")
    site.relay.is_mended()
    bob.reads("written offline")
    bob.says("two")
    alice.reads("two")
    assert alice.bodies() == ["one", "written offline", "two"]


def test_earlier_pages_come_when_they_are_asked_for(idle_broker, visits):
    writer = idle_broker.person("bob")
    idle_broker.person("alice", "phone")
    chat = writer.chat_with("alice")
    for number in range(130):
        writer.says(f"number {number}", chat=chat)
    alice = visits("alice")
    alice.opens("bob")
    alice.reads("number 129")
    while "number 0" not in alice.bodies():
        alice.does("evaluate", "document.querySelector('.scroll').scrollTop = 0; new Promise(done => setTimeout(done, 100))")
    assert alice.bodies() == [f"number {number}" for number in range(130)]


def test_markup_in_a_message_is_text(alice, bob):
    evil = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    alice.says(evil)
    bob.opens("alice")
    bob.reads("<img")
    assert bob.bodies() == [evil]
    assert bob.does("count", ".lines img, .lines script") == 0
    assert "owned" not in bob.does("evaluate", "document.title")


def test_it_can_be_used_by_the_keyboard_alone(alice, bob):
    alice.says("first")
    alice.says("second")
    alice.sees_mark("second", "received")
    alice.does("press", "ArrowUp")                    # the last message, to be edited
    alice.does("type", "!")
    alice.does("press", "Enter")
    bob.opens("alice")
    bob.reads("second!")
    alice.does("evaluate", "document.querySelector('.line[tabindex=\"0\"]').focus()")
    alice.does("press", "Home", "ArrowDown", "ArrowUp", "Enter", "Enter")   # to the first one, its actions, Reply
    alice.sees(".about" + browsers.text("first"))
    alice.does("press", "Escape")
    alice.does("misses", ".about")
    alice.does("press", "Escape")                     # back to the chats
    alice.does("misses", "#body")
    assert alice.does("evaluate", "document.activeElement.className") == "chat"
    alice.does("press", "Enter")
    alice.sees("#body")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(visits, alice, bob, dark):
    alice.says("hello")
    bob.opens("alice")
    bob.acts("hello", "Reply")
    bob.says("hello you")
    alice.reads("hello you")
    alice.makes_group("Friday", "bob")
    alice.says("pizza?")
    for person in (alice, bob):
        for width in (1280, 360):
            person.does("look", {"width": width, "height": 740, "dark": dark})
            assert person.does("axe") == []
    alice.does("click", "[aria-label='Members and settings']")
    assert alice.does("axe") == []
    alice.does("press", "Escape")
    alice.does("look", {"width": 1280, "height": 740, "dark": dark})
    for button in ("[aria-label='New chat']", ".me"):
        alice.does("click", button)
        assert alice.does("axe") == []
        alice.does("press", "Escape")
