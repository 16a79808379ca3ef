#!/usr/bin/env python3
"""A room includes only what the table in docs/architecture.md allows."""

import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
ROW = re.compile(r"^\| `src/(\w+)` \|[^|]*\|([^|]*)\|\s*$", re.MULTILINE)


def read_rules(document: str) -> dict[str, set[str]]:
    """Room -> the rooms it may include, from the rows "| `src/room` | what | rooms |" of the table."""
    rows = {room: allowed for room, allowed in ROW.findall(document)}
    rules = {}
    for room, allowed in rows.items():
        words = set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", allowed)))
        if words == {"nothing"}:
            rules[room] = {room}
        elif words == {"all"}:
            rules[room] = set(rows) - {"cli"}
        else:
            unknown = words - set(rows)
            if unknown:
                raise ValueError(f"the row of src/{room} names {sorted(unknown)}, which are no rooms")
            rules[room] = words | {"base", room}
    return rules


def violations(source: pathlib.Path, rules: dict[str, set[str]]) -> list[str]:
    found = []
    for room in sorted(path.name for path in source.iterdir() if path.is_dir()):
        paths = sorted(path for path in (source / room).rglob("*") if path.suffix in {".h", ".cpp"})
        if paths and room not in rules:
            found.append(f"src/{room}: not in the table of docs/architecture.md")
            continue
        for path in paths:
            text = path.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                included = match.group(1)
                line = text.count("\n", 0, match.start()) + 1
                where = f"{path.relative_to(source.parent)}:{line}"
                target = included.split("/")[0]
                if "/" not in included or target not in rules:
                    found.append(f'{where}: "{included}" is not a path from src/')
                elif target not in rules[room]:
                    found.append(f'{where}: src/{room} may not include "{included}"')
    return found


class IncludeDirection(unittest.TestCase):
    def test_every_include_follows_the_table(self):
        rules = read_rules((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
        self.assertGreater(len(rules), 5, "the table of docs/architecture.md was not found")
        found = violations(ROOT / "src", rules)
        self.assertEqual(found, [], "\n" + "\n".join(found))


class TheTestItself(unittest.TestCase):
    """A gate that cannot fail is worth nothing."""

    TABLE = (
        "| `src/base` | errors | nothing |\n"
        "| `src/market` | prices | |\n"
        "| `src/plan` | the file | market |\n"
        "| `src/serve` | HTTP | plan, market (interfaces) |\n"
        "| `src/runtime` | all together | all |\n"
        "| `src/cli` | main | runtime, plan |\n"
    )

    def check(self, files: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "src"
            for name, text in files.items():
                path = source / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return violations(source, read_rules(self.TABLE))

    def test_takes_what_is_allowed(self):
        self.assertEqual(self.check({
            "base/a.h": '#include "base/b.h"\n#include <vector>\n',
            "plan/a.cpp": '#include "plan/a.h"\n#include "market/b.h"\n#include "base/b.h"\n',
            "runtime/a.cpp": '#include "serve/a.h"\n',
        }), [])

    def test_finds_an_include_against_the_flow(self):
        self.assertEqual(self.check({"market/a.h": '#pragma once\n\n#include "plan/plan.h"\n'}),
                         ['src/market/a.h:3: src/market may not include "plan/plan.h"'])

    def test_finds_an_include_of_base_upwards(self):
        self.assertEqual(len(self.check({"base/a.h": '#include "market/a.h"\n'})), 1)

    def test_finds_that_nobody_includes_main(self):
        self.assertEqual(len(self.check({"runtime/a.h": '#include "cli/a.h"\n'})), 1)

    def test_finds_a_path_that_does_not_start_at_src(self):
        self.assertEqual(len(self.check({"plan/deep/a.cpp": '#include "a.h"\n', "plan/b.cpp": '#include "../base/a.h"\n'})), 2)

    def test_finds_a_room_that_the_table_lacks(self):
        self.assertEqual(self.check({"cellar/a.h": ""}), ["src/cellar: not in the table of docs/architecture.md"])

    def test_refuses_a_table_that_names_no_room(self):
        with self.assertRaises(ValueError):
            read_rules("| `src/plan` | the file | markets |\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
