"""query, export, topics and tail, beside a running pipeline and after it."""

import json
import pathlib
import unittest

import harness
import trades


class Finished(unittest.TestCase):
    """A data folder on which nothing runs any more."""

    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.data = cls.folder / "data"
        cls.trades = trades.generate(7, 5000)
        cls.expected = trades.expect(cls.trades, [60, 300])
        (cls.folder / "a.csv").write_text(trades.csv_text(cls.trades), encoding="utf-8")
        done = harness.run_to_end(harness.PIPELINES / "replay.yaml", cls.data, path=cls.folder / "a.csv")
        if done.code != 0:
            raise AssertionError(done)

    def test_query_formats(self):
        sql = "select symbol, id, price from trades where id = '1'"
        row = self.trades[1]
        price = trades.decimal_text(row.price, trades.PRICE_SCALE)
        self.assertRegex(harness.query_text(self.data, sql), rf"^symbol,id,price\n{row.symbol},1,{price}0*\n$")
        table = harness.query_text(self.data, sql, "table")
        self.assertIn(row.symbol, table)
        self.assertIn("symbol", table)
        rows = json.loads(harness.query_text(self.data, sql, "json"))
        self.assertEqual((rows[0]["symbol"], rows[0]["id"]), (row.symbol, "1"))
        lines = harness.query_text(self.data, sql.replace("'1'", "'1' or id = '2' order by id"), "jsonl").splitlines()
        self.assertEqual([json.loads(line)["id"] for line in lines], ["1", "2"])

    def test_export_formats(self):
        import csv

        import pyarrow.parquet

        for format in ("csv", "json", "jsonl", "parquet"):
            with self.subTest(format):
                path = self.folder / f"out.{format}"
                done = harness.run_ok("export", "trades", path, "--data", self.data, "--format", format)
                self.assertIn("out." + format, done.out)
                if format == "parquet":
                    ids = pyarrow.parquet.read_table(path)["id"].to_pylist()
                elif format == "csv":
                    ids = [row["id"] for row in csv.DictReader(path.open(encoding="utf-8"))]
                elif format == "json":
                    ids = [row["id"] for row in json.loads(path.read_text(encoding="utf-8"))]
                else:
                    ids = [json.loads(line)["id"] for line in path.open(encoding="utf-8")]
                self.assertEqual(sorted(map(int, ids)), sorted(trade.id for trade in self.expected.trades))

    def test_export_of_a_query(self):
        path = self.folder / "few.csv"
        harness.run_ok("export", "select symbol from trades limit 3", path, "--data", self.data, "--format", "csv")
        self.assertEqual(len(path.read_text(encoding="utf-8").splitlines()), 4)

    def test_sql_that_writes_or_reaches_out_is_refused(self):
        secret = self.folder / "secret.csv"
        secret.write_text("a\nsecret-value\n", encoding="utf-8")
        before = harness.count(self.data, "trades")
        for sql in ("drop table trades", "delete from trades", "insert into trades select * from trades", "create table x as select 1",
                    "update trades set price = 0", "attach 'x.db'", "copy trades to 'x.csv'", "pragma database_list; drop table trades",
                    "select 1; drop table trades", f"select * from read_csv('{secret}')", f"select * from '{secret}'",
                    f"select * from read_text('{secret}')", "install httpfs", "load httpfs", "set enable_external_access=true",
                    "select * from no_such_table", "selec 1", ""):
            with self.subTest(sql):
                done = harness.run("query", sql, "--data", self.data)
                self.assertIn(done.code, (1, 2), done)
                self.assertNotIn("secret-value", done.text)
                self.assertTrue(done.err.strip())
        self.assertEqual(harness.count(self.data, "trades"), before)

    def test_topics_tells_what_the_log_holds(self):
        text = harness.run_ok("topics", "--data", self.data).out
        self.assertIn("trades", text)

    def test_tail_prints_records_as_json(self):
        lines = harness.run_ok("tail", "trades", "--data", self.data, "--last", 3, "--partition", 0).out.splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(json.loads(line)["partition"], 0)
        offsets = [json.loads(line)["offset"] for line in lines]
        self.assertEqual(offsets, list(range(offsets[0], offsets[0] + 3)))

    def test_tail_from_the_beginning_gives_every_record_once(self):
        lines = harness.run_ok("tail", "trades", "--data", self.data, "--from", 0).out.splitlines()
        records = [json.loads(line) for line in lines]
        self.assertEqual(sum("price" in json.dumps(record) for record in records), len(self.trades))

    def test_tail_of_a_topic_that_is_not_there_names_those_that_are(self):
        done = harness.run("tail", "trade", "--data", self.data)
        self.assertIn(done.code, (1, 2), done)
        self.assertIn("trades", done.err)


if __name__ == "__main__":
    unittest.main()
