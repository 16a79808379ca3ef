"""pipelines/indicators.yaml: what it stores is computed again here, from the stored bars, by the definitions."""

import math
import pathlib
import statistics
import unittest

import harness
import trades

PIPELINE = harness.PIPELINES / "indicators.yaml"


def warming_up(values: list, first: int) -> list:
    return [None] * min(first, len(values)) + values[first:]


def window(values: list[float], size: int, compute) -> list:
    return [None if i + 1 < size else compute(values[i + 1 - size:i + 1]) for i in range(len(values))]


def averages(values: list[float], factor: float) -> list[float]:
    out: list[float] = []
    for value in values:
        out.append(value if not out else out[-1] + factor * (value - out[-1]))
    return out


def wilder(values: list[float], size: int) -> list:
    """The mean of the first `size` values, then each with the weight 1/size."""
    if len(values) < size:
        return [None] * len(values)
    return [None] * (size - 1) + averages([statistics.fmean(values[:size]), *values[size:]], 1 / size)


def minus(a: list, b: list) -> list:
    return [None if x is None or y is None else x - y for x, y in zip(a, b)]


def expected(bars: list[dict[str, float]]) -> dict[str, list]:
    close = [bar["close"] for bar in bars]
    change = [b - a for a, b in zip(close, close[1:])]
    mean, deviation = window(close, 20, statistics.fmean), window(close, 20, statistics.pstdev)
    line = minus(averages(close, .15), averages(close, .075))
    signal = averages(line[25:], 2 / 10)
    up, down = (wilder([max(sign * x, 0) for x in change], 14) for sign in (1, -1))
    ranges = [bar["high"] - bar["low"] if i == 0 else max(bar["high"], close[i - 1]) - min(bar["low"], close[i - 1])
              for i, bar in enumerate(bars)]
    raw = [100 * (group[-1]["close"] - min(x["low"] for x in group)) / ((max(x["high"] for x in group) - min(x["low"] for x in group)) or math.inf)
           for group in (bars[i - 13:i + 1] for i in range(13, len(bars)))]
    slow = [statistics.fmean(raw[i - 2:i + 1]) for i in range(2, len(raw))]
    vwap, notional, volume, day = [], 0.0, 0.0, None
    for bar in bars:
        if bar["ns"] // (86_400 * trades.SECOND) != day:
            notional, volume, day = 0.0, 0.0, bar["ns"] // (86_400 * trades.SECOND)
        notional, volume = notional + bar["vwap"] * bar["volume"], volume + bar["volume"]
        vwap.append(notional / volume)
    balance = [0.0]
    for bar, x in zip(bars[1:], change):
        balance.append(balance[-1] + math.copysign(bar["volume"], x) * (x != 0))
    steps = [math.log(b / a) for a, b in zip(close, close[1:])]
    return {
        "sma20": mean,
        "ema12": averages(close, 2 / 13),
        "wma10": window(close, 10, lambda x: sum(w * v for w, v in enumerate(x, 1)) / 55),
        "macd": warming_up(line, 25),
        "macd_signal": warming_up([0] * 25 + signal, 25)[:len(bars)],
        "macd_hist": minus(warming_up(line, 25), warming_up([0] * 25 + signal, 25)[:len(bars)]),
        "bb_lower": [None if m is None else m - 2 * d for m, d in zip(mean, deviation)],
        "bb_middle": mean,
        "bb_upper": [None if m is None else m + 2 * d for m, d in zip(mean, deviation)],
        "rsi14": [None] + [None if u is None else 100 * u / (u + d) for u, d in zip(up, down)],
        "atr14": wilder(ranges, 14),
        "stoch_k": [None] * min(17, len(bars)) + slow[2:],
        "stoch_d": [None] * min(17, len(bars)) + [statistics.fmean(slow[i - 2:i + 1]) for i in range(2, len(slow))],
        "vwap": vwap,
        "obv": balance,
        "ret": [None] + [b / a - 1 for a, b in zip(close, close[1:])],
        "vol20": [None] + window(steps, 20, statistics.stdev),
    }


