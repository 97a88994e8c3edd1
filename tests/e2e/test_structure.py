# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The house is built as docs/architecture.md says."""
import json
import pathlib
import re

import broker as brokers

ROOT = pathlib.Path(brokers.ROOT)
FOLDERS = ("base", "storage", "plugin")


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)


def sources():
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.[ch]"))]


def folder_of(path):
    return str(pathlib.PurePath(path).parent)


def arrows_in_the_tree():
    return {(folder, folder_of(included)) for path in sources() for included in includes(path)
            if (folder := folder_of(path.relative_to(ROOT))) != folder_of(included)}


def arrows_in_the_document():
    table = re.search(r"^\| folder \| includes \|\n.*?\n\n", (ROOT / "docs/architecture.md").read_text(), re.M | re.S)[0]
    rows = re.findall(r"^\| `(\S+)` \| (.*) \|$", table, re.M)
    return {(folder, included) for folder, cell in rows for included in re.findall(r"`(\S+?)`", cell)}


def test_the_arrows_between_folders_are_those_of_the_document():
    tree, document = arrows_in_the_tree(), arrows_in_the_document()
    assert tree - document == set(), "included, and not in docs/architecture.md"
    assert document - tree == set(), "in docs/architecture.md, and not included anywhere"


def test_no_header_includes_itself_by_a_detour():
    graph = {str(path.relative_to(ROOT)): includes(path) for path in sources() if path.suffix == ".h"}

    def visit(header, way):
        assert header not in way, " → ".join([*way[way.index(header):], header])
        for included in graph.get(header, ()):
            if included not in done:
                visit(included, [*way, header])
        done.add(header)
    done = set()
    for header in graph:
        visit(header, [])


def test_every_include_names_its_file_from_the_top():
    missing = [f"{path.relative_to(ROOT)}: {included}" for path in sources() for included in includes(path) if not (ROOT / included).is_file()]
    assert missing == []


def test_a_migration_of_mongodb_only_adds():
    """So that an older broker goes on while others have the new program."""
    known = set()
    for path in sorted((ROOT / "schema/mongo").glob("*.json")):
        migration = json.loads(path.read_text())
        assert set(migration) == {"version", "collections"} and migration["version"] == int(path.name[:4])
        for name, collection in migration["collections"].items():
            allowed = {"indexes"} if name in known else {"indexes", "shardKey", "validator"}
            assert set(collection) <= allowed, f"{path.name}: {name}"
            assert not any(index.get("unique") for index in collection["indexes"] if name in known), f"{path.name}: {name}"
        known |= set(migration["collections"])


def test_a_header_that_lists_the_files_around_it_lists_all_of_them():
    for header in ("plugin/broker/server.h", "plugin/chat/core_entry.h"):
        comment = re.search(r"/\*.*?\*/", (ROOT / header).read_text().partition("#define")[2], re.S)[0]
        folder = (ROOT / header).parent
        listed = set(re.findall(r"\b(\w+\.c)\b", comment))
        there = {path.name for path in folder.glob("*.c") if header in includes(path) and not path.name.startswith("control_")}
        assert there - listed == set(), f"not in {header}"
        assert {name for name in listed if not (folder / name).is_file()} == set(), f"in {header}, and not there"


def test_what_stands_for_an_invariant_in_the_document_is_there():
    table = (ROOT / "docs/architecture.md").read_text().partition("## Invariants")[2]
    tests = [path for path in (ROOT / "tests").rglob("*") if path.suffix in (".c", ".py", ".txt")]
    names = {path.name for path in tests} | {path.stem for path in tests}
    functions = {name for path in tests for name in re.findall(r"(?:def|static void) (\w+)\(", path.read_text(errors="replace"))}
    mentioned = [name for row in re.findall(r"^\| \d.*\|(.*)\|$", table, re.M) for name in re.findall(r"`([^`]+)`", row)]
    assert len(mentioned) > 20
    for name in mentioned:
        begin = re.split(r"[…*]", name)[0]
        assert any(known == name or (begin != name and known.startswith(begin)) for known in names | functions), name
