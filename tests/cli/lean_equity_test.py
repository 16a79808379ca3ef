"""Two days of real IBM trades with their conditions, and the minute bars that another program made of them."""

import pathlib
import unittest

import harness
import lean

TABLE = harness.PIPELINES / "conditions" / "lean.csv"
# The other program moves the opening and closing auctions to other minutes.
AUCTION_MINUTES = {(9, 30), (9, 31), (15, 59), (16, 0), (16, 1)}
PIPELINE = """
name: ibm
sources:
  file: {{type: file, path: "${{path}}", topic: trades, time_unit: ms}}
streams:
  plain: {{from: trades, bars: {{every: 1m}}}}
  bars:  {{from: trades, bars: {{every: 1m, conditions: "{table}"}}}}
tables:
  plain: {{from: plain}}
  bars:  {{from: bars}}
"""


def setUpModule():
    harness.test_data("lean/equity/tick")


class Ibm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ticks = harness.test_data("lean/equity/tick/ibm")
        minutes = harness.test_data("lean/equity/minute/ibm")
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        cls.key = {}
        with open(folder / "trades.csv", "w", encoding="utf-8") as file:
            file.write("symbol,ts_event,price,size,id,conditions\n")
            for day in lean.days(ticks, "trade"):
                midnight = lean.epoch_ms(day, "America/New_York")
                for number, tick in enumerate(lean.rows(ticks, day, "trade")):
                    price = lean.ten_thousandths(tick[1])
                    file.write(f"IBM,{midnight + int(tick[0])},{price},{tick[2]},{number},{lean.flags(tick):#x}\n")
                for ms, *bar in lean.rows(minutes, day, "trade"):
                    if (int(ms) // 3600000, int(ms) // 60000 % 60) not in AUCTION_MINUTES:
                        cls.key[midnight + int(ms)] = [int(value) for value in bar]
        (folder / "ibm.yaml").write_text(PIPELINE.format(table=TABLE), encoding="utf-8")
        cls.data = folder / "data"
        cls.done = harness.run_to_end(folder / "ibm.yaml", cls.data, path=folder / "trades.csv")
        if cls.done.code != 0:
            raise AssertionError(cls.done)

    def bars(self, table: str) -> dict[int, list[int]]:
        """[open, high, low, close, volume] by the minute's start, prices in 1/10,000."""
        prices = ("open", "high", "low", "close")
        return {int(row["ms"]): [*(round(float(row[name]) * 10000) for name in prices), int(float(row["volume"]))]
                for row in harness.query(self.data, f"select *, epoch_ms(start) as ms from {table}")}

    def share(self, table: str, columns: slice) -> float:
        bars = self.bars(table)
        return sum(bars[start][columns] == bar[columns] for start, bar in self.key.items()) / len(self.key)

    def test_the_tables_rule_makes_the_bars_of_the_key(self):
        self.assertGreater(len(self.key), 800)
        self.assertLessEqual(self.key.keys(), self.bars("bars").keys())
        self.assertGreaterEqual(self.share("bars", slice(0, 4)), 0.995, "prices")
        self.assertGreaterEqual(self.share("bars", slice(4, 5)), 0.995, "volume")

    def test_without_a_rule_the_bars_are_others(self):
        self.assertLess(self.share("plain", slice(0, 4)), 0.6)

    def test_every_condition_is_known(self):
        self.assertNotIn("unknown", self.done.text)


if __name__ == "__main__":
    unittest.main()
