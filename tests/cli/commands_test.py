"""check, explain, test, and how wrong usage is answered."""

import os
import pathlib
import re
import unittest

import harness

SETTINGS = {"replay.yaml": {"path": "trades.csv"}, "bars.yaml": {"path": "trades.csv"}, "indicators.yaml": {"path": "trades.csv"},
            "equities.yaml": {"path": "trades.csv"},
            "users.yaml": {"url": "http://127.0.0.1:1/", "interval": "1s"}, "demo.yaml": {}}


class ShippedPipelines(unittest.TestCase):
    def each(self):
        for name, settings in SETTINGS.items():
            with self.subTest(pipeline=name):
                yield harness.PIPELINES / name, harness.set_options(settings)

    def test_every_pipeline_file_is_covered_here(self):
        self.assertEqual(sorted(path.name for path in harness.PIPELINES.glob("*.yaml")), sorted(SETTINGS))

    def test_check_finds_them_valid(self):
        for path, settings in self.each():
            self.assertIn("valid", harness.run_ok("check", path, *settings).out)

    def test_explain_names_the_tables(self):
        for path, settings in self.each():
            text = harness.run_ok("explain", path, *settings).out
            for table in re.findall(r"^  ([\w.]+):", path.read_text(encoding="utf-8").split("\ntables:")[1].split("\ntests:")[0], re.M):
                self.assertIn(table, text)

    def test_they_can_be_looked_at_without_the_values_that_a_run_needs(self):
        for name in ("replay.yaml", "bars.yaml"):
            with self.subTest(pipeline=name):
                path = harness.PIPELINES / name
                self.assertIn("file ${path}", harness.run_ok("explain", path).out)
                done = harness.run_ok("check", path)
                self.assertIn("valid", done.out)
                self.assertRegex(done.err, rf"{name}:\d+:\d+: note: path has no value; .*--set path=")
                self.assertEqual(harness.run_ok("test", path).err, "")

    def test_their_own_tests_pass(self):
        for path, settings in self.each():
            done = harness.run_ok("test", path, *settings)
            self.assertRegex(done.out, r"(?m)^\d+ passed, 0 failed$")


class InvalidFiles(unittest.TestCase):
    FILE = """name: broken
sources:
  file: {type: file, path: "trades.csv", topic: trades}
streams:
  checked:
    from: trades
    check: {price: "prise > 0"}
tables:
  trades: {from: checked}
"""

    def check(self, text: str):
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "pipeline.yaml"
            path.write_text(text, encoding="utf-8")
            return harness.run("check", path)

    def test_a_misspelt_column_is_shown_with_its_place_and_the_right_name(self):
        done = self.check(self.FILE)
        self.assertEqual(done.code, 2, done)
        self.assertRegex(done.err, r"pipeline\.yaml:7:\d+: ")
        self.assertIn("prise", done.err)
        self.assertIn("price", done.err.replace("prise", ""))

    def test_a_misspelt_key_is_shown_with_its_place_and_the_right_name(self):
        done = self.check(self.FILE.replace("prise", "price").replace("streams:", "steams:"))
        self.assertEqual(done.code, 2, done)
        self.assertRegex(done.err, r"pipeline\.yaml:4:1: ")
        self.assertIn("streams", done.err)

    def test_every_error_of_a_file_is_shown_at_once(self):
        done = self.check(self.FILE.replace("topic: trades", "topic: trades, pase: 1").replace("from: checked", "from: chekked"))
        self.assertEqual(done.code, 2, done)
        for line in (3, 7, 9):
            self.assertRegex(done.err, rf"pipeline\.yaml:{line}:\d+: ")

    def test_broken_yaml_is_shown_with_its_place(self):
        done = self.check("name: a\nsources: {file: [1, 2}\n")
        self.assertEqual(done.code, 2, done)
        self.assertRegex(done.err, r"pipeline\.yaml:\d+:\d+: ")

    def test_a_file_that_is_no_pipeline_is_refused(self):
        for text in ("", "[]", "- 1\n- 2\n", "just text", "\0\1\2", "a: &a [*a]\n"):
            with self.subTest(text=text):
                self.assertEqual(self.check(text).code, 2)

    def test_a_value_that_is_not_given_is_named_and_nothing_is_run(self):
        with harness.temporary_folder() as folder:
            done = harness.run("run", harness.PIPELINES / "replay.yaml", "--data", folder + "/data")
            self.assertEqual(done.code, 2, done)
            self.assertRegex(done.err, r"replay\.yaml:\d+:\d+: path has no value")
            self.assertFalse(os.path.exists(folder + "/data"))

    def test_run_and_explain_and_test_refuse_it_too(self):
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "pipeline.yaml"
            path.write_text(self.FILE, encoding="utf-8")
            for command in (["run", "--data", folder + "/data"], ["explain"], ["test"]):
                with self.subTest(command=command[0]):
                    done = harness.run(command[0], path, *command[1:])
                    self.assertEqual(done.code, 2, done)
                    self.assertRegex(done.err, r"pipeline\.yaml:7:\d+: ")
            self.assertFalse(os.path.exists(folder + "/data"), "an invalid file makes no data folder")


