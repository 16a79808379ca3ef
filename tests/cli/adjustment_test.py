"""Bars adjusted for splits and dividends under the tickers of a day: `reference:` from the file to the query."""

import datetime
import decimal
import pathlib
import unittest
from decimal import Decimal

import harness

PIPELINE = """
name: adjusted
sources:
  file: {{type: file, path: "${{path}}", topic: trades}}
streams:
  bars: {{from: trades, bars: {{every: [1m, 1h]}}}}
tables:
  bars: {{from: bars}}
{section}
"""
SECTION = """
reference:
  factors: {path: factors}
  symbol_changes: {path: maps}
  time_zone: America/New_York
"""
HEADER = "symbol,ts_event,price,size,id\n"
COLUMNS = "symbol, raw_symbol, security, start, open, close, vwap, volume, factor"


def quantized(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=decimal.ROUND_HALF_UP)


class Case(harness.FolderCase):
    def setUp(self):
        super().setUp()
        decimal.getcontext().prec = 60

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def pipeline(self, section: str = SECTION) -> pathlib.Path:
        return self.write("p.yaml", PIPELINE.format(section=section))

    def run_trades(self, trades: list[tuple], section: str = SECTION):
        """(symbol, time, price, size) each."""
        lines = [f"{symbol},{time},{price},{size},{number}\n" for number, (symbol, time, price, size) in enumerate(trades)]
        path = self.write("trades.csv", HEADER + "".join(lines))
        done = harness.run_to_end(self.pipeline(section), self.data, path=path)
        self.assertEqual(done.code, 0, done)

    def bars(self, relation: str = "bars_adjusted", where: str = "true") -> list[dict[str, str]]:
        return harness.query(self.data, f"select {COLUMNS} from {relation} where every = '1m' and {where} order by start, symbol")

    def closes(self, relation: str = "bars_adjusted", where: str = "true") -> list[tuple[str, Decimal, Decimal]]:
        return [(row["symbol"], Decimal(row["close"]), Decimal(row["volume"])) for row in self.bars(relation, where)]


