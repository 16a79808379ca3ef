"""Two days of real IBM trades with their conditions, and the minute bars that another program made of them."""

import csv
import unittest

import harness
import lean

TABLE = harness.PIPELINES / "conditions" / "lean.csv"
# The other program moves the opening and closing auctions to other minutes.
AUCTION_MINUTES = {(9, 30), (9, 31), (15, 59), (16, 0), (16, 1)}


def setUpModule():
    harness.test_data("lean/equity/tick")


def read_table() -> list[tuple[int, int, bool, bool]]:
    """(flag, flags of unless, updates prices, updates volume) of each row."""
    with open(TABLE, encoding="utf-8") as file:
        reader = csv.DictReader(line for line in file if not line.startswith("#"))
        table = []
        for row in reader:
            assert row["high_low"] == row["open_close"], row
            unless = sum(int(code, 16) for code in row["unless"].split("|") if code)
            table.append((int(row["code"], 16), unless, row["high_low"] == "yes", row["volume"] == "yes"))
        return table


class Ibm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.key = {}
        cls.ticks = []
        ticks = harness.test_data("lean/equity/tick/ibm")
        minutes = harness.test_data("lean/equity/minute/ibm")
        for day in lean.days(ticks, "trade"):
            midnight = lean.epoch_ms(day, "America/New_York")
            for tick in lean.rows(ticks, day, "trade"):
                cls.ticks.append((midnight + int(tick[0]), int(tick[1]), int(tick[2]), lean.flags(tick)))
            for ms, *bar in lean.rows(minutes, day, "trade"):
                at = (int(ms) // 3600000, int(ms) // 60000 % 60)
                if at not in AUCTION_MINUTES:
                    cls.key[midnight + int(ms)] = [int(value) for value in bar]

    def bars(self, table) -> dict[int, list]:
        """[open, high, low, close, volume] by the minute's start."""
        bars = {}
        for ms, price, size, flags in self.ticks:
            holds = [row for row in table if flags & row[0] and not flags & row[1]]
            bar = bars.setdefault(ms // 60000 * 60000, [None, None, None, None, 0])
            if all(row[2] for row in holds):
                bar[0] = price if bar[0] is None else bar[0]
                bar[1] = price if bar[1] is None else max(bar[1], price)
                bar[2] = price if bar[2] is None else min(bar[2], price)
                bar[3] = price
            if all(row[3] for row in holds):
                bar[4] += size
        return bars

    def share(self, bars, columns) -> float:
        return sum(bars[start][columns] == bar[columns] for start, bar in self.key.items()) / len(self.key)

    def test_the_tables_rule_makes_the_bars_of_the_key(self):
        bars = self.bars(read_table())
        self.assertGreater(len(self.key), 800)
        self.assertLessEqual(self.key.keys(), bars.keys())
        self.assertGreaterEqual(self.share(bars, slice(0, 4)), 0.995, "prices")
        self.assertGreaterEqual(self.share(bars, slice(4, 5)), 0.995, "volume")

    def test_without_a_rule_the_bars_are_others(self):
        self.assertLess(self.share(self.bars([]), slice(0, 4)), 0.6)


if __name__ == "__main__":
    unittest.main()
