#!/usr/bin/env python3
"""What holds for every file of the tree: format, guards, and what may not stand in it."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = {".git", "build", "data", ".cache", "node_modules", "target", "__pycache__"}
SOURCE_FOLDERS = ("src", "tests", "bench")
FILE_BYTES_MAX = 1 << 20
LINES_TO_SPLIT = 400

# In pieces, so that this file does not hold what it forbids.
REGISTRIES = "|".join(["py" + "pi", "npm" + "js", "crates" + r"\.io", "maven" + r"\.org", "repo1" + r"\.", "deb" + r"ian\.org"])
FORBIDDEN = {
    "the address of a package registry": re.compile(r"https?://[a-z0-9.-]*(" + REGISTRIES + ")", re.IGNORECASE),
    "a path of one machine": re.compile(r"(?<![\w.~$}/-])/(" + "work|" + "farm|" + r"root)/"),
    "work left undone": re.compile(r"\b(TO" + "DO|FIX" + r"ME|XX" + r"X)\b"),
    "a conflict marker": re.compile(r"^(<{7} |>{7} )", re.MULTILINE),
}
FORBIDDEN_IN_TESTS = {
    "a sleep (wait on a condition, or an injected clock)": re.compile(r"\b(sleep_for|sleep_until|usleep|time\.sleep)\s*\("),
}


def files() -> list[pathlib.Path]:
    found = []
    pending = [ROOT]
    while pending:
        for path in pending.pop().iterdir():
            if path.is_symlink() or path.name in SKIPPED:  # .git is a file in a work tree beside the repository's own
                continue
            if path.is_dir():
                pending.append(path)
            else:
                found.append(path)
    return sorted(found)


def text_of(path: pathlib.Path) -> str | None:
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8")


def is_test(path: pathlib.Path) -> bool:
    return path.relative_to(ROOT).parts[0] == "tests" or path.stem.endswith("_test")


def find_forbidden(text: str, in_test: bool) -> list[tuple[int, str]]:
    """(line, what) of everything that may not stand in a file."""
    rules = FORBIDDEN | FORBIDDEN_IN_TESTS if in_test else FORBIDDEN
    return [(text.count("\n", 0, match.start()) + 1, what)
            for what, pattern in rules.items() for match in pattern.finditer(text)]


class Tree(unittest.TestCase):
    def test_nothing_forbidden_stands_in_a_file(self):
        found = []
        for path in files():
            if path == pathlib.Path(__file__).resolve() or (text := text_of(path)) is None:
                continue
            found += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in find_forbidden(text, is_test(path))]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_headers_begin_with_their_role_and_a_guard(self):
        for path in files():
            if path.suffix == ".h" and path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS:
                with self.subTest(path=str(path.relative_to(ROOT))):
                    text = path.read_text(encoding="utf-8")
                    self.assertTrue(text.startswith("//"), "the first line says what the header is for")
                    self.assertEqual(text.count("#pragma once\n"), 1)

    def test_files_are_small_enough_for_version_control(self):
        large = [f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes"
                 for path in files() if path.stat().st_size > FILE_BYTES_MAX]
        self.assertEqual(large, [])

    def test_cpp_sources_are_formatted(self):
        tool = shutil.which("clang-format-19")
        if not tool:
            self.skipTest("clang-format-19 is not installed: scripts/install.sh test")
        sources = [str(path) for path in files()
                   if path.suffix in {".h", ".cpp"} and path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS]
        result = subprocess.run([tool, "--dry-run", "--Werror", *sources], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, "run `make fmt`\n" + result.stderr)


class TheTestItself(unittest.TestCase):
    def test_finds_what_is_forbidden(self):
        for text in ("see https://" + "py" + "pi.org/simple", "cp /" + "work/x .", "// TO" + "DO: later"):
            with self.subTest(text=text):
                self.assertEqual(len(find_forbidden("\n" + text, False)), 1)
        self.assertEqual(find_forbidden("\ntime." + "sleep(1)", True)[0][0], 2)

    def test_takes_what_looks_alike(self):
        self.assertEqual(find_forbidden("docs/" + "work/x, https://randomuser.me/api/, todos", True), [])


def report_long_files() -> None:
    for path in files():
        if path.suffix in {".h", ".cpp", ".py"} and path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS:
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > LINES_TO_SPLIT:
                print(f"{path.relative_to(ROOT)}: {lines} lines; would two files be easier to read?", file=sys.stderr)


if __name__ == "__main__":
    report_long_files()
    unittest.main(verbosity=2)