class MadeUp(Case):
    def setUp(self):
        super().setUp()
        # A dividend of 2 % on June 2nd, a split of 4:1 on June 9th, and a name that changes on June 16th.
        self.write("factors/new.csv", "20200101,0.98,0.25,1\n20200601,0.98,0.25,100\n20200608,1,0.25,100\n20501231,1,1,0\n")
        self.write("maps/new.csv", "20200102,old,Q\n20200615,old,Q\n20501231,new,Q\n")
        self.trades = [("OLD", "2020-06-01T14:30:00Z", "400.02", 100), ("OLD", "2020-06-02T14:30:00Z", "400.02", 100),
                       ("OLD", "2020-06-09T14:30:00Z", "100", 400), ("NEW", "2020-06-16T14:30:00Z", "101", 400),
                       ("OLD", "2020-06-16T14:30:00Z", "7", 1), ("OTHER", "2020-06-16T14:30:00Z", "5", 10)]

    def test_splits_dividends_and_names(self):
        self.run_trades(self.trades)
        self.assertEqual(self.closes(), [
            ("NEW", Decimal("98.0049"), Decimal(400)), ("NEW", Decimal("100.005"), Decimal(400)),
            ("NEW", Decimal(100), Decimal(400)), ("NEW", Decimal(101), Decimal(400)),
            ("OLD?", Decimal(7), Decimal(1)), ("OTHER", Decimal(5), Decimal(10))])
        raw = [row["close"] for row in harness.query(self.data, "select close from bars where every = '1m' order by start, symbol limit 2")]
        self.assertEqual([Decimal(close) for close in raw], [Decimal("400.02")] * 2)
        self.assertEqual({(row["raw_symbol"], row["security"]) for row in self.bars(where="symbol = 'NEW'")},
                         {("OLD", "NEW"), ("NEW", "NEW")})

    def test_as_of_a_day_nothing_that_came_after_is_known(self):
        self.run_trades(self.trades)
        whole = lambda text: (Decimal(text), Decimal(100))
        first = ("OLD", *whole("400.02"))
        self.assertEqual(self.closes("bars_adjusted('2020-05-31')"), [])
        self.assertEqual(self.closes("bars_adjusted('2020-06-01')"), [first])
        self.assertEqual(self.closes("bars_adjusted('2020-06-02')"), [("OLD", *whole("392.0196")), first])
        self.assertEqual(self.closes("bars_adjusted(date '2020-06-08')"), [("OLD", *whole("392.0196")), first])
        self.assertEqual(self.closes("bars_adjusted('2020-06-09')"),
                         [("OLD", Decimal("98.0049"), Decimal(400)), ("OLD", Decimal("100.005"), Decimal(400)), ("OLD", Decimal(100), Decimal(400))])
        self.assertEqual({row["symbol"] for row in self.bars("bars_adjusted('2020-06-16')")}, {"NEW", "OLD?", "OTHER"})
        self.assertEqual(self.closes("bars_adjusted('2050-12-31')"), self.closes())
        done = harness.run("query", "from bars_adjusted('soon')", "--data", self.data)
        self.assertEqual(done.code, 2, done)
        self.assertIn("soon", done.err)

    def test_csv_files_of_all_securities_mean_the_same(self):
        self.run_trades(self.trades)
        wanted = self.bars()
        self.write("f.csv", "symbol,date,price_factor,split_factor\nNEW,2020-06-01,0.98,0.25\nNEW,2020-06-08,1,0.25\n")
        self.write("m.csv", "date,symbol,ticker\n2020-01-02,NEW,OLD\n2020-06-15,NEW,OLD\n2050-12-31,NEW,NEW\n")
        self.run_trades(self.trades, SECTION.replace("factors}", "f.csv}").replace("maps}", "m.csv}"))
        self.assertEqual(self.bars(), wanted)

    def test_while_it_runs_a_query_and_an_export_see_them(self):
        lines = [f"{symbol},{time},{price},{size},{number}\n" for number, (symbol, time, price, size) in enumerate(self.trades)]
        path = self.write("trades.csv", HEADER + "".join(lines))
        with harness.Pipeline(self.pipeline(), self.data, path=path) as running:
            running.until("all bars are there", lambda: running.api_query("select count(*) as n from bars where every = '1m'")[0]["n"] == 6)
            self.assertEqual(len(self.bars()), 6)
            self.assertEqual(len(self.bars("bars_adjusted('2020-06-02')")), 2)
            rows = running.api_query("select close from bars_adjusted('2020-06-09') where every = '1m' order by start")
            self.assertEqual([Decimal(str(row["close"])) for row in rows], [Decimal("98.0049"), Decimal("100.005"), Decimal(100)])
            self.assertIn("factors", harness.query_text(self.data, "show tables"))
            exported = self.folder / "out.csv"
            harness.run_ok("export", "bars_adjusted", exported, "--data", self.data, "--format", "csv")
            self.assertEqual(len(exported.read_text(encoding="utf-8").splitlines()), 1 + 12)
        harness.run_ok("export", "bars_adjusted", self.folder / "out.parquet", "--data", self.data)
        harness.run_ok("export", "select * from bars_adjusted('2020-06-09')", self.folder / "out.jsonl", "--data", self.data, "--format", "jsonl")
        self.assertEqual(len((self.folder / "out.jsonl").read_text(encoding="utf-8").splitlines()), 6)

    def test_changed_files_replace_the_old_and_without_reference_there_is_none(self):
        self.run_trades(self.trades)
        self.write("factors/new.csv", "20200608,1,0.5\n")
        self.run_trades(self.trades)
        self.assertEqual(self.closes()[0], ("NEW", Decimal("200.01"), Decimal(200)))
        self.assertEqual(harness.count(self.data, "factors"), 1)
        self.run_trades(self.trades, "")
        names = {row["name"] for row in harness.query(self.data, "show tables")}
        self.assertEqual(names, {"bars", "bars_revisions", "late", "quality", "quarantine"})
        self.assertEqual(harness.run("query", "from bars_adjusted('2020-06-09')", "--data", self.data).code, 2)
        self.assertEqual(len(self.bars("(select *, symbol as raw_symbol, symbol as security, 1 as factor from bars)")), 6)

    def test_a_symbol_in_lower_case_is_the_same_ticker(self):
        self.run_trades([("old", "2020-06-01T14:30:00Z", "400", 100), ("Old", "2020-06-01T14:30:00Z", "8", 100)])
        self.assertEqual(self.closes(), [("NEW", Decimal(98), Decimal(400)), ("Old", Decimal(8), Decimal(100))])

    def test_a_day_is_the_exchanges_own_in_summer_and_in_winter(self):
        self.write("factors/new.csv", "20200306,1,0.5\n20200309,1,0.25\n")
        self.write("maps/new.csv", "20200309,old\n20501231,new\n")
        self.run_trades([("OLD", "2020-03-07T00:59:30Z", 100, 1),   # 19:59 on the 6th, extended hours
                         ("OLD", "2020-03-07T04:59:00Z", 100, 2),
                         ("OLD", "2020-03-07T05:00:00Z", 100, 3),   # midnight
                         ("OLD", "2020-03-09T23:59:00Z", 100, 4),   # 19:59 on the 9th; the clocks changed on the 8th
                         ("OLD", "2020-03-10T03:59:00Z", 100, 5),
                         ("NEW", "2020-03-10T04:00:00Z", 100, 6)])
        self.assertEqual([close for _, close, _ in self.closes()], [50, 50, 25, 25, 25, 100])
        self.assertEqual({symbol for symbol, _, _ in self.closes()}, {"NEW"})
        self.assertEqual(len(self.bars("bars_adjusted('2020-03-09')")), 5)

    def test_bars_of_quotes_and_tables_without_volume(self):
        self.write("quotes.csv", "symbol,ts_event,bid,bid_size,ask,ask_size\nOLD,2020-06-01T14:30:00Z,400,1,401,3\n")
        pipeline = self.write("q.yaml", """
name: quotes
sources:
  file: {type: file, path: "${path}", records: quotes, topic: quotes}
streams:
  bars: {from: quotes, bars: {every: 1m}}
  mid: {from: bars, select: {symbol: symbol, every: every, start: start, close: bid_close, spread: ask_close - bid_close}}
tables:
  own.bars: {from: bars}
  mid: {from: mid}
""" + SECTION)
        done = harness.run_to_end(pipeline, self.data, path=self.folder / "quotes.csv")
        self.assertEqual(done.code, 0, done)
        row, = harness.query(self.data, "select symbol, bid_open, ask_close, bid_size, ask_size, quotes from own.bars_adjusted")
        self.assertEqual({name: value if name == "symbol" else Decimal(value) for name, value in row.items()},
                         {"symbol": "NEW", "bid_open": 98, "ask_close": Decimal("98.245"), "bid_size": 4, "ask_size": 12, "quotes": 1})
        row, = harness.query(self.data, "from mid_adjusted")
        self.assertEqual((row["symbol"], Decimal(row["close"])), ("NEW", 98))
        self.assertNotIn("spread", row)  # nobody knows how to adjust it