class Secrets(unittest.TestCase):
    FILE = """name: secretive
sources:
  users:
    type: http
    url: "http://127.0.0.1:1/"
    headers: {authorization: "Bearer ${FEED_TOKEN}"}
    topic: users
streams:
  all: {from: users}
tables:
  users: {from: all}
"""

    def test_a_value_from_the_environment_is_never_printed(self):
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "pipeline.yaml"
            for text in (self.FILE, self.FILE.replace("topic: users", "topik: users")):
                path.write_text(text, encoding="utf-8")
                for command in ("check", "explain"):
                    done = harness.run(command, path, env={"FEED_TOKEN": "hunter2-hunter2"})
                    self.assertNotIn("hunter2", done.text)


class FailingTests(unittest.TestCase):
    def test_a_pipeline_test_that_does_not_hold_fails_and_shows_the_difference(self):
        text = """name: wrong
sources:
  file: {type: file, path: "trades.csv", topic: trades}
streams:
  checked: {from: trades, check: {price: "price > 0"}}
tables:
  trades: {from: checked}
tests:
  - name: the price is another
    given:
      trades:
        - {symbol: A, ts_event: "2024-01-02T14:30:00Z", price: 1.5, size: 2, id: 1}
    expect:
      checked:
        - {symbol: A, price: 2.5}
"""
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "pipeline.yaml"
            path.write_text(text, encoding="utf-8")
            done = harness.run("test", path)
            self.assertEqual(done.code, 1, done)
            self.assertIn("0 passed, 1 failed", done.out)
            self.assertIn("the price is another", done.out)
            self.assertIn("2.5", done.out)
            path.write_text(text.replace("2.5", "1.5"), encoding="utf-8")
            self.assertIn("1 passed, 0 failed", harness.run_ok("test", path).out)


class Usage(unittest.TestCase):
    def test_wrong_usage_ends_with_2(self):
        replay = harness.PIPELINES / "replay.yaml"
        for arguments in ([], ["fly"], ["run"], ["run", replay, "--fly"], ["check", replay, "--set", "path"],
                          ["query"], ["query", "select 1", "--format", "xml"], ["tail"]):
            with self.subTest(arguments=[str(a) for a in arguments]):
                done = harness.run(*arguments)
                self.assertEqual(done.code, 2, done)
                self.assertTrue(done.text.strip())

    def test_help_and_version_end_with_0(self):
        self.assertIn("run", harness.run_ok("--help").out)
        self.assertIn("penstock", harness.run_ok("--version").out)
        for command in ("run", "check", "explain", "test", "query", "tail", "topics", "export"):
            with self.subTest(command=command):
                harness.run_ok(command, "--help")

    def test_a_pipeline_file_that_is_not_there_is_named(self):
        done = harness.run("check", "nowhere/pipeline.yaml")
        self.assertIn(done.code, (1, 2), done)
        self.assertIn("nowhere/pipeline.yaml", done.err)

    def test_a_data_folder_where_nothing_ran_is_said_so(self):
        with harness.temporary_folder() as folder:
            for arguments in (["query", "select 1"], ["topics"], ["tail", "trades"]):
                with self.subTest(command=arguments[0]):
                    done = harness.run(*arguments, "--data", folder)
                    self.assertEqual(done.code, 1, done)
                    self.assertIn(folder, done.err)
            self.assertEqual(os.listdir(folder), [], "looking at a folder leaves nothing in it")


if __name__ == "__main__":
    unittest.main()
