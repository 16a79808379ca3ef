"""Real quotes, and the second and minute bars of quotes that another program made of them."""

import pathlib
import unittest

import harness
import lean

INTERVALS = {"1s": "second", "1m": "minute"}
PIPELINE = """
name: quotes
sources:
  file: {type: file, path: "${path}", records: quotes, topic: quotes, time_unit: ms}
streams:
  bars: {from: quotes, bars: {every: [1s, 1m], lateness: 1s}}
tables:
  bars: {from: bars}
  quotes: {from: quotes}
"""
PRICES = ("bid_open", "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close")


def setUpModule():
    harness.test_data("lean")


def run(folder: pathlib.Path) -> pathlib.Path:
    """Bars of quotes.csv; the folder of its data."""
    (folder / "quotes.yaml").write_text(PIPELINE, encoding="utf-8")
    done = harness.run_to_end(folder / "quotes.yaml", folder / "data", path=folder / "quotes.csv")
    if done.code != 0:
        raise AssertionError(done)
    return folder / "data"


class EurUsd(unittest.TestCase):
    """Six days, one venue, both sides in every quote."""

    @classmethod
    def setUpClass(cls):
        source = harness.test_data("lean/forex/oanda")
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        ticks = source / "tick" / "eurusd"
        days = lean.days(ticks, "quote")
        cls.ticks = 0
        with open(folder / "quotes.csv", "w", encoding="utf-8") as file:
            file.write("symbol,ts_event,bid,ask\n")
            for day in days:
                for ms, bid, ask in lean.rows(ticks, day, "quote"):
                    file.write(f"EURUSD,{lean.epoch_ms(day) + int(ms)},{bid},{ask}\n")
                    cls.ticks += 1
        cls.key = {}
        for every, name in INTERVALS.items():
            cls.key[every] = {
                lean.epoch_ms(day) + int(bar[0]): [*bar[1:5], *bar[6:10]]
                for day in days for bar in lean.rows(source / name / "eurusd", day, "quote")
            }
        cls.data = run(folder)

    def test_every_bar_equals_the_key(self):
        for every in INTERVALS:
            key = self.key[every]
            rows = harness.query(self.data, f"select *, epoch_ms(start) as ms from bars where every = '{every}'")
            self.assertGreater(len(key), 1000)
            self.assertEqual({int(row["ms"]) for row in rows}, key.keys(), every)
            for row in rows:
                # Prices stay texts: 1.38600 and 1.386 are one number, and nothing is rounded.
                made = [row[name].rstrip("0") for name in PRICES]
                self.assertEqual(made, [price.rstrip("0") for price in key[int(row["ms"])]], (every, row["start"]))

    def test_every_quote_is_in_a_bar(self):
        self.assertEqual(harness.count(self.data, "quotes"), self.ticks)
        for every in INTERVALS:
            total = harness.query(self.data, f"select sum(quotes) as n from bars where every = '{every}'")[0]["n"]
            self.assertEqual(int(total), self.ticks)
        self.assertEqual(harness.query(self.data, "select count(*) as n from bars where bid_size is not null or not final"),
                         [{"n": "0"}])
        for table in ("late", "quarantine"):
            self.assertEqual(harness.count(self.data, table), 0)


class Ibm(unittest.TestCase):
    """Two days of every venue's best bid and ask with their sizes, mostly one side a quote. The other program begins a bar
    with the last quote of the bar before, which is done to ours here."""

    @classmethod
    def setUpClass(cls):
        ticks = harness.test_data("lean/equity/tick/ibm")
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        cls.key = {every: {} for every in INTERVALS}
        with open(folder / "quotes.csv", "w", encoding="utf-8") as file:
            file.write("symbol,venue,ts_event,bid,bid_size,ask,ask_size\n")
            for day in lean.days(ticks, "quote"):
                midnight = lean.epoch_ms(day, "America/New_York")
                for ms, bid, bid_size, ask, ask_size, venue, *_ in lean.rows(ticks, day, "quote"):
                    sides = [value for price, size in ((bid, bid_size), (ask, ask_size))
                             for value in ((lean.ten_thousandths(price), size) if int(price) else ("", ""))]
                    file.write(f"IBM,{venue},{midnight + int(ms)},{','.join(sides)}\n")
                for every, name in INTERVALS.items():
                    for ms, *bar in lean.rows(harness.test_data(f"lean/equity/{name}/ibm"), day, "quote"):
                        cls.key[every][midnight + int(ms)] = [[int(value) for value in bar[:5]], [int(value) for value in bar[5:]]]
        cls.data = run(folder)

    def bars(self, every: str) -> dict[int, list]:
        """[open, high, low, close, last size] of both sides, in 1/10,000, by start in ms; each begins where the last ended."""
        bars = {}
        before = [None, None]
        day = None
        for row in harness.query(self.data, f"select *, epoch_ms(start) as ms from bars where every = '{every}' order by start"):
            # Trading is from 08:00 to 24:00 UTC; the other program knows nothing of the day before.
            if day != (day := (int(row["ms"]) // 3600000 - 6) // 24):
                before = [None, None]
            sides = []
            for place, side in enumerate(("bid", "ask")):
                prices = [row[f"{side}_{name}"] for name in ("open", "high", "low", "close")]
                last = before[place]
                if prices[0]:
                    made = [round(float(price) * 10000) for price in prices] + [int(float(row[f"{side}_size"]))]
                    if last:
                        made[:3] = last[3], max(made[1], last[3]), min(made[2], last[3])
                else:
                    made = [last[3]] * 4 + [last[4]] if last else [0] * 5
                sides.append(made)
                before[place] = made if made[0] else None
            bars[int(row["ms"])] = sides
        return bars

    def test_bars_equal_the_key(self):
        for every, least in (("1m", 1145), ("1s", 24471)):
            bars = self.bars(every)
            key = self.key[every]
            self.assertLessEqual(key.keys(), bars.keys())
            equal = sum(bars[start] == sides for start, sides in key.items())
            # The rest are the first quotes behind the closing, and two seconds that have quotes out of order.
            self.assertGreaterEqual(equal, least, f"{every}: {equal} of {len(key)}")


if __name__ == "__main__":
    unittest.main()
