"""Seeded trades for tests, written in every format that a file source reads, and the bars they make.

The bars are computed here a second time, row by row and with Python's own integers, from the rules in
docs/architecture.md: what the engine gives is compared with it.
"""

import datetime
import json
import random
from dataclasses import dataclass, field

COLUMNS = ["symbol", "ts_event", "price", "size", "id", "venue", "side", "conditions"]
START_NS = 1_704_205_800_000_000_000  # 2024-01-02T14:30:00Z
SECOND = 1_000_000_000
PRICE_SCALE = 9
SIZE_SCALE = 8


@dataclass
class Trade:
    symbol: str
    ts_event: int  # ns
    price: int     # 1e-9
    size: int      # 1e-8
    id: int
    venue: str
    side: str
    conditions: str


def decimal_text(units: int, scale: int) -> str:
    """The shortest exact text: 1500000000 at scale 9 is `1.5`."""
    whole, part = divmod(abs(units), 10**scale)
    digits = f"{part:0{scale}d}".rstrip("0")
    return ("-" if units < 0 else "") + str(whole) + ("." + digits if digits else "")


def time_text(ns: int) -> str:
    moment = datetime.datetime.fromtimestamp(ns // SECOND, datetime.UTC)
    fraction = f"{ns % SECOND:09d}".rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + ("." + fraction if fraction else "") + "Z"


def generate(seed: int, rows: int, symbols: int = 40, seconds: int = 1200, late: float = 0.01, duplicates: float = 0.01) -> list[Trade]:
    """In the order of arrival. A late trade is up to seven minutes old; a duplicate repeats one of the last trades."""
    random_ = random.Random(seed)
    names = [f"S{i:03d}" for i in range(symbols)]
    prices = {name: random_.randrange(1_00, 500_00) for name in names}  # cents
    trades: list[Trade] = []
    for i in range(rows):
        if trades and random_.random() < duplicates:
            trades.append(random_.choice(trades[-500:]))
            continue
        name = random_.choice(names)
        prices[name] = max(1, prices[name] + random_.randint(-5, 5))
        time = START_NS + seconds * SECOND * i // rows + random_.randrange(0, SECOND // 10)
        if random_.random() < late:
            time = max(START_NS, time - random_.randrange(0, 420 * SECOND))
        trades.append(Trade(name, time, prices[name] * 10_000_000 + random_.choice([0, 0, 0, 1, 123_456]),
                            random_.choice([100, 200, 1, 37]) * 10**SIZE_SCALE + random_.choice([0, 0, 1, 50_000_000]),
                            i, random_.choice(["XNAS", "ARCX", "BATS"]), random_.choice(["buy", "sell", ""]),
                            random_.choice(["", "", "@", "@ I"])))
    return trades


def csv_line(trade: Trade) -> str:
    return (f"{trade.symbol},{time_text(trade.ts_event)},{decimal_text(trade.price, PRICE_SCALE)},"
            f"{decimal_text(trade.size, SIZE_SCALE)},{trade.id},{trade.venue},{trade.side},{trade.conditions}\n")


def csv_text(trades: list[Trade]) -> str:
    return ",".join(COLUMNS) + "\n" + "".join(map(csv_line, trades))


def json_lines_text(trades: list[Trade]) -> str:
    lines = []
    for trade in trades:
        fields = [f'"symbol":{json.dumps(trade.symbol)}', f'"ts_event":"{time_text(trade.ts_event)}"',
                  f'"price":{decimal_text(trade.price, PRICE_SCALE)}', f'"size":{decimal_text(trade.size, SIZE_SCALE)}',
                  f'"id":{trade.id}']
        fields += [f'"{name}":{json.dumps(value)}' for name, value in
                   (("venue", trade.venue), ("side", trade.side), ("conditions", trade.conditions)) if value]
        lines.append("{" + ",".join(fields) + "}\n")
    return "".join(lines)


def write_parquet(trades: list[Trade], path, compression: str = "snappy") -> None:
    import decimal

    import pyarrow
    import pyarrow.parquet

    def exact(values, scale):
        return pyarrow.array([decimal.Decimal(value).scaleb(-scale) for value in values], pyarrow.decimal128(18, scale))

    text = lambda name: pyarrow.array([getattr(trade, name) or None for trade in trades], pyarrow.string())
    table = pyarrow.table({
        "symbol": text("symbol"),
        "ts_event": pyarrow.array([trade.ts_event for trade in trades], pyarrow.timestamp("ns")),
        "price": exact([trade.price for trade in trades], PRICE_SCALE),
        "size": exact([trade.size for trade in trades], SIZE_SCALE),
        "id": pyarrow.array([trade.id for trade in trades], pyarrow.int64()),
        "venue": text("venue"), "side": text("side"), "conditions": text("conditions"),
    })
    pyarrow.parquet.write_table(table, path, compression=compression)


@dataclass
class Bar:
    first: tuple[int, int]  # (ts_event, id) of the open
    last: tuple[int, int]
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    notional: int = 0  # price x size
    trades: int = 0

    def add(self, trade: Trade) -> None:
        key = (trade.ts_event, trade.id)
        if key < self.first:
            self.first, self.open = key, trade.price
        if key >= self.last:
            self.last, self.close = key, trade.price
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.volume += trade.size
        self.notional += trade.price * trade.size
        self.trades += 1

    @property
    def vwap(self) -> int:
        return (2 * self.notional + self.volume) // (2 * self.volume)  # rounded half up


@dataclass
class Expected:
    trades: list[Trade] = field(default_factory=list)  # without duplicates
    duplicates: int = 0
    late: list[Trade] = field(default_factory=list)
    bars: dict[tuple[str, int, int], Bar] = field(default_factory=dict)  # by (symbol, every, start), in ns


def expect(trades: list[Trade], every_seconds: list[int], lateness_seconds: int = 2) -> Expected:
    result = Expected()
    seen: set[tuple[str, int]] = set()
    newest: dict[str, int] = {}
    for trade in trades:
        if (trade.symbol, trade.id) in seen:
            result.duplicates += 1
            continue
        seen.add((trade.symbol, trade.id))
        result.trades.append(trade)
        watermark = newest.get(trade.symbol, -1) - lateness_seconds * SECOND
        starts = [(every * SECOND, trade.ts_event // (every * SECOND) * every * SECOND) for every in every_seconds]
        if any(start + every <= watermark for every, start in starts):
            result.late.append(trade)
            continue
        newest[trade.symbol] = max(newest.get(trade.symbol, -1), trade.ts_event)
        for every, start in starts:
            key = (trade.symbol, every, start)
            if key not in result.bars:
                at = (trade.ts_event, trade.id)
                result.bars[key] = Bar(at, at, trade.price, trade.price, trade.price, trade.price)
            result.bars[key].add(trade)
    return result
