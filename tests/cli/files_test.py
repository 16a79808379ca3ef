"""Files of trades through pipelines/replay.yaml: every format, bad input, and what a run says about it."""

import gzip
import json
import pathlib
import re
import signal
import unittest

import harness
import trades

EXACT = "select * from {} order by all"
BARS = {60: "1m", 300: "5m"}


def expected_bars(expected: trades.Expected) -> list[tuple]:
    price = lambda units: trades.decimal_text(units, trades.PRICE_SCALE)
    return sorted((symbol, BARS[every // trades.SECOND], start, price(bar.open), price(bar.high), price(bar.low), price(bar.close),
                   trades.decimal_text(bar.volume, trades.SIZE_SCALE), price(bar.vwap), bar.trades)
                  for (symbol, every, start), bar in expected.bars.items())


def stored_bars(data) -> list[tuple]:
    rows = harness.query(data, "select *, epoch_ns(start) as start_ns from bars where final")
    shortest = lambda text: text.rstrip("0").rstrip(".") if "." in text else text
    return sorted((row["symbol"], row["every"], int(row["start_ns"]), *(shortest(row[name]) for name in
                   ("open", "high", "low", "close", "volume", "vwap")), int(row["trades"])) for row in rows)


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import pyarrow

        cls.seed = harness.seed()
        cls.folder = harness.temporary_folder()
        cls.addClassCleanup(cls.folder.cleanup)
        folder = pathlib.Path(cls.folder.name)
        cls.trades = trades.generate(cls.seed, 20_000)
        csv, lines = trades.csv_text(cls.trades).encode(), trades.json_lines_text(cls.trades).encode()
        files = {"a.csv": csv, "a.jsonl": lines, "a.csv.gz": gzip.compress(csv), "a.jsonl.gz": gzip.compress(lines),
                 # Two members after one another are one file, as `cat a.gz b.gz` makes it.
                 "b.csv.gz": gzip.compress(csv[:100_000]) + gzip.compress(csv[100_000:]),
                 "a.csv.zst": pyarrow.Codec("zstd").compress(csv, asbytes=True),
                 "a.jsonl.zst": pyarrow.Codec("zstd").compress(lines, asbytes=True),
                 "crlf.csv": csv.replace(b"\n", b"\r\n"), "no-last-newline.csv": csv.rstrip(b"\n"), "bom.csv": b"\xef\xbb\xbf" + csv}
        for name, content in files.items():
            (folder / name).write_bytes(content)
        trades.write_parquet(cls.trades, folder / "a.parquet")
        trades.write_parquet(cls.trades, folder / "zstd.parquet", "zstd")
        cls.data = {}
        for name in [*files, "a.parquet", "zstd.parquet"]:
            cls.data[name] = folder / ("data-" + name)
            done = harness.run_to_end(harness.PIPELINES / "replay.yaml", cls.data[name], path=folder / name, lateness="2s")
            if done.code != 0:
                raise AssertionError(done)

    def test_bars_are_those_of_the_rules(self):
        self.assertEqual(stored_bars(self.data["a.csv"]), expected_bars(trades.expect(self.trades, list(BARS))), f"seed {self.seed}")

    def test_trades_late_and_duplicates_are_counted_out(self):
        expected = trades.expect(self.trades, list(BARS))
        self.assertEqual(harness.count(self.data["a.csv"], "trades"), len(expected.trades))
        self.assertEqual(harness.count(self.data["a.csv"], "late"), len(expected.late))
        self.assertEqual(harness.count(self.data["a.csv"], "quarantine"), 0)

    def test_every_format_gives_the_same_bytes(self):
        for table in ("trades", "bars", "late"):
            reference = harness.query_text(self.data["a.csv"], EXACT.format(table))
            self.assertGreater(reference.count("\n"), 10)
            for name, data in self.data.items():
                with self.subTest(table=table, file=name):
                    self.assertEqual(harness.query_text(data, EXACT.format(table)), reference)


class FileTest(harness.FolderCase):
    """Runs a file with this content through replay.yaml."""

    def run_file(self, name: str, content: bytes) -> harness.Finished:
        path = self.folder / name
        path.write_bytes(content)
        return harness.run_to_end(harness.PIPELINES / "replay.yaml", self.data, path=path)

    def quarantine(self) -> list[dict[str, str]]:
        return harness.query(self.data, "select * from quarantine order by all")


class Paced(unittest.TestCase):
    # Without dedup: a record that is read again must be known by its sequence.
    PIPELINE = """name: paced
log: {partitions: 2}
store: {commit_interval: 20ms}
sources:
  file: {type: file, path: "${path}", pace: "${pace}", topic: trades}
tables:
  trades: {from: trades}
"""
    KILLS = ("after_append:40", "mid_commit:3", "after_append:25", "after_log_flush:2", "after_commit:4", "after_append:60")

    def test_a_paced_file_that_is_killed_again_and_again_is_logged_and_stored_once(self):
        with harness.temporary_folder() as folder:
            folder = pathlib.Path(folder)
            lines = trades.csv_text(trades.generate(harness.seed(), 3000, seconds=120)).splitlines()
            for at in range(50, len(lines), 50):
                lines[at] += f"\nbad {at}"
            (folder / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (folder / "pipeline.yaml").write_text(self.PIPELINE, encoding="utf-8")
            run = lambda data, pace, env=None: harness.run_to_end(folder / "pipeline.yaml", folder / data, path=folder / "a.csv", pace=pace, env=env)
            self.assertEqual(run("whole", "max").code, 0)
            for kill in self.KILLS:
                done = run("data", 60, {"PENSTOCK_KILL_POINT": kill})
                self.assertEqual(done.code, -signal.SIGKILL, done)
            done = run("data", 60)
            self.assertEqual(done.code, 0, done)
            for table in ("trades", "quarantine"):
                sql = f"select * from {table} order by all"
                self.assertEqual(harness.query_text(folder / "data", sql), harness.query_text(folder / "whole", sql))
            records = [json.loads(line) for line in harness.run_ok("tail", "trades", "--from", 0, "--data", folder / "data").out.splitlines()]
            logged = sorted(json.dumps([record.get("id"), record.get("ts_event")]) for record in records if "price" in record)
            self.assertEqual(len(logged), harness.count(folder / "whole", "trades"))


class Memory(unittest.TestCase):
    # The store's own share is stated; the rest is the pipeline's.
    PIPELINE = """name: garbage
store: {memory: 64MiB}
sources:
  file: {type: file, path: "${path}", topic: trades}
tables:
  trades: {from: trades}
"""

    def test_a_file_of_nothing_but_garbage_is_quarantined_in_bounded_memory(self):
        """Lines of one letter: each is a reject of a hundred bytes, and more than a hundred MB of them come from a few MB."""
        lines = 3_000_000
        for name, header in (("a.csv", "symbol,ts_event,price,size\n"), ("a.jsonl", "")):
            with self.subTest(name), harness.temporary_folder() as folder:
                folder = pathlib.Path(folder)
                (folder / name).write_text(header + "x\n" * lines, encoding="utf-8")
                (folder / "pipeline.yaml").write_text(self.PIPELINE, encoding="utf-8")
                with harness.Pipeline(folder / "pipeline.yaml", folder / "data", path=folder / name) as pipeline:
                    count = lambda: int(pipeline.api_query("select count(*) as n from quarantine")[0]["n"])
                    pipeline.until("all lines are in quarantine", lambda: count() == lines)
                    status = pathlib.Path(f"/proc/{pipeline.process.pid}/status").read_text(encoding="utf-8")
                    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024
                self.assertLess(peak, 250, "MB at most")


HEADER = b"symbol,ts_event,price,size,id\n"
GOOD = b"A,2024-01-02T14:30:00Z,1.5,100,1\n"


class BadRecords(FileTest):
    """Each bad line is one row of quarantine, with its reason and its own bytes, beside a good line that is kept."""

    CASES = {
        "a column is missing": b"A,2024-01-02T14:30:01Z,1.5",
        "a column too many": b"A,2024-01-02T14:30:01Z,1.5,100,2,x,y",
        "text where a price belongs": b"A,2024-01-02T14:30:01Z,cheap,100,2",
        "an empty price": b"A,2024-01-02T14:30:01Z,,100,2",
        "a price of 30 digits": b"A,2024-01-02T14:30:01Z,123456789012345678901234567890,100,2",
        "a price with too many decimals": b"A,2024-01-02T14:30:01Z,1.0000000000001,100,2",
        "a negative size": b"A,2024-01-02T14:30:01Z,1.5,-100,2",
        "a price of zero": b"A,2024-01-02T14:30:01Z,0,100,2",
        "nan": b"A,2024-01-02T14:30:01Z,nan,100,2",
        "a time in year 9999": b"A,9999-12-31T23:59:59Z,1.5,100,2",
        "a time that is none": b"A,yesterday,1.5,100,2",
        "the 30th of February": b"A,2024-02-30T00:00:00Z,1.5,100,2",
        "no symbol": b",2024-01-02T14:30:01Z,1.5,100,2",
        "invalid UTF-8": b"A\xff\xfe,2024-01-02T14:30:01Z,1.5,100,2",
    }

    def test_csv(self):
        for name, line in self.CASES.items():
            with self.subTest(name):
                self.setUp()
                done = self.run_file("a.csv", HEADER + GOOD + line + b"\n" + GOOD.replace(b",1\n", b",3\n"))
                self.assertEqual(done.code, 0, done)
                rows = self.quarantine()
                self.assertEqual(len(rows), 1, done)
                self.assertTrue(rows[0]["reason"])
                self.assertTrue(rows[0]["source"])
                self.assertTrue(rows[0]["position"])
                self.assertEqual(harness.count(self.data, "trades"), 2)
                self.assertRegex(done.text, r"in 3 = rows 2 \+ late 0 \+ duplicates 0 \+ quarantined 1")

    def test_the_quarantined_bytes_are_those_of_the_line(self):
        line = b"A,2024-01-02T14:30:01Z,cheap,100,2"
        self.run_file("a.csv", HEADER + GOOD + line + b"\n")
        row = harness.query(self.data, "select hex(raw) as raw, position from quarantine")[0]
        self.assertEqual(bytes.fromhex(row["raw"]).rstrip(b"\n"), line)
        self.assertIn("3", row["position"])

    def test_parquet_text_that_is_not_utf8(self):
        import pyarrow
        import pyarrow.parquet

        def column(*values: bytes):
            """As a writer that does not look at its texts makes it."""
            return pyarrow.array(values, pyarrow.binary()).view(pyarrow.string())

        good = (b"A", b"1"), (b"B", b"2"), (b"C", b"3")
        for name, bad in {"a symbol": (b"A\xff\xfe", b"4"), "an id": (b"A", b"4\xc3")}.items():
            with self.subTest(name):
                self.setUp()
                symbols, ids = zip(good[0], bad, *good[1:])
                table = pyarrow.table({"symbol": column(*symbols), "ts_event": column(*[b"2024-01-02T14:30:00Z"] * 4),
                                       "price": column(*[b"1.5"] * 4), "size": column(*[b"100"] * 4), "id": column(*ids)})
                path = self.folder / "a.parquet"
                pyarrow.parquet.write_table(table, path)
                done = harness.run_to_end(harness.PIPELINES / "replay.yaml", self.data, path=path)
                self.assertEqual(done.code, 0, done)
                rows = harness.query(self.data, "select position, reason, hex(raw) as raw from quarantine")
                self.assertEqual([row["position"] for row in rows], ["row 2"], done)
                self.assertIn("UTF-8", rows[0]["reason"])
                self.assertIn(bad[0 if name == "a symbol" else 1].hex().upper(), rows[0]["raw"])
                self.assertEqual(harness.count(self.data, "trades"), 3)

    def test_json_lines(self):
        good = b'{"symbol":"A","ts_event":"2024-01-02T14:30:00Z","price":1.5,"size":100,"id":%d}\n'
        cases = [b'{"symbol":"A"', b"[]", b"17", b'"A"', b"null", b"{}", b"{nonsense}", b'{"symbol":"A\xff"}',
                 good[:-2].replace(b"%d", b"2").replace(b"1.5", b"123456789012345678901234567890") + b"}",
                 good[:-2].replace(b"%d", b"2").replace(b"1.5", b'{"a":[1,2]}') + b"}",
                 b"[" * 5000]
        for number, line in enumerate(cases):
            with self.subTest(line=line[:60]):
                self.setUp()
                done = self.run_file("a.jsonl", good % 1 + line + b"\n" + good % 3)
                self.assertEqual(done.code, 0, done)
                self.assertEqual(len(self.quarantine()), 1, done)
                self.assertEqual(harness.count(self.data, "trades"), 2)

    def test_a_file_of_noise_is_survived_and_counted(self):
        import random

        noise = random.Random(harness.seed())
        content = HEADER + bytes(noise.randrange(256) for _ in range(50_000))
        done = self.run_file("a.csv", content)
        self.assertIn(done.code, (0, 1), done)
        if done.code == 0:
            self.assertRegex(done.text, r"in [\d,]+ = rows")
        self.assertGreater(len(self.quarantine()), 10)


class BadFiles(FileTest):
    def test_an_empty_file_is_said_so(self):
        done = self.run_file("a.csv", b"")
        self.assertEqual(done.code, 1, done)
        self.assertIn("a.csv", done.err)

    def test_a_file_of_a_header_alone_makes_no_rows(self):
        done = self.run_file("a.csv", HEADER)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(harness.count(self.data, "trades"), 0)

    def test_a_column_that_the_header_lacks_is_named(self):
        done = self.run_file("a.csv", b"symbol,ts_event,price,id\nA,2024-01-02T14:30:00Z,1.5,1\n")
        self.assertEqual(done.code, 1, done)
        self.assertIn("size", done.err)

    def test_a_file_that_is_not_there_is_named(self):
        done = harness.run_to_end(harness.PIPELINES / "replay.yaml", self.data, path=self.folder / "gone.csv")
        self.assertEqual(done.code, 1, done)
        self.assertIn("gone.csv", done.err)

    def test_a_truncated_gzip_is_said_so_and_what_came_before_is_kept(self):
        content = trades.csv_text(trades.generate(1, 5000)).encode()
        whole = gzip.compress(content)
        done = self.run_file("a.csv.gz", whole[:len(whole) // 2])
        self.assertEqual(done.code, 1, done)
        self.assertIn("a.csv.gz", done.err)

    def test_bytes_that_are_no_gzip_zstd_or_parquet_are_said_so(self):
        for name in ("a.csv.gz", "a.csv.zst", "a.parquet"):
            with self.subTest(name):
                self.setUp()
                done = self.run_file(name, HEADER + GOOD)
                self.assertEqual(done.code, 1, done)
                self.assertIn(name, done.err)

    def test_a_truncated_parquet_is_said_so(self):
        trades.write_parquet(trades.generate(1, 5000), self.folder / "whole.parquet")
        whole = (self.folder / "whole.parquet").read_bytes()
        done = self.run_file("a.parquet", whole[:len(whole) // 2])
        self.assertEqual(done.code, 1, done)
        self.assertIn("a.parquet", done.err)


class Again(FileTest):
    def test_a_finished_file_is_not_read_twice(self):
        content = trades.csv_text(trades.generate(1, 2000)).encode()
        self.assertEqual(self.run_file("a.csv", content).code, 0)
        before = harness.query_text(self.data, EXACT.format("trades"))
        done = self.run_file_again()
        self.assertEqual(done.code, 0, done)
        self.assertEqual(harness.query_text(self.data, EXACT.format("trades")), before)

    def run_file_again(self) -> harness.Finished:
        return harness.run_to_end(harness.PIPELINES / "replay.yaml", self.data, path=self.folder / "a.csv")


if __name__ == "__main__":
    unittest.main()
