#!/usr/bin/env python3
"""Writes the seeds of one fuzz target into a folder: seeds.py TARGET FOLDER

Seeds are small valid inputs, so that a smoke run of some seconds starts past the first checks of a parser.
"""

import pathlib
import struct
import sys

EXPRESSIONS = [
    "price > 0",
    "price * size >= 100.5 and not (symbol = 'AAPL' or symbol in ('MSFT', 'TSLA'))",
    "case when side = 'buy' then 1 when side is null then 0 else -1 end",
    "coalesce(cast(value.location.street.number as text), '') || ' ' || upper(name)",
    "concat(trim(symbol), '-', substring(venue, 1, 3))",
    "symbol like 'A%' and size between 1 and 1e3",
    "date_trunc('minute', ts_event) < timestamp '2024-01-02T03:04:05Z'",
]
PIPELINES = [
    """name: replay
log: {codec: lz4, fsync: interval}
sources:
  file: {type: file, path: "${path}", topic: trades, columns: {ts_event: time}, time_unit: ms}
streams:
  checked: {from: trades, dedup: id, check: {price: "price > 0"}}
  bars: {from: checked, bars: {every: [1m, 5m], lateness: 2s}}
tables:
  trades: {from: checked, key: [symbol, id]}
  bars: {from: bars}
tests:
  - name: one bar
    given: {trades: [{symbol: A, ts_event: "2024-01-02T00:00:00Z", price: 1, size: 2, id: 3}]}
    expect: {bars: [{symbol: A, every: 1m, open: 1}]}
""",
    "name: users\nsources:\n  users: {type: http, url: 'http://localhost/', records: results, id: login.uuid, topic: users}\n",
    "name: market\nsources:\n  market: {type: simulated, seed: 7, symbols: [A, B], topic: trades, quotes_topic: quotes}\n",
]
CSVS = [
    "symbol,ts_event,price,size,id,venue,side,conditions\nAAPL,2024-01-02T14:30:00.123456789Z,187.15,100,1,XNAS,buy,@\n",
    'symbol,ts_event,price,size,id\n"BRK ""B""",1704205800123,0.000000001,1e3,a-1\r\nMSFT,1704205800,370.6,,2\n',
    "symbol,ts_event,price,size,id\nAAPL,9999-01-01,x,-1,\nonly,two\n\xff\xfe,1,1,1,1\n",
]
JSON_LINES = [
    '{"symbol":"AAPL","ts_event":"2024-01-02T14:30:00Z","price":187.15,"size":"100","id":1,"conditions":["@","I"]}\n',
    '{"symbol":"\\u00c4","ts_event":1704205800123,"price":"0.000000001","size":1e3,"id":"a-1"}\n{"results":[{"a":null}]}\n',
    '{"symbol":1}\n{"symbol":\n[]\n',
]


def record_batch() -> bytes:
    """A record batch v2 of one record, with a checksum of zero: the reader finds that out."""
    record = bytes([0, 0, 0, 2, 0x61, 2, 0x62, 0])  # attributes, deltas, key "a", value "b", no headers
    record = bytes([len(record) * 2]) + record
    body = struct.pack(">hiqqqhii", 0, 0, 1704205800000, 1704205800000, -1, -1, -1, 1) + record
    return struct.pack(">qiibI", 0, len(body) + 9, 0, 2, 0) + body


def thrift(*fields: tuple[int, int, object]) -> bytes:
    """A structure of Thrift's compact protocol: (id, type, value), where 5 and 6 are integers, 8 bytes, 9 structures, 12 one."""
    def varint(value: int) -> bytes:
        out = b""
        while value >= 0x80:
            out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
        return out + bytes([value])

    out, last = b"", 0
    for number, kind, value in fields:
        out += bytes([(number - last) << 4 | kind])
        last = number
        if kind in (5, 6):
            out += varint(value * 2)
        elif kind == 8:
            out += varint(len(value)) + value
        elif kind == 9:
            out += bytes([len(value) << 4 | (12 if isinstance(value[0], bytes) else 5)])
            out += b"".join(part if isinstance(part, bytes) else varint(part * 2) for part in value)
        else:
            out += value
    return out + b"\0"


def parquet_pages() -> list[bytes]:
    """Column chunks of three rows, with what follows them: the number of rows and the choice of type and codec."""
    doubles, texts = struct.pack("<3d", 1.5, 2.25, 1e300), b"".join(struct.pack("<I", len(t)) + t for t in (b"AB", b"", b"7"))

    def page(encoding: int, data: bytes) -> bytes:
        return thrift((1, 5, 0), (2, 5, len(data)), (3, 5, len(data)),
                      (5, 12, thrift((1, 5, 3), (2, 5, encoding), (3, 5, 3), (4, 5, 3)))) + data

    dictionary = thrift((1, 5, 2), (2, 5, len(texts)), (3, 5, len(texts)), (7, 12, thrift((1, 5, 3), (2, 5, 0)))) + texts
    levels = struct.pack("<I", 2) + b"\x06\x01"
    second = thrift((1, 5, 3), (2, 5, 18), (3, 5, 18), (8, 12, thrift(
        (1, 5, 3), (2, 5, 1), (3, 5, 3), (4, 5, 0), (5, 5, 2), (6, 5, 0), (7, 2, b"")))) + b"\x03\x05" + doubles[:16]
    return [page(0, doubles) + b"\3\4", page(0, levels + doubles) + b"\3\x0c", dictionary + page(8, b"\2\3\x24\0") + b"\3\5",
            page(0, texts) + b"\3\5", page(5, b"\x80\1\4\3\x0e\3\2\0\0\0\xc0\x3f" + bytes(6)) + b"\3\2", second + b"\3\x0c",
            page(0, struct.pack("<3i", 1, -2, 3)) + b"\3\1", page(0, b"\5") + b"\3\0"]


def parquet_file() -> bytes:
    """A file of one column and three rows."""
    pages = parquet_pages()[0][:-2]
    meta = thrift((1, 5, 5), (2, 9, [0]), (4, 5, 0), (5, 6, 3), (9, 6, 4))
    group = thrift((1, 9, [thrift((2, 6, 4), (3, 12, meta))]), (2, 6, 4), (3, 6, 3))
    schema = [thrift((4, 8, b"root"), (5, 5, 1)), thrift((1, 5, 5), (3, 5, 0), (4, 8, b"price"))]
    footer = thrift((1, 5, 2), (2, 9, schema), (3, 6, 3), (4, 9, [group]))
    return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


def seeds(target: str) -> list[bytes]:
    groups = {
        "parquet": [parquet_file(), *parquet_pages()],
        "expression": EXPRESSIONS, "yaml": PIPELINES, "pipeline": PIPELINES, "plan": PIPELINES, "csv": CSVS, "json": JSON_LINES,
        "segment": [record_batch(), record_batch() * 3], "batch": [record_batch(), record_batch() * 3],
    }
    found = [seed for word, group in groups.items() if word in target for seed in group]
    return [seed if isinstance(seed, bytes) else seed.encode("latin-1") for seed in found] or [b"a", b"{}", bytes(64)]


def main() -> None:
    target, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
