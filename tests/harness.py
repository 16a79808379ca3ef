"""Runs the penstock binary for tests: once to its end, or in the background while a test looks at it."""

import csv
import http.client
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
PIPELINES = ROOT / "pipelines"
ADDRESS = re.compile(r"http://([\w.]+:\d+)")
POLL_SECONDS = 0.02


def binary() -> str:
    path = os.environ.get("PENSTOCK_BINARY", "")
    if not path or not os.access(path, os.X_OK):
        raise SystemExit(f"PENSTOCK_BINARY is '{path}': it names the penstock binary to test")
    return path


def seed() -> int:
    return int(os.environ.get("PENSTOCK_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))


def test_data(folder: str) -> pathlib.Path:
    """A folder of recorded market data; the test is skipped where there is none."""
    import unittest

    root = os.environ.get("PENSTOCK_TEST_DATA")
    if not root:
        raise unittest.SkipTest("PENSTOCK_TEST_DATA is not set: it names a folder of recorded market data")
    path = pathlib.Path(root) / folder
    if not path.is_dir():
        raise unittest.SkipTest(f"{path} is not there")
    return path


@dataclass
class Finished:
    command: list[str]
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def __str__(self) -> str:
        return f"{' '.join(self.command)}\nexit code {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


def run(*arguments, env: dict | None = None, **options) -> Finished:
    """One command, to its end."""
    command = [binary(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=os.environ | (env or {}), **options)
    return Finished(command, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def run_ok(*arguments, **options) -> Finished:
    done = run(*arguments, **options)
    if done.code != 0:
        raise AssertionError(f"it should have ended with 0\n{done}")
    return done


def run_to_end(pipeline, data, *arguments, env: dict | None = None, **settings) -> Finished:
    """`penstock run --until-end` with each of `settings` as --set NAME=VALUE."""
    return run("run", pipeline, *set_options(settings), *arguments, "--until-end", "--data", data, "--listen", "127.0.0.1:0", env=env)


def set_options(settings: dict) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def query_text(data, sql: str, format: str = "csv") -> str:
    return run_ok("query", sql, "--data", data, "--format", format).out


def query(data, sql: str) -> list[dict[str, str]]:
    """Rows as text, by column."""
    return list(csv.DictReader(io.StringIO(query_text(data, sql))))


def count(data, table: str) -> int:
    return int(query(data, f"select count(*) as n from {table}")[0]["n"])


class Pipeline:
    """`penstock run` in the background. Leaving the `with` block interrupts it, and checks that it ended with 0."""

    def __init__(self, pipeline, data, *arguments, env: dict | None = None, **settings):
        command = [binary(), "run", str(pipeline), *set_options(settings), *map(str, arguments),
                   "--data", str(data), "--listen", "127.0.0.1:0"]
        self.data = data
        self.lines: list[str] = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env=os.environ | (env or {}), text=True, encoding="utf-8", errors="replace")
        self.address = ""
        for line in self.process.stdout:
            self.lines.append(line)
            if match := ADDRESS.search(line):
                self.address = match.group(1)
                break
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()
        if not self.address:
            raise AssertionError(f"it ended with {self.wait()} before it had an address\n{self.text}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.wait()
        if kind is None and code != 0:
            raise AssertionError(f"it should have ended with 0, not {code}\n{self.text}")

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def signal(self, number: int) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait()
        self.reader.join()
        return code

    def request(self, path: str, method: str = "GET", body: str | None = None) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection(self.address)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8"), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def api_query(self, sql: str, format: str = "json") -> list[dict]:
        status, body, _ = self.request("/api/query?" + urllib.parse.urlencode({"sql": sql, "format": format}))
        if status != 200:
            raise AssertionError(f"/api/query answered {status}: {body}")
        return json.loads(body)

    def until(self, what: str, condition):
        """Asks again until `condition` gives something true; fails when the pipeline ends before that."""
        while not (result := condition()):
            if self.process.poll() is not None:
                raise AssertionError(f"the pipeline ended before: {what}\n{self.text}")
            threading.Event().wait(POLL_SECONDS)
        return result


def metric(text: str, name: str) -> float:
    """The sum of a metric over its labels in Prometheus' text form; 0 when it is not there."""
    values = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, values))


def temporary_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="penstock-test-")


class FolderCase(unittest.TestCase):
    """A test with a folder of its own, and in it the place of a pipeline's data."""

    def setUp(self):
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"
