# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""docs/troubleshooting.md quotes what the program says: each of it is still in the source. Links lead somewhere. The sizes in docs/client.md are so."""
import json
import re
import subprocess
import time
from types import SimpleNamespace

import broker as brokers
import mqtt
import pytest
import tokens

DOC = (brokers.ROOT / "docs/troubleshooting.md").read_text()
SPANS = re.findall(r"`([^`]+)`", re.sub(r"\n +", " ", DOC))


def said_by_the_source():
    """All literals, with those that stand beside each other put together and an … for each value."""
    texts = []
    for directory in ("plugin", "storage", "base"):
        for path in (brokers.ROOT / directory).rglob("*.[ch]"):
            source = path.read_text().replace("HOSTCONF_PLUGIN_FILE", '"mosquitto_hyperchat.so"')
            for literal in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:(?:\s|PRIu64|PRId64)*"(?:[^"\\\n]|\\.)*")*', source):
                text = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', literal[0])).replace('\\"', '"')
                texts.append(re.sub(r"%[-+ 0#]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j)?[diouxXcsfgp]|%(?=[ .,)])|%$", "…", text))
    return "\n".join(texts)


SOURCE = said_by_the_source()


def fragments(line):
    """What stands between the places that differ."""
    parts = (part.strip(" :;") for part in re.sub(r"^(hyperchat|WRONG|note): ", "", line).split("…"))
    return [part for part in parts if len(part) > 2]


LINES = [span for span in SPANS if re.match(r"(hyperchat|WRONG|note): ", span)]


def test_enough_is_quoted():
    assert len(re.findall(r"^### \d+\. ", DOC, re.M)) >= 20
    assert len(LINES) > 30


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_in_the_source(line):
    assert fragments(line), line
    for fragment in fragments(line):
        assert fragment in SOURCE, f"no source says {fragment!r}"


def test_a_text_without_its_beginning_is_in_the_source_as_well():
    """Those in brackets or behind a colon. What is to be typed stands under Look, or is a command's name and more."""
    told = re.sub(r"^- \*\*Look\*\*.*?(?=^- \*\*)", "", re.sub(r"\n +", " ", DOC.split("## The broker")[1]), flags=re.M | re.S)
    typed = re.compile(r"(hyperchat|WRONG|note): |(sudo|systemctl|hyperchatctl|install|apt|migrate) |[<#/]")
    texts = [span for span in re.findall(r"`([^`]+)`", told) if " " in span and not typed.match(span)]
    assert len(texts) > 10
    for text in texts:
        for fragment in fragments(text):
            assert fragment in SOURCE, f"no source says {fragment!r} of {text!r}"


def test_every_section_says_what_it_means_how_to_look_and_how_to_mend():
    for section in re.split(r"^### ", DOC, flags=re.M)[1:]:
        section = section.split("\n## ")[0]
        assert [word in section for word in ("**Means**", "**Look**", "**Mend**")] == [True] * 3, section.splitlines()[0]


def test_every_metric_and_every_command_in_it_exists():
    known = set(re.findall(r"^\| `(hyperchat_\w+)", (brokers.ROOT / "docs/operations.md").read_text(), re.M))
    assert {name for span in SPANS for name in re.findall(r"\bhyperchat_\w+", span) if not name.startswith("hyperchat_so")} <= known
    manual = subprocess.check_output([brokers.CTL, "--help"], text=True)
    commands = {command for span in SPANS for command in re.findall(r"hyperchatctl ([a-z][a-z-]*)", span)}
    assert len(commands) >= 5 and commands <= set(re.findall(r"^  ([a-z][a-z-]*)", manual, re.M))


def test_every_option_and_error_code_in_it_exists():
    options = set(re.findall(r"^\| `(\w+)` \|", (brokers.ROOT / "docs/configuration.md").read_text(), re.M))
    codes = set(re.findall(r'\{"(\w+)", "', (brokers.ROOT / "plugin/chat/refusal.c").read_text()))
    mosquittos = {"max_inflight_messages", "sys_interval", "enable_proxy_protocol", "too_many"}
    named = {span for span in SPANS if re.fullmatch(r"[a-z]+(_[a-z]+)+", span) and not span.startswith("hyperchat_")}
    assert len(named) > 10 and named <= options | codes | mosquittos, named - options - codes


def heading_anchors(text):
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("name", ["README.md", "docker/README.md", *sorted(f"docs/{path.name}" for path in (brokers.ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(name):
    file = brokers.ROOT / name
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (file.parent / path).resolve() if path else file
        assert found.exists(), f"{name}: {target}"
        if anchor and found.suffix == ".md":
            assert anchor in heading_anchors(found.read_text()), f"{name}: {target}"


# ---- what a small device has to hold ----

def least_token(algorithm, signature):
    """As long as one whose signature has so many characters."""
    claims = {"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": "kitchen", "exp": int(time.time()) + 3600}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": algorithm, "typ": "JWT"}, claims)]
    return ".".join([*map(tokens.base64url, parts), "s" * signature])


def token_of_the_tool(broker, directory):
    broker.ctl("keys", "--out", directory / "made.json")
    return broker.ctl("token", "--keys", directory / "made.json", "--issuer", tokens.ISSUER, "--audience", tokens.AUDIENCE, "--user", "kitchen").strip()


def connect_bytes(token):
    client = SimpleNamespace(version=mqtt.V311, client_id="kitchen/1")
    return len(mqtt.Client.connect_packet(client, username="", password=token))


def test_the_sizes_of_tokens_and_connects_are_as_the_document_for_small_devices_says(broker, tmp_path):
    section = (brokers.ROOT / "docs/client.md").read_text().split("## Small devices")[1]
    table = [(int(size), int(connect)) for size, connect in re.findall(r"^\| .* \| (\d+) \| (\d+) \|$", section, re.M)]
    of_device = broker.person("kitchen").asks("createDeviceToken", deviceID="1")["token"]
    found = [least_token("HS256", 43), least_token("ES256", 86), token_of_the_tool(broker, tmp_path), of_device, least_token("RS256", 342)]
    assert [(len(token), connect_bytes(token)) for token in found] == table
    for size, connect in table:
        assert connect == 19 + len("kitchen/1") + size