class Wrong(Case):
    """Each mistake ends `check`, and the start, with its place."""

    def refused(self, text: str, section: str = SECTION):
        pipeline = self.pipeline(section)
        checked = harness.run("check", pipeline, "--set", "path=none.csv")
        self.assertEqual(checked.code, 2, checked)
        self.assertIn(text, checked.err)
        started = harness.run_to_end(pipeline, self.data, path="none.csv")
        self.assertEqual(started.code, 2, started)
        self.assertIn(text, started.err)
        self.assertFalse(self.data.exists())

    def setUp(self):
        super().setUp()
        self.write("factors/a.csv", "20200608,1,0.5\n")
        self.write("maps/a.csv", "20200608,a\n20501231,b\n")
        harness.run_ok("check", self.pipeline(), "--set", "path=none.csv")

    def test_of_a_data_file(self):
        for text, told in [("20200608,0,1\n", ":1:10: price_factor is 0"), ("20200608,1,-0.5\n", ":1:12: split_factor '-0.5' is no decimal"),
                           ("20200608,1,0.5\n20200608,1,1\n", ":2:1: the date 2020-06-08 stands twice"),
                           ("20200609,1,1\n20200608,1,1\n", ":2:1: the date 2020-06-08 comes after 2020-06-09"),
                           ("20200631,1,1\n", ":1:1: '20200631' is no date"), ("", ":1:1: there is no row"),
                           ("symbol,date\n", "'symbol,date' has 2 fields"), ("20200608,1,nan\n", "split_factor 'nan'")]:
            with self.subTest(text=text):
                path = self.write("factors/a.csv", text)
                self.refused(f"{path}{told}" if told.startswith(":") else told)
        self.write("factors/a.csv", "20200608,1,0.5\n")
        self.write("maps/a.csv", "20200608\n")
        self.refused("/maps/a.csv:1:1: '20200608' has 1 fields")

    def test_of_two_files_together(self):
        self.write("maps/c.csv", "20200101,a\n20501231,c\n")
        self.refused("the ticker A belongs to C and, by")

    def test_of_the_section(self):
        self.refused("none: there is no such file or folder", SECTION.replace("factors}", "none}"))
        self.refused("did you mean 'time_zone'", SECTION.replace("time_zone", "timezone"))
        self.refused("reference needs a time_zone", SECTION.replace("  time_zone: America/New_York\n", ""))
        self.refused("the time zone New_York cannot be read", SECTION.replace("America/", ""))
        self.refused("the table 'factors'", "  factors: {from: trades}\n" + SECTION)
        self.refused("called 'bars_adjusted'", "  bars_adjusted: {from: trades}\n" + SECTION)

    def test_of_a_store_that_has_such_a_table_already(self):
        path = self.write("trades.csv", HEADER + "A,2020-06-01T14:30:00Z,1,1,1\n")
        done = harness.run_to_end(self.pipeline("  factors: {from: trades}\n"), self.data, path=path)
        self.assertEqual(done.code, 0, done)
        done = harness.run_to_end(self.pipeline(), self.data, path=path)
        self.assertEqual(done.code, 1, done)
        self.assertIn("the store has a table factors", done.err)
        self.assertEqual(harness.count(self.data, "factors"), 1)


