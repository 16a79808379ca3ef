"""quality and reprocess: what checks found, reported; records that leave the quarantine after a rule changed, also over kills."""

import csv
import io
import json
import pathlib
import signal
import unittest

import harness

PIPELINE = """
name: checks
log: {fsync: interval, partitions: 2}
sources:
  file: {type: file, path: "${path}", topic: trades}
streams:
  checked:
    from: trades
    dedup: id
    check:
      price: price > ${least:-0}
      size:  {positive: size}
      gap:   {gap: id}
      late:  {out_of_order: 5s, action: quarantine}
  strict: {from: trades, check: {price: {sql: price < 1000, action: ${strict:-flag}}}}
  bars: {from: checked, bars: {every: 1m, lateness: 1h}}
tables:
  all:    {from: trades}
  trades: {from: checked}
  bars:   {from: bars}
"""
HEADER = "symbol,ts_event,price,size,id,venue\n"
ROWS = 600
TABLES = ["all", "trades", "bars", "quarantine", "quality", "late"]


def lines() -> list[str]:
    """By number: a price below zero every 20th, a size of zero every 50th, a hole in the ids at 100, out of order at 301."""
    out = []
    for i in range(ROWS):
        symbol = ("A", "BB", "CCC")[i % 3]
        price = -(i + 1) if i % 20 == 7 else 100 + i % 10
        size = 0 if i % 50 == 13 else 5
        second = i - 60 if i == 301 else i
        number = i // 3 + (10 if i >= 300 else 0)
        out.append(f"{symbol},2024-01-02T14:{30 + second // 60:02d}:{second % 60:02d}Z,{price},{size},{number},X\n")
    return out


def number_of(kind: str) -> int:
    """How many of lines() a rule of `checked` finds."""
    if kind == "price":
        return sum(i % 20 == 7 for i in range(ROWS))
    if kind == "size":
        return sum(i % 50 == 13 and i % 20 != 7 for i in range(ROWS))
    raise ValueError(kind)


class Folder(harness.FolderCase):
    def setUp(self):
        super().setUp()
        self.pipeline = self.folder / "checks.yaml"
        self.pipeline.write_text(PIPELINE, encoding="utf-8")
        self.path = self.folder / "a.csv"
        self.path.write_text(HEADER + "".join(lines()), encoding="utf-8")

    def run_to_end(self, **settings):
        return harness.run_to_end(self.pipeline, self.data, path=self.path, **settings)

    def reprocess(self, *arguments, env=None, data=None, **settings):
        return harness.run("reprocess", self.pipeline, "--set", f"path={self.path}", *harness.set_options(settings),
                           "--data", data or self.data, *arguments, env=env)

    def tables(self, data=None) -> dict[str, str]:
        return {table: harness.query_text(data or self.data, f'select * from "{table}" order by all') for table in TABLES}


