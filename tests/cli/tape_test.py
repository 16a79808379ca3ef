"""Bars that are revised: a simulated day with late trades, cancels and corrections against the same day in order."""

import pathlib
import unittest

import harness

PIPELINE = """
name: day
sources:
  market: {type: simulated, records: trades, seed: 7, symbols: 12, rate: 12, pace: max, start: 2024-01-02T14:30:00Z,
           duration: 390m, late: %(late)s, duplicates: %(duplicates)s, cancels: 0.004, corrections: 0.004, topic: trades}
streams:
  once: {from: trades, dedup: id}
  bars: {from: once, bars: {every: [1m, 5m, 30m], lateness: 1s, revise_for: %(revise_for)s}}
tables:
  trades: {from: once}
  bars: {from: bars}
"""
NEWEST = ("select symbol, every, start, open, high, low, close, volume, vwap, trades from bars where final "
          "order by symbol, every, start")


class SimulatedDay(harness.FolderCase):
    def run_day(self, name: str, late: float, duplicates: float, revise_for: str) -> pathlib.Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(PIPELINE % {"late": late, "duplicates": duplicates, "revise_for": revise_for})
        harness.run_ok("run", file, "--until-end", "--data", self.folder / name, "--listen", "127.0.0.1:0")
        return self.folder / name

    def csv(self, data: pathlib.Path, sql: str) -> str:
        return harness.run_ok("query", sql, "--data", data, "--format", "csv").out

    def test_final_bars_are_byte_equal_to_those_of_a_run_in_order(self):
        disturbed = self.run_day("disturbed", late=0.02, duplicates=0.01, revise_for="10m")
        in_order = self.run_day("in_order", late=0, duplicates=0, revise_for="10m")
        self.assertEqual(self.csv(disturbed, NEWEST), self.csv(in_order, NEWEST))
        counts = harness.query(disturbed, "select (select count(*) from trades where action = 'cancel') as cancels, "
                               "(select count(*) from trades where action = 'correct') as corrections, "
                               "(select count(*) from late) as late, (select count(*) from quarantine) as refused, "
                               "(select max(revision) from bars) as revision, (select count(*) from bars) as bars")[0]
        self.assertGreater(int(counts["cancels"]), 500)
        self.assertGreater(int(counts["corrections"]), 500)
        self.assertEqual(int(counts["late"]), 0)
        self.assertEqual(int(counts["refused"]), 0)
        self.assertGreater(int(counts["revision"]), 1)
        self.assertGreater(int(counts["bars"]), 4000)

    def test_repair_takes_in_what_came_too_late_to_revise_and_a_second_time_nothing(self):
        disturbed = self.run_day("disturbed", late=0.05, duplicates=0, revise_for="2s")
        in_order = self.run_day("in_order", late=0, duplicates=0, revise_for="10m")
        late = harness.query(disturbed, "select symbol, count(*) as n from late group by symbol order by n desc, symbol")
        self.assertGreater(len(late), 3)
        symbol = late[0]["symbol"]
        of_symbol = NEWEST.replace("where final", f"where final and symbol = '{symbol}'")
        self.assertNotEqual(self.csv(disturbed, of_symbol), self.csv(in_order, of_symbol))
        others = NEWEST.replace("where final", f"where final and symbol <> '{symbol}'")
        before = self.csv(disturbed, others)

        command = ["repair", self.folder / "disturbed.yaml", "--data", disturbed, "--symbol", symbol,
                   "--from", "2024-01-02T00:00:00Z", "--to", "2024-01-03T00:00:00Z"]
        done = harness.run_ok(*command)
        self.assertRegex(done.out, r"table bars: \d+ bars of \d+ records: \d+ as stored, [1-9]\d* changed")
        self.assertEqual(self.csv(disturbed, of_symbol), self.csv(in_order, of_symbol))
        self.assertEqual(self.csv(disturbed, others), before)
        again = harness.run_ok(*command)
        self.assertRegex(again.out, r" as stored, 0 changed, 0 added, 0 removed")

    def test_repair_says_what_it_cannot_do(self):
        data = self.run_day("day", late=0, duplicates=0, revise_for="1m")
        command = ["repair", self.folder / "day.yaml", "--data", data]
        span = ["--from", "2024-01-02T00:00:00Z", "--to", "2024-01-03T00:00:00Z"]
        for arguments, message, code in (
            (["--symbol", "NONE", *span], "has no record of NONE", 1),
            (["--symbol", "NONE", "--from", "tomorrow", "--to", "2024-01-03T00:00:00Z"], "--from 'tomorrow'", 2),
            (["--symbol", "NONE", "--from", "2024-01-03T00:00:00Z", "--to", "2024-01-02T00:00:00Z"], "is empty", 2),
            (["--symbol", "NONE", *span, "--stream", "other"], "a stream of bars 'other'", 1),
        ):
            with self.subTest(arguments=arguments):
                done = harness.run(*command, *arguments)
                self.assertEqual(done.code, code, done)
                self.assertIn(message, done.err)


if __name__ == "__main__":
    unittest.main()
