"""12,477 real trades, and the bars that another program made of them."""

import gzip
import json
import pathlib
import unittest

import harness

REPLAY = harness.PIPELINES / "replay.yaml"
INTERVALS = {"1m": "XRP_ETH-1m.feather", "5m": "XRP_ETH-5m.feather"}


def setUpModule():
    harness.test_data("binance-xrpeth")


class XrpEth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import decimal

        import pyarrow
        import pyarrow.parquet

        cls.source = harness.test_data("binance-xrpeth")
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        with gzip.open(cls.source / "XRP_ETH-trades.json.gz") as file:
            # Numbers stay the text that they are in the file.
            rows = json.load(file, parse_float=str, parse_int=str)
        cls.rows = len(rows)
        (folder / "a.csv").write_text("symbol,ts_event,price,size,id,side\n" + "".join(
            f"XRP/ETH,{ms},{price},{amount},{id_},{side}\n" for ms, id_, _, side, price, amount, _ in rows), encoding="utf-8")
        (folder / "a.jsonl").write_text("".join(
            f'{{"symbol":"XRP/ETH","ts_event":{ms},"price":{price},"size":{amount},"id":{id_},"side":"{side}"}}\n'
            for ms, id_, _, side, price, amount, _ in rows), encoding="utf-8")
        exact = lambda place, scale: pyarrow.array([decimal.Decimal(row[place]) for row in rows], pyarrow.decimal128(18, scale))
        pyarrow.parquet.write_table(pyarrow.table({
            "symbol": ["XRP/ETH"] * len(rows), "ts_event": pyarrow.array([int(row[0]) for row in rows], pyarrow.timestamp("ms", tz="UTC")),
            "price": exact(4, 9), "size": exact(5, 8), "id": [int(row[1]) for row in rows], "side": [row[3] for row in rows],
        }), folder / "a.parquet")
        cls.data = {name: folder / f"data-{name}" for name in ("a.csv", "a.jsonl", "a.parquet")}
        for name, data in cls.data.items():
            done = harness.run_to_end(REPLAY, data, path=folder / name)
            if done.code != 0:
                raise AssertionError(done)

    def test_every_bar_equals_the_key(self):
        import pyarrow.feather

        for every, name in INTERVALS.items():
            key = pyarrow.feather.read_table(self.source / name).to_pylist()
            rows = harness.query(self.data["a.csv"], f"select *, epoch_ms(start) as ms from bars where every = '{every}' order by start")
            self.assertEqual(len(rows), len(key), every)
            for row, expected in zip(rows, key, strict=True):
                self.assertEqual(int(row["ms"]), round(expected["date"].timestamp() * 1000))
                for column in ("open", "high", "low", "close"):
                    self.assertEqual(float(row[column]), expected[column], (every, row, expected))
                self.assertAlmostEqual(float(row["volume"]), expected["volume"], places=6)

    def test_every_trade_is_stored(self):
        self.assertEqual(harness.count(self.data["a.csv"], "trades"), self.rows)
        for table in ("late", "quarantine"):
            self.assertEqual(harness.count(self.data["a.csv"], table), 0)

    def test_csv_json_lines_and_parquet_give_the_same_bytes(self):
        for table in ("trades", "bars"):
            sql = f"select * from {table} order by all"
            reference = harness.query_text(self.data["a.csv"], sql)
            self.assertGreater(reference.count("\n"), 1000)
            for name, data in self.data.items():
                with self.subTest(table=table, file=name):
                    self.assertEqual(harness.query_text(data, sql), reference)


if __name__ == "__main__":
    unittest.main()