class Quality(Folder):
    def setUp(self):
        super().setUp()
        done = self.run_to_end()
        self.assertEqual(done.code, 0, done)

    def report(self, format: str) -> list[dict]:
        text = harness.run_ok("quality", "--data", self.data, "--format", format).out
        return json.loads(text) if format == "json" else list(csv.DictReader(io.StringIO(text)))

    def test_counts_by_rule_and_symbol_are_those_of_the_table(self):
        rows = self.report("csv")
        checks = [row for row in rows if row["section"] == "check"]
        by_rule: dict[str, int] = {}
        for row in checks:
            by_rule[row["rule"]] = by_rule.get(row["rule"], 0) + int(row["records"])
        self.assertEqual(by_rule["price"], number_of("price"))
        self.assertEqual(by_rule["size"], number_of("size"))
        self.assertEqual(by_rule["late"], 1)
        self.assertEqual(sum(by_rule.values()), harness.count(self.data, "quality"))
        gaps = [row for row in checks if row["kind"] == "gap"]
        found = harness.query(self.data, "select symbol, count(*) as n, sum(value::bigint - bound::bigint) as missing from quality "
                                         "where kind = 'gap' group by symbol")
        self.assertEqual({row["symbol"]: (row["records"], row["missing"]) for row in gaps},
                         {row["symbol"]: (row["n"], row["missing"]) for row in found})
        quarantined = {row["rule"]: int(row["records"]) for row in rows if row["section"] == "quarantine"}
        self.assertEqual(quarantined, {"price": by_rule["price"], "size": by_rule["size"], "late": 1})

    def test_formats_say_the_same(self):
        rows = self.report("csv")
        as_json = self.report("json")
        self.assertEqual([(row["section"], row["rule"], int(row["records"])) for row in rows],
                         [(row["section"], row["rule"] or "", int(row["records"])) for row in as_json])
        text = harness.run_ok("quality", "--data", self.data).out
        for part in ("What the rules found", "By symbol", "Gaps", "In quarantine now", "Late", "out_of_order", "quarantine"):
            self.assertIn(part, text)

    def test_a_row_says_rule_value_bound_and_record(self):
        row = harness.query(self.data, "select * from quality where rule = 'size' order by ts_event limit 1")[0]
        self.assertEqual((row["stream"], row["kind"], row["action"], row["value"], row["bound"]),
                         ("checked", "positive", "quarantine", "0", "size > 0"))
        self.assertEqual(json.loads(row["record"])["size"], 0)

    def test_works_while_a_pipeline_runs(self):
        demo = self.folder / "live"
        pipeline = self.folder / "live.yaml"
        pipeline.write_text("name: live\nsources:\n  market: {type: simulated, seed: 3, symbols: 3, rate: 500, topic: trades}\n"
                            "streams:\n  checked: {from: trades, check: {cheap: {sql: price < 0, action: flag}}}\n"
                            "tables:\n  trades: {from: checked}\n", encoding="utf-8")
        with harness.Pipeline(pipeline, demo) as running:
            running.until("rows are stored", lambda: running.api_query("select count(*) as n from quality")[0]["n"])
            rows = json.loads(harness.run_ok("quality", "--data", demo, "--format", "json").out)
            self.assertGreater(int(rows[0]["records"]), 0)
            busy = harness.run("reprocess", pipeline, "--data", demo)
            self.assertEqual(busy.code, 1, busy)
            self.assertIn("in use by another penstock", busy.err)

    def test_wrong_usage_is_said(self):
        self.assertEqual(harness.run("quality", "--data", self.folder / "nothing").code, 1)
        parquet = harness.run("quality", "--data", self.data, "--format", "parquet")
        self.assertEqual(parquet.code, 2, parquet)
        unknown = self.reprocess("--stream", "cheked")
        self.assertEqual(unknown.code, 2, unknown)
        self.assertIn("checked", unknown.err)
        nothing = self.reprocess(data=self.folder / "nothing")
        self.assertEqual(nothing.code, 1, nothing)
        self.assertFalse((self.folder / "nothing").exists())


class Fail(Folder):
    def test_stops_at_the_record_again_and_again_until_the_rule_is_changed(self):
        rows = lines()
        rows[400] = rows[400].replace(f",{100 + 400 % 10},", ",2000,")
        self.path.write_text(HEADER + "".join(rows), encoding="utf-8")
        for _ in range(3):
            done = self.run_to_end(strict="fail")
            self.assertEqual(done.code, 1, done)
            for part in ("stream 'strict'", "rule 'price'", "2000", "price < 1000", '"id": 143', "trades-"):
                self.assertIn(part, done.err)
            found = harness.query(self.data, "select value, bound from quality where action = 'fail'")
            self.assertEqual(found, [{"value": "2000", "bound": "price < 1000"}])
            # Nothing of the record's own results.
            self.assertEqual(harness.query(self.data, 'select count(*) as n from "all" where price = 2000')[0]["n"], "0")
        done = self.run_to_end(strict="flag")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(harness.count(self.data, '"all"'), ROWS)
        found = harness.query(self.data, "select action, count(*) as n from quality where stream = 'strict' group by all order by all")
        self.assertEqual(found, [{"action": "fail", "n": "1"}, {"action": "flag", "n": "1"}])