class Lean(Case):
    """The factor and map files of another program."""

    def setUp(self):
        super().setUp()
        self.reference = harness.test_data("lean/reference")
        self.section = (f"reference:\n  factors: {{path: '{self.reference}/factor_files'}}\n"
                        f"  symbol_changes: {{path: '{self.reference}/map_files'}}\n  time_zone: America/New_York\n")

    def factor(self, name: str, day: datetime.date) -> tuple[Decimal, Decimal]:
        """(price factor, split factor), read again by the rule of the format."""
        for line in (self.reference / "factor_files" / f"{name}.csv").read_text(encoding="ascii").split():
            date, price, split = line.split(",")[:3]
            if day <= datetime.datetime.strptime(date, "%Y%m%d").date():
                return Decimal(price), Decimal(split)
        return Decimal(1), Decimal(1)

    def test_every_file_is_valid(self):
        checked = harness.run_ok("explain", self.pipeline(self.section))
        rows = sum(len(path.read_text(encoding="ascii").split()) for path in (self.reference / "factor_files").glob("*.csv"))
        self.assertIn(f"{rows} rows -> table factors", checked.out)

    def test_a_bar_a_week_of_twenty_years_is_as_the_files_say(self):
        names = {"aapl": "AAPL", "ibm": "IBM", "spy": "SPY", "bac": "BAC", "qqq": None}
        trades = []
        day = datetime.date(1999, 3, 11)
        while day < datetime.date(2021, 6, 1):
            for number, name in enumerate(names):
                ticker = names[name] or ("QQQ" if day <= datetime.date(2004, 11, 30) or day > datetime.date(2011, 3, 22) else "QQQQ")
                trades.append((ticker, f"{day}T15:00:00Z", f"{50 + day.toordinal() % 977 / 100 + number:.2f}", 100 + number))
            day += datetime.timedelta(days=7)
        self.run_trades(trades, self.section)
        got = {(row["security"], row["start"][:10]): row for row in self.bars()}
        self.assertEqual(len(got), len(trades))
        as_of = datetime.date(2014, 6, 6)
        before = {(row["security"], row["start"][:10]): row for row in self.bars(f"bars_adjusted('{as_of}')")}
        for number, (ticker, time, price, size) in enumerate(trades):
            name = list(names)[number % len(names)]
            day = datetime.date.fromisoformat(time[:10])
            raw_price, raw_size = Decimal(price), Decimal(size)
            by_price, by_split = self.factor(name, day)
            row = got[(name.upper(), time[:10])]
            self.assertEqual((row["symbol"], row["raw_symbol"]), (name.upper(), ticker))
            self.assertEqual(Decimal(row["close"]), quantized(raw_price * by_price * by_split, 9), (name, day))
            self.assertEqual(Decimal(row["volume"]), quantized(raw_size / by_split, 8), (name, day))
            if day > as_of:
                self.assertNotIn((name.upper(), time[:10]), before)
                continue
            then_price, then_split = self.factor(name, as_of)
            row = before[(name.upper(), time[:10])]
            self.assertEqual(Decimal(row["close"]), quantized(raw_price * by_price * by_split / (then_price * then_split), 9), (name, day))
            self.assertEqual(Decimal(row["volume"]), quantized(raw_size * then_split / by_split, 8), (name, day))

    def test_the_split_of_apple_on_2020_08_31(self):
        self.run_trades([("AAPL", "2020-08-28T19:59:00Z", "499.23", 100), ("AAPL", "2020-08-28T23:59:00Z", "500", 100),
                         ("AAPL", "2020-08-31T13:30:00Z", "127.58", 100)], self.section)
        dividends = Decimal("0.9967882")
        self.assertEqual(self.closes(), [("AAPL", quantized(price * dividends, 9), size) for price, size in
                                         [(Decimal("499.23") / 4, 400), (Decimal(125), 400), (Decimal("127.58"), 100)]])
        self.assertEqual(self.closes("bars_adjusted('2020-08-28')"), [("AAPL", Decimal("499.23"), 100), ("AAPL", 500, 100)])
        self.assertEqual(self.closes("bars_adjusted('2020-08-31')"),
                         [("AAPL", Decimal("124.8075"), 400), ("AAPL", 125, 400), ("AAPL", Decimal("127.58"), 100)])

    def test_who_had_a_ticker_when(self):
        self.run_trades([("NWSA", "2010-06-01T15:00:00Z", 14, 1), ("FOXA", "2018-06-01T15:00:00Z", 38, 1),
                         ("TFCFA", "2019-03-20T15:00:00Z", 50, 1), ("FOXA", "2019-03-20T15:00:00Z", 40, 1),
                         ("UW", "1998-06-01T15:00:00Z", 17, 1), ("WMI", "2005-06-01T15:00:00Z", 29, 1),
                         ("WM", "2005-06-01T15:00:00Z", 41, 1), ("WM", "2015-06-01T15:00:00Z", 49, 1),
                         ("GOOG", "2014-04-02T15:00:00Z", 1135, 1), ("GOOG", "2014-04-03T15:00:00Z", 570, 1),
                         ("VXX", "2018-06-01T15:00:00Z", 30, 1), ("VXX", "2020-06-01T15:00:00Z", 35, 1)], self.section)

        def shown(relation: str) -> list[tuple[str, str, str]]:
            return [(row["start"][:4], row["raw_symbol"], row["symbol"]) for row in self.bars(relation)]

        self.assertEqual(shown("bars_adjusted"), [
            ("1998", "UW", "WM"), ("2005", "WMI", "WM"), ("2005", "WM", "WM?"), ("2010", "NWSA", "TFCFA"), ("2014", "GOOG", "GOOGL"),
            ("2014", "GOOG", "GOOG"), ("2015", "WM", "WM"), ("2018", "FOXA", "TFCFA"), ("2018", "VXX", "VXX.1"),
            ("2019", "FOXA", "FOXA?"), ("2019", "TFCFA", "TFCFA"), ("2020", "VXX", "VXX")])
        self.assertEqual(shown("bars_adjusted('2018-12-31')")[-2:], [("2018", "FOXA", "FOXA"), ("2018", "VXX", "VXX")])
        self.assertEqual(shown("bars_adjusted('1998-12-31')"), [("1998", "UW", "WMI")])

    def test_the_pipeline_of_us_equities_takes_them(self):
        path = self.write("trades.csv", HEADER.strip() + ",conditions,tape\n"
                          "AAPL,2020-08-28T19:59:00Z,499.23,100,1,@,C\nAAPL,2020-08-31T13:30:00Z,127.58,100,2,@,C\n")
        settings = {"factors": self.reference / "factor_files", "symbol_changes": self.reference / "map_files"}
        done = harness.run_to_end(harness.PIPELINES / "equities.yaml", self.data, path=path, **settings)
        self.assertEqual(done.code, 0, done)
        days = harness.query(self.data, "select close, volume from bars_adjusted('2020-08-31') where every = '1d' order by start")
        self.assertEqual([(Decimal(row["close"]), Decimal(row["volume"])) for row in days], [(Decimal("124.8075"), 400), (Decimal("127.58"), 100)])
        done = harness.run_to_end(harness.PIPELINES / "equities.yaml", self.folder / "plain", path=path)
        self.assertEqual(done.code, 0, done)
        self.assertNotIn("adjusted", harness.query_text(self.folder / "plain", "show tables"))


if __name__ == "__main__":
    unittest.main()
