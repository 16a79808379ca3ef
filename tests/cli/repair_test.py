"""Bars made again from the log: what steps before them remember, whose trade a cancel means, and what is left alone."""

import datetime
import unittest

import harness

HEADER = "symbol,ts_event,price,size,id,action,ref_id"
OPEN = datetime.datetime(2024, 1, 2, 14, 30, tzinfo=datetime.timezone.utc)


def at(seconds: float) -> str:
    """So many seconds behind the opening."""
    return (OPEN + datetime.timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def trade(time_text: str, price, id="", size=100) -> str:
    return f"A,{time_text},{price},{size},{id},,"


class Repair(harness.FolderCase):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "pipeline.yaml"

    def write(self, streams: str, rows: list[str], tables: str, source: str = "", more: str = "") -> None:
        trades = self.folder / "x.csv"
        trades.write_text("\n".join([HEADER, *rows]) + "\n")
        self.file.write_text(f"name: f\nsources: {{file: {{type: file, path: {trades}, topic: trades{source}}}}}\n"
                             f"streams: {{{streams}}}\ntables: {{{tables}}}\n{more}")

    def run_file(self, streams: str, rows: list[str], tables: str = "bars: {from: bars}", more: str = "") -> None:
        self.write(streams, rows, tables, more=more)
        harness.run_ok("run", self.file, "--until-end", "--data", self.data, "--listen", "127.0.0.1:0")

    def repair(self, start: str, end: str) -> str:
        return harness.run_ok("repair", self.file, "--data", self.data, "--symbol", "A", "--from", start, "--to", end).out

    def bar(self, start: str, every: str = "1m") -> dict[str, str]:
        return harness.query(self.data, f"select * from bars where start = '{start}' and every = '{every}'")[0]

    def test_a_check_remembers_what_was_before_the_range(self):
        rows = [trade(at(s), 100 + s // 10 % 3 / 100, s) for s in range(0, 1200, 10) if s != 610]
        rows.append(trade(at(610), 500, 610))
        rows.sort(key=lambda row: row.split(",")[1])
        self.run_file("checked: {from: trades, check: {outlier: {mad: 10, action: quarantine}}}, "
                      "bars: {from: checked, bars: {every: 1m, revise_for: 1m}}", rows)
        before = harness.query(self.data, "select * from bars_revisions")
        self.assertEqual(float(self.bar("2024-01-02 14:40:00")["high"]), 100.02)
        out = self.repair("2024-01-02T14:40:00Z", "2024-01-02T14:45:00Z")
        self.assertIn("5 as stored, 0 changed, 0 added, 0 removed", out)
        self.assertEqual(harness.query(self.data, "select * from bars_revisions"), before)

    def test_dedup_remembers_what_was_before_the_range(self):
        self.run_file("once: {from: trades, dedup: id}, bars: {from: once, bars: {every: 1m, revise_for: 1m}}",
                      [trade(at(599), 100, 1), trade(at(601), 100, 1), trade(at(602), 100, 2), trade(at(700), 100, 3)])
        out = self.repair("2024-01-02T14:40:00Z", "2024-01-02T14:45:00Z")
        self.assertIn("2 as stored, 0 changed, 0 added, 0 removed", out)
        self.assertEqual(float(self.bar("2024-01-02 14:40:00")["volume"]), 100)

    def test_a_cancel_means_the_trade_of_its_id_before_it_and_not_one_of_another_day(self):
        rows = ["A,2024-01-02T14:30:10Z,10,100,1,,", "A,2024-01-02T14:30:20Z,99,100,2,,",
                "A,2024-01-02T14:30:30Z,99,100,,cancel,2", "A,2024-01-05T14:30:10Z,20,100,1,,",
                "A,2024-01-05T14:30:20Z,21,100,2,,"]
        self.run_file("bars: {from: trades, bars: {every: 1m, revise_for: 15m}}", rows)
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 10)
        out = self.repair("2024-01-02", "2024-01-03")
        self.assertIn("1 as stored, 0 changed, 0 added, 0 removed", out)
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 10)
        self.assertEqual(float(self.bar("2024-01-05 14:30:00")["high"]), 21)
        self.assertIn("1 as stored, 0 changed", self.repair("2024-01-05", "2024-01-06"))

    def test_a_cancel_that_overtook_its_trade_is_applied(self):
        self.run_file("bars: {from: trades, bars: {every: 1m, revise_for: 15m}}",
                      [trade(at(10), 10, 1), f"A,{at(20)},99,100,,cancel,2", trade(at(20), 99, 2), trade(at(100), 10, 3)])
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 99)
        self.assertIn("1 as stored, 1 changed", self.repair("2024-01-02", "2024-01-03"))
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 10)

    def test_what_is_made_of_repaired_bars_is_named(self):
        rows = [trade(at(10), 10, 1), trade(at(900), 11, 2), trade(at(20), 99, 3), trade(at(2000), 11, 4)]
        self.run_file("bars: {from: trades, bars: {every: 1m, revise_for: 1m}}, other: {from: trades, where: price > 5}, "
                      "dear: {from: bars, where: close > 5}, means: {from: dear, indicators: {mean: 'sma(close, 2)'}}", rows,
                      "bars: {from: bars}, copies: {from: bars}, dear_bars: {from: dear}, averages: {from: means}, "
                      "others: {from: other}")
        out = self.repair("2024-01-02", "2024-01-03")
        self.assertIn("table bars: 3 bars of 4 records: 2 as stored, 1 changed", out)
        self.assertIn("table copies: 3 bars of 4 records: 2 as stored, 1 changed", out)
        self.assertIn("made of the repaired bars, and as before: "
                      "stream 'dear', stream 'means', table dear_bars, table averages\n", out)
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 99)
        self.assertNotIn("as before", self.repair("2024-01-02", "2024-01-03"))

    def test_minutes_of_a_session_that_goes_on_are_repaired_and_its_day_is_left_alone(self):
        rows = [trade(at(30 * i), 100, i) for i in range(200)] + [trade(at(5), 150, 1000)]
        rows += [trade(at(30 * i), 100, i) for i in range(200, 240)]
        # What comes next would be hours away: the source waits for it while the pipeline is stopped.
        rows.append(trade(at(6 * 3600), 100, 2000))
        self.write("bars: {from: trades, bars: {every: 1m, revise_for: 1m, session: XNYS}}", rows,
                   "bars: {from: bars}", ", pace: 3600")
        with harness.Pipeline(self.file, self.data) as pipeline:
            pipeline.until("the bar of 16:20", lambda: harness.count(
                self.data, "bars where start = '2024-01-02 16:20:00'") == 1)
        self.assertEqual(harness.count(self.data, "late"), 1)
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 100)
        out = self.repair("2024-01-02T14:30:00Z", "2024-01-02T14:35:00Z")
        self.assertRegex(out, r"table bars: 5 bars of \d+ records: 4 as stored, 1 changed, 0 added, 0 removed\n")
        self.assertRegex(out, r"left alone \(1d\), as the pipeline has not closed them yet: 1\b")
        self.assertNotIn("may still revise", out)
        self.assertEqual(float(self.bar("2024-01-02 14:30:00")["high"]), 150)

    def test_a_log_without_its_beginning_is_told_and_bars_of_that_are_not_made(self):
        self.file.write_text("""
name: f
log: {segment_bytes: 1MiB, partitions: 1}
sources: {market: {type: simulated, records: trades, seed: 3, symbols: [A], rate: 40, pace: max,
                   start: 2024-01-02T14:30:00Z, duration: 60m, topic: trades}}
streams: {bars: {from: trades, bars: {every: 1m, revise_for: 1m}}}
tables: {bars: {from: bars}}
""")
        harness.run_ok("run", self.file, "--until-end", "--data", self.data, "--listen", "127.0.0.1:0")
        segments = sorted(self.data.glob("log/**/*.log"))
        self.assertGreater(len(segments), 2)
        for file in segments[0].parent.glob(segments[0].stem + ".*"):  # as retention does it
            file.unlink()
        done = harness.run("repair", self.file, "--data", self.data, "--symbol", "A",
                           "--from", "2024-01-02T14:31:00Z", "--to", "2024-01-02T15:30:00Z")
        self.assertEqual(done.code, 1, done)
        self.assertIn("it may have deleted records of this range", done.err)
        out = self.repair("2024-01-02T15:20:00Z", "2024-01-02T15:30:00Z")
        self.assertIn("10 as stored, 0 changed, 0 added, 0 removed", out)
        self.assertRegex(out, r"trades-0: the log begins at offset [1-9]\d*: checks and dedup know nothing")

    def test_what_applies_to_no_trade_is_counted_and_a_stream_that_renames_symbols_refused(self):
        rows = [trade(at(10), 10, 1), f"A,{at(20)},99,100,,cancel,7"]
        self.run_file("bars: {from: trades, bars: {every: 1m, revise_for: 1m}}, "
                      "other: {from: trades, select: {symbol: \"'B'\", ts_event: ts_event, price: price, "
                      "size: size}}, renamed: {from: other, bars: {every: 1m}}", rows,
                      "bars: {from: bars}, renamed: {from: renamed}", "topics: {trades: {partitions: 1}}\n")
        command = ["repair", self.file, "--data", self.data, "--symbol", "A", "--from", "2024-01-02", "--to", "2024-01-03"]
        self.assertIn("1 cancels or corrections apply to no trade", harness.run_ok(*command, "--stream", "bars").out)
        refused = harness.run(*command, "--stream", "renamed")
        self.assertNotEqual(refused.code, 0)
        self.assertIn("stream 'renamed' makes 'B' of the symbol A", refused.err)


if __name__ == "__main__":
    unittest.main()