class Reprocess(Folder):
    LEAST = -200  # lets some of the prices below zero pass

    def setUp(self):
        super().setUp()
        done = self.run_to_end()
        self.assertEqual(done.code, 0, done)
        self.passing = sum(i % 20 == 7 and i + 1 < 200 and i % 50 != 13 for i in range(ROWS))

    def test_without_a_change_nothing_changes(self):
        before = self.tables()
        topics = harness.run_ok("topics", "--data", self.data).out
        done = self.reprocess()
        self.assertEqual(done.code, 0, done)
        self.assertIn("0 passed", done.out)
        self.assertEqual(self.tables(), before)
        self.assertEqual(harness.run_ok("topics", "--data", self.data).out, topics)

    def test_those_that_pass_leave_the_quarantine_and_the_second_time_nothing_happens(self):
        before = self.tables()
        done = self.reprocess(least=self.LEAST)
        self.assertEqual(done.code, 0, done)
        total = number_of("price") + number_of("size") + 1
        self.assertIn(f"checked: {total} in quarantine by a rule; {self.passing} passed and left it, {total - self.passing} stay", done.out)
        self.assertIn("fails the rule 'price' (sql)", done.out)
        self.assertIn("was refused by the rule 'late' (out_of_order)", done.out)
        after = self.tables()
        self.assertEqual(harness.count(self.data, "quarantine"), total - self.passing)
        self.assertEqual(after["trades"].count("\n") - before["trades"].count("\n"), self.passing)
        # Other tables of the topic see nothing twice.
        self.assertEqual(after["all"], before["all"])
        topics = harness.run_ok("topics", "--data", self.data).out
        again = self.reprocess(least=self.LEAST)
        self.assertEqual(again.code, 0, again)
        self.assertIn("0 passed", again.out)
        self.assertEqual(self.tables(), after)
        self.assertEqual(harness.run_ok("topics", "--data", self.data).out, topics)

    def test_a_stream_can_be_named_and_the_log_shows_what_was_sent(self):
        done = self.reprocess("--stream", "checked", least=self.LEAST)
        self.assertEqual(done.code, 0, done)
        records = [json.loads(line) for line in harness.run_ok("tail", "trades", "--data", self.data, "--from", 0).out.splitlines()]
        sent = [record for record in records if record.get("kind") == "reprocess"]
        self.assertEqual(len(sent), self.passing)
        self.assertEqual({record["reason"] for record in sent}, {"rule price: price > 0"})

    def test_the_pipeline_goes_on_after_it_and_its_counts_add_up(self):
        self.assertEqual(self.reprocess(least=self.LEAST).code, 0)
        before = self.tables()
        done = self.run_to_end(least=self.LEAST)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.tables(), before)
        self.assertIn(f"quarantined {harness.count(self.data, 'quarantine')}", done.out)

    def test_a_replay_of_the_log_gives_the_same_by_the_new_rule(self):
        self.assertEqual(self.reprocess(least=self.LEAST).code, 0)
        after = self.tables()
        quarantined = harness.query(self.data, "select raw from quarantine order by all")
        # All that is left is the log.
        for name in self.data.glob("store.duckdb*"):
            name.unlink()
        self.path.write_text(HEADER, encoding="utf-8")
        done = self.run_to_end(least=self.LEAST)
        self.assertEqual(done.code, 0, done)
        replayed = self.tables()
        for table in ("all", "trades"):
            self.assertEqual(replayed[table], after[table], table)
        raw = "select raw from quarantine order by all"
        self.assertEqual(harness.query(self.data, raw), quarantined)

    def test_a_kill_at_any_moment_neither_loses_nor_doubles(self):
        source = self.data
        undisturbed = self.folder / "undisturbed"
        copy(source, undisturbed)
        self.assertEqual(self.reprocess(data=undisturbed, least=self.LEAST).code, 0)
        expected = self.tables(undisturbed)
        points = ["reprocess.mid_append:1", "reprocess.mid_append:2", "after_append:1", "before_commit:1", "before_commit:2",
                  "mid_commit:2", "store.before_commit:2", "after_commit:1", "after_commit:2"]
        for point in points:
            for then in ("reprocess", "run"):
                with self.subTest(point=point, then=then):
                    data = self.folder / f"killed-{points.index(point)}-{then}"
                    copy(source, data)
                    killed = self.reprocess(data=data, least=self.LEAST, env={"PENSTOCK_KILL_POINT": point})
                    self.assertEqual(killed.code, -signal.SIGKILL, killed)
                    if then == "run":
                        done = harness.run_to_end(self.pipeline, data, path=self.path, least=self.LEAST)
                        self.assertEqual(done.code, 0, done)
                    done = self.reprocess(data=data, least=self.LEAST)
                    self.assertEqual(done.code, 0, done)
                    self.assertEqual(self.tables(data), expected)


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    import shutil

    shutil.copytree(source, target)


if __name__ == "__main__":
    unittest.main()
