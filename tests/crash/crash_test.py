#!/usr/bin/env python3
"""Kills a running pipeline as `kill -9` does, starts it again until it ends, and compares what it stored, byte for byte,
with a run that nobody disturbed. Kills at random moments, and at each of the named kill points (base/kill_point.h).

    crash_test.py [--runs N] [--rows N] [--seed N] [--pipeline FILE]

The binary is PENSTOCK_BINARY. The seed is printed; the same seed gives the same input and the same choices.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402
import trades  # noqa: E402

TABLES = ["trades", "bars", "bars_revisions", "studies", "studies_revisions", "quarantine", "late"]
KILL_POINTS = ["after_append", "before_commit", "after_log_flush", "mid_commit", "after_commit", "after_segment_roll"]
KILLS_A_RUN_MAX = 3
POINT_COUNT_MAX = 64      # where the search for counts that are reached begins
POINT_ATTEMPTS_MAX = 16   # halving gets from 64 to 1 in 7
BALANCE = re.compile(r"^.*: in [\d,]+ = rows .*$", re.MULTILINE)
MALFORMED = [
    b"S001,2024-01-02T14:31:00Z,1.5\n",                                  # columns are missing
    b"S001,2024-01-02T14:31:00Z,cheap,100,900001,XNAS,buy,\n",
    b"S001,2024-01-02T14:31:00Z,123456789012345678901234567890,100,900002,XNAS,buy,\n",
    b"S001,2024-01-02T14:31:00Z,1.5,-100,ID,XNAS,buy,\n",               # well-formed, but against a rule of the pipeline
    b"S001,yesterday,1.5,100,900004,XNAS,buy,\n",
    b"S001,9999-12-31T23:59:59Z,1.5,100,900005,XNAS,buy,\n",
    b"S0\xff1,2024-01-02T14:31:00Z,1.5,100,900006,XNAS,buy,\n",
]


class Failure(Exception):
    pass


def write_input(path: pathlib.Path, seed: int, rows: int) -> int:
    """Trades with duplicates, late ones and malformed lines; gives how many lines are malformed."""
    chosen = random.Random(seed)
    malformed = 0
    with open(path, "wb") as file:
        file.write((",".join(trades.COLUMNS) + "\n").encode())
        for trade in trades.generate(seed, rows, seconds=1800):
            file.write(trades.csv_line(trade).encode())
            if chosen.random() < 0.002:
                # Each with an id of its own, or the second one would be a duplicate.
                file.write(chosen.choice(MALFORMED).replace(b"ID", str(900_000_000 + malformed).encode()))
                malformed += 1
    return malformed


class Driver:
    def __init__(self, pipeline: pathlib.Path, source: pathlib.Path, work: pathlib.Path, choices: random.Random):
        self.command = [harness.binary(), "run", str(pipeline), "--set", f"path={source}", "--until-end",
                        "--listen", "127.0.0.1:0", "--data"]
        self.work = work
        self.random = choices
        self.duration = 0.0                   # of an undisturbed run
        self.expected: dict[str, str] = {}
        self.point_limits = dict.fromkeys(KILL_POINTS, POINT_COUNT_MAX)
        self.kills: dict[str, int] = dict.fromkeys(["random moment", *KILL_POINTS], 0)

    def start(self, data: pathlib.Path, point: str | None = None) -> subprocess.Popen:
        environment = dict(os.environ)
        environment.pop("PENSTOCK_KILL_POINT", None)
        if point:
            environment["PENSTOCK_KILL_POINT"] = point
        with open(data.with_suffix(".log"), "ab") as log:
            return subprocess.Popen([*self.command, str(data)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                    env=environment)

    def run_to_end(self, data: pathlib.Path) -> None:
        if (code := self.start(data).wait()) != 0:
            raise Failure(f"ended with {code}")

    def outcome(self, data: pathlib.Path) -> dict[str, str]:
        """All that the store holds, and the counts of the last run: they tell a record that stands in the log twice."""
        found = {table: harness.query_text(data, f"select * from {table} order by all") for table in TABLES}
        balances = BALANCE.findall(data.with_suffix(".log").read_text(encoding="utf-8", errors="replace"))
        found["counts"] = balances[-1] if balances else "no line of counts was printed"
        return found

    def undisturbed(self, malformed: int) -> None:
        data = self.work / "undisturbed"
        began = time.monotonic()
        self.run_to_end(data)
        self.duration = time.monotonic() - began
        self.expected = self.outcome(data)
        # A comparison of nothing with nothing would always hold.
        for table in TABLES:
            if self.expected[table].count("\n") < 2:
                raise Failure(f"the undisturbed run left no rows in {table}")
        if (rows := harness.count(data, "quarantine")) != malformed:
            raise Failure(f"{malformed} malformed lines, but {rows} rows in quarantine")
        if not BALANCE.match(self.expected["counts"]):
            raise Failure(self.expected["counts"])

    def kill_at_random_moments(self, data: pathlib.Path) -> str:
        moments = []
        for _ in range(self.random.randint(1, KILLS_A_RUN_MAX)):
            moment = self.random.uniform(0, self.duration * 1.05)
            process = self.start(data)
            try:
                code = process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code not in (0, -signal.SIGKILL):
                raise Failure(f"ended with {code}")
            if code == 0:
                break
            self.kills["random moment"] += 1
            moments.append(f"{moment:.3f} s")
        return ", ".join(moments) or "it ended first"

    def kill_at_point(self, data: pathlib.Path, name: str) -> str:
        """At a count that the run reaches: what a run ends before is halved."""
        for _ in range(POINT_ATTEMPTS_MAX):
            count = self.random.randint(1, self.point_limits[name])
            code = self.start(data, f"{name}:{count}").wait()
            if code == -signal.SIGKILL:
                self.kills[name] += 1
                return f"{name}:{count}"
            if code != 0:
                raise Failure(f"ended with {code} at {name}:{count}")
            if count == 1:
                break
            self.point_limits[name] = max(1, count // 2)
            self.remove(data)
        raise Failure(f"the kill point {name} was never reached")

    def check(self, data: pathlib.Path) -> None:
        self.run_to_end(data)
        found = self.outcome(data)
        for name, expected in self.expected.items():
            if found[name] != expected:
                raise Failure(f"{name} differs from the undisturbed run:\n{first_difference(expected, found[name])}")

    def one_run(self, number: int) -> bool:
        data = self.work / f"run-{number}"
        how = ""
        try:
            # Every other run at random moments; the others take the kill points in turn, and then a random moment too.
            if number % 2 == 0:
                how = self.kill_at_random_moments(data)
            else:
                how = self.kill_at_point(data, KILL_POINTS[number // 2 % len(KILL_POINTS)])
                if self.random.random() < 0.3:
                    how += ", then " + self.kill_at_random_moments(data)
            self.check(data)
        except (Failure, AssertionError) as error:
            print(f"run {number}: killed at {how or 'no moment'}: FAILED: {error}\n  kept: {data} and {data.with_suffix('.log')}")
            return False
        print(f"run {number}: killed at {how}: the same", flush=True)
        self.remove(data)
        return True

    def remove(self, data: pathlib.Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.with_suffix(".log").unlink(missing_ok=True)


def first_difference(expected: str, found: str) -> str:
    a, b = expected.splitlines(), found.splitlines()
    for i in range(max(len(a), len(b))):
        left, right = a[i] if i < len(a) else "(no line)", b[i] if i < len(b) else "(no line)"
        if left != right:
            return f"  line {i + 1} of {len(a)} and {len(b)}\n  undisturbed: {left}\n  killed:      {right}"
    return "  only the line ends differ"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=80_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pipeline", type=pathlib.Path, default=pathlib.Path(__file__).with_name("pipeline.yaml"))
    options = parser.parse_args()
    seed = harness.seed() if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)

    work = pathlib.Path(tempfile.mkdtemp(prefix="penstock-crash-"))
    source = work / "trades.csv"
    malformed = write_input(source, seed, options.rows)
    driver = Driver(options.pipeline, source, work, random.Random(seed))
    try:
        driver.undisturbed(malformed)
    except (Failure, AssertionError) as error:
        print(f"the undisturbed run: FAILED: {error}\n  kept: {work}\n0 passed, 1 failed")
        return 1
    print(f"undisturbed: {driver.duration:.2f} s; {driver.expected['counts']}", flush=True)
    passed = sum(driver.one_run(number) for number in range(options.runs))
    failed = options.runs - passed
    if not failed:
        shutil.rmtree(work)
    print("kills: " + ", ".join(f"{count} at {name}" for name, count in driver.kills.items()))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
