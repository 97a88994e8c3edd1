# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The page of web/ in headless Chromium: Alice and Bob in front of it, each with a browser context."""
import functools
import http.server
import json
import os
import shutil
import socket
import threading
import time

import broker as brokers
import browser as browsers
import mqtt
import programs
import provider as providers
import pytest

pytestmark = [pytest.mark.host, pytest.mark.skipif("HC_FULL" not in os.environ, reason="a browser: ./test --full"),
              pytest.mark.skipif(brokers.sanitizer() != "", reason="about the page, which no sanitizer looks into")]


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


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    """The page, served by Mosquitto 2.0 itself (http_dir), and the WebSocket."""
    server = None

    def __init__(self, broker, directory):
        self.directory = directory / "www"
        shutil.copytree(browsers.PAGE, self.directory)
        port = brokers.free_port()
        broker.listener_lines += [f"listener {port} 127.0.0.1", "protocol websockets"]
        self.url = f"http://127.0.0.1:{port}/"
        if broker.version == "2.1":  # serves files to nobody without a token
            handler = functools.partial(Quiet, directory=self.directory)
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=self.server.serve_forever, daemon=True).start()
            self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        else:
            broker.listener_lines.append(f"http_dir {self.directory}")
        self.relay = Relay(port)
        self.configure()

    def close(self):
        self.relay.close()
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def configure(self, **members):
        config = {"title": "HyperChat", "broker": f"ws://127.0.0.1:{self.relay.port}/mqtt", **members}
        (self.directory / "config.json").write_text(json.dumps(config))


@pytest.fixture
def site(idle_broker, tmp_path):
    if browsers.what_is_missing():
        pytest.skip(browsers.what_is_missing())
    site = Site(idle_broker, tmp_path)
    yield site
    site.close()


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


def test_earlier_pages_show_messages_as_they_are_now(idle_broker, visits):
    writer = idle_broker.person("bob")
    idle_broker.person("alice", "phone")
    chat = writer.chat_with("alice")
    numbers = [writer.says(f"number {number}", chat=chat)["messageID"] for number in range(300)]  # more than a page
    writer.edits(numbers[3], chat, "number 3, edited at the end")
    writer.deletes(numbers[4], chat)
    expected = [f"number {number}" for number in range(300) if number != 4]
    expected[3] += ", edited at the end"
    alice = visits("alice")
    alice.opens("bob")
    alice.reads("number 299")
    assert "number 0" not in alice.bodies()
    while "number 0" not in alice.bodies():
        alice.does("evaluate", "document.querySelector('.scroll').scrollTop = 0; new Promise(done => setTimeout(done, 100))")
    assert alice.bodies() == expected


def test_a_tab_gives_way_to_another_one(idle_broker, visits):
    alice = visits("alice")
    alice.does("evaluate", "void navigator.locks.request('hyperchat:alice', {steal: true}, () => new Promise(() => {}))")  # what the other one does
    alice.sees(".problem" + browsers.text("goes on in another tab"))
    idle_broker.expects_line(r"New client connected .* as alice/web-", lambda: alice.does("reload"))
    alice.is_in()


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


# ---- sign-in ----

@pytest.fixture
def provider(site, tmp_path):
    if not providers.is_there():
        pytest.skip("oidc-provider or Node.js is missing: run scripts/get-oidc-provider")
    directory = tmp_path / "provider"
    directory.mkdir()
    provider = providers.Provider(directory)
    site.configure(issuer=provider.issuer, clientID="page", resource="https://chat.example/hyperchat")
    yield provider
    provider.ends()


@pytest.fixture
def visitor(idle_broker, site, provider, tmp_path):
    """In front of the page, which asks the provider. The broker believes nobody else."""
    idle_broker.options |= {"keys": None, "issuer": None, "oidc": provider.issuer, "audience": "hyperchat", "oidc_ca": provider.authority, "leeway": 0}
    idle_broker.expects_line(r"keys of https://127\.0\.0\.1:\d+: (ES256|RS256)", idle_broker.start)
    directory = tmp_path / "browser"
    directory.mkdir()
    browser = browsers.Browser(directory, programs.key_digest(provider.certificate))

    def visit(lifetime=3600):
        provider.does("page", uri=site.url, lifetime=lifetime)
        return browsers.User(browser, "alice", site.url)
    yield visit
    browser.ends()


def signs_in(alice):
    alice.does("click", "form button" + browsers.text("Sign in"))
    alice.does("fill", "[name=login]", "alice")
    alice.does("fill", "[name=password]", "any")
    alice.does("press", "Enter")
    alice.does("click", "button" + browsers.text("Continue"))
    return alice.is_in()