class Indicators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        cls.seed = harness.seed()
        (folder / "a.csv").write_text(trades.csv_text(trades.generate(cls.seed, 20_000, symbols=3, seconds=18_000)), encoding="utf-8")
        cls.data = folder / "data"
        done = harness.run_to_end(PIPELINE, cls.data, path=folder / "a.csv")
        if done.code != 0:
            raise AssertionError(done)

    def test_every_value_is_that_of_the_definition(self):
        bars: dict[tuple, list] = {}
        for row in harness.query(self.data, "select *, epoch_ns(start) as ns from bars order by start"):
            bars.setdefault((row["symbol"], row["every"]), []).append(
                {"ns": int(row["ns"])} | {name: float(row[name]) for name in ("high", "low", "close", "vwap", "volume")})
        self.assertGreater(max(map(len, bars.values())), 100)
        for (symbol, every), series in bars.items():
            rows = harness.query(self.data, f"select * from studies where symbol = '{symbol}' and every = '{every}' order by start")
            self.assertEqual(len(rows), len(series))
            for name, values in expected(series).items():
                self.assertEqual(len(values), len(rows), name)
                for i, (row, value) in enumerate(zip(rows, values)):
                    if value is None:
                        self.assertEqual(row[name], "", (self.seed, symbol, every, name, i))
                    else:
                        self.assertAlmostEqual(float(row[name]), value, delta=1e-9 * max(1, abs(value)), msg=f"seed {self.seed} {symbol} {every} {name} {i}")

    def test_each_bar_has_one_row_of_revision_0(self):
        self.assertEqual(harness.count(self.data, "studies"), harness.count(self.data, "bars"))
        self.assertEqual(harness.query(self.data, "select distinct revision from studies"), [{"revision": "0"}])
        self.assertEqual(harness.count(self.data, "quarantine"), 0)


class Revisions(unittest.TestCase):
    FILE = """name: p
sources:
  file: {type: file, path: a.csv, topic: trades}
streams:
  bars: {from: trades, bars: {every: 1m, lateness: 0s, revise_for: 1h}}
  studies:
    from: bars
    indicators: {sma2: "sma(close, 2)", obv: obv()}
tests:
  - name: a cancelled trade takes its bar back, and what was computed of it
    given:
      trades:
        - {symbol: A, ts_event: 2024-01-02T14:30:00Z, price: 10, size: 1, id: 1}
        - {symbol: A, ts_event: 2024-01-02T14:31:00Z, price: 99, size: 2, id: 2}
        - {symbol: A, ts_event: 2024-01-02T14:32:00Z, price: 12, size: 3, id: 3}
        - {symbol: A, ts_event: 2024-01-02T14:33:00Z, price: 14, size: 4, id: 4}
        - {symbol: A, ts_event: 2024-01-02T14:33:01Z, price: 99, size: 2, action: cancel, ref_id: 2}
    expect:
      studies:
        - {start: 2024-01-02T14:30:00Z, revision: 0, sma2: null, obv: 0}
        - {start: 2024-01-02T14:31:00Z, revision: 0, sma2: 54.5, obv: 2}
        - {start: 2024-01-02T14:32:00Z, revision: 0, sma2: 55.5, obv: -1}
        - {start: 2024-01-02T14:31:00Z, revision: 1, close: null, sma2: null, obv: null}
        - {start: 2024-01-02T14:32:00Z, revision: 1, close: 12, sma2: 11, obv: 3}
        - {start: 2024-01-02T14:33:00Z, revision: 0, sma2: 13, obv: WANTED}
"""

    def run_test(self, wanted: str):
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "p.yaml"
            path.write_text(self.FILE.replace("WANTED", wanted), encoding="utf-8")
            return harness.run("test", path)

    def test_are_what_the_pipeline_file_may_test(self):
        done = self.run_test("7")
        self.assertEqual(done.code, 0, done)
        wrong = self.run_test("8")
        self.assertEqual(wrong.code, 1, wrong)
        self.assertIn("obv is 7, 8 expected", wrong.text)


class Messages(unittest.TestCase):
    def check(self, line: str) -> harness.Finished:
        with harness.temporary_folder() as folder:
            path = pathlib.Path(folder) / "p.yaml"
            path.write_text("name: p\nsources:\n  file: {type: file, path: a.csv, topic: trades}\nstreams:\n"
                            "  bars: {from: trades, bars: {every: 1m}}\n  studies:\n    from: bars\n    indicators:\n      " + line + "\n",
                            encoding="utf-8")
            return harness.run("check", path)

    def test_a_misspelt_indicator_or_column_is_shown_with_its_place_and_the_right_name(self):
        for line, place, name in (("a: smaa(close, 20)", "9:10", "sma"), ("a: sma(clsoe, 20)", "9:14", "close"),
                                  ("session: XNYZ\n      a: vwap()", "9:16", "XNYS")):
            with self.subTest(line=line):
                done = self.check(line)
                self.assertEqual(done.code, 2, done)
                self.assertRegex(done.err, rf"p\.yaml:{place}: .*did you mean '{name}'\?")


if __name__ == "__main__":
    unittest.main()