def connections(broker):
    return broker.log_text().count(" as alice/web-")


def test_sign_in_with_the_provider_leaves_no_code_in_the_address_and_no_token_on_the_disk(idle_broker, site, visitor):
    alice = signs_in(visitor())
    assert alice.does("address") == site.url
    kept = alice.does("evaluate", "JSON.stringify({...localStorage}) + document.cookie")
    assert "eyJ" not in kept and "hyperchat.device" in kept
    alice.does("reload")
    alice.is_in()
    alice.does("click", ".me")
    alice.does("click", "dialog button" + browsers.text("Sign out"))
    alice.sees("form button" + browsers.text("Sign in"))
    assert alice.does("evaluate", "sessionStorage.length") == 0
    assert alice.does("evaluate", "indexedDB.databases().then(all => all.length)") == 0
    assert connections(idle_broker) == 2


def test_the_token_is_renewed_before_it_ends_and_the_connection_goes_on(idle_broker, provider, visitor):
    alice = signs_in(visitor(lifetime=9))
    deadline = time.monotonic() + mqtt.PATIENCE + 20
    while provider.does("counts").get("/token", 0) < 4:  # the first, and three more: longer than the first one counted
        assert time.monotonic() < deadline
        time.sleep(0.1)
    alice.is_online()
    assert connections(idle_broker) == 1


def test_an_answer_to_another_sign_in_is_not_taken(site, visitor):
    alice = visitor()
    alice.does("evaluate", f"location.href = {json.dumps(site.url + '?code=stolen&state=other')}")
    alice.sees(".problem" + browsers.text("not begun here"))
    assert alice.does("address") == site.url


# ---- how it looks ----

def talk_about_the_hut(broker, visits):
    people = {"alice": "Alice Berger", "bob": "Bob Novak", "carol": "Carol Reyes", "dora": "Dora Klein", "emil": "Emil Stone"}
    for name, called in people.items():
        broker.person(name, "setup").asks("updateUserInfo", userInfo={"name": called})
    alice, bob, carol = (visits(name) for name in ("alice", "bob", "carol"))
    broker.person("emil").says("The invoice is paid, thanks!", to="alice")
    broker.person("dora").says("Are you coming on Saturday? I would bring the tent and the big pot.", to="alice")
    bob.starts_chat_with("alice")
    bob.says("Do you still have my head torch?")
    alice.makes_group("Mountain weekend", *list(people)[1:])
    alice.says("Who is in for the hut on the 12th?")
    carol.opens("Mountain weekend")
    carol.says("Me! I can take three in the car.")
    bob.opens("Mountain weekend")
    bob.acts("Me! I can take three in the car.", "Reply")
    bob.says("Is one seat still free? I would bring cheese")
    carol.reads("Is one seat still free? I would bring cheese")
    carol.says("Of course. Leaving at seven, coffee on the way")
    alice.reads("Of course. Leaving at seven, coffee on the way")
    alice.says("Perfect. I book for five then, and write down who brings what:\n– cheese: Bob\n– tent: Dora\n– coffee: me")
    bob.reads("coffee: me")
    bob.says("And I bring the cards")
    alice.reads("And I bring the cards")
    carol.does("click", "#body")
    carol.does("type", "w")
    alice.sees(".typing" + browsers.text("typing"))
    alice.does("evaluate", "document.activeElement.blur()")
    return alice


TOO_WIDE = """Array.from(document.querySelectorAll('.conversation, .conversation *'))
    .filter(box => box.checkVisibility() && (box.getBoundingClientRect().right > innerWidth || box.getBoundingClientRect().left < 0)).map(box => box.outerHTML)"""


def test_nothing_is_wider_than_a_phone_or_a_desk(idle_broker, visits, tmp_path):
    """With HC_SHOTS=docs the pictures there are made anew."""
    shots = os.path.abspath(os.environ.get("HC_SHOTS", tmp_path))
    alice = talk_about_the_hut(idle_broker, visits)
    for device, width, height in (("desktop", 1280, 720), ("phone", 360, 720)):
        for scheme in ("light", "dark"):
            alice.does("look", {"width": width, "height": height, "dark": scheme == "dark"})
            alice.comes_true("document.querySelector('.composer').getBoundingClientRect().bottom <= innerHeight")
            alice.comes_true("document.querySelector('.scroll').scrollTop + document.querySelector('.scroll').clientHeight >= document.querySelector('.scroll').scrollHeight - 2")
            assert alice.does("evaluate", TOO_WIDE) == []
            alice.does("shot", f"{shots}/web-{device}-{scheme}.png")
    assert alice.does("problems") == []
