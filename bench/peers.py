"""One peer computes the bars of one file, in a process of its own: peers.py ENGINE FORMAT FILE BARS.parquet

Prints what it took, as JSON: its clock starts when the engine is imported and stops when the bars are written. Every
engine computes the same bars as pipelines/bars.yaml: open and close by (event time, id), high, low, volume, vwap and
count a minute and symbol. Each has the fastest query that was found for it; where that takes a liberty, both are
measured, under two names.
"""

import json
import sys
import time

COLUMNS = "symbol, start, open, high, low, close, volume, vwap, trades"


def duckdb_bars(form: str, path: str, out: str) -> tuple[float, str]:
    import duckdb

    begin = time.perf_counter()
    types = "{symbol: 'VARCHAR', ts_event: 'TIMESTAMP', price: 'DOUBLE', size: 'BIGINT', id: 'BIGINT'}"
    source = {
        "csv": f"read_csv('{path}', header = true, columns = {types})",
        "jsonl": f"read_json('{path}', format = 'newline_delimited', columns = {types})",
        "parquet": f"read_parquet('{path}')",
    }[form]
    # One integer for (event time, id): twice as fast as a pair of the two.
    key = "epoch_us(ts_event)::HUGEINT * 4294967296 + id"
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(
        f"""COPY (SELECT symbol, date_trunc('minute', ts_event) AS start, arg_min(price, {key}) AS open,
              max(price) AS high, min(price) AS low, arg_max(price, {key}) AS close, sum(size)::BIGINT AS volume,
              sum(price * size) / sum(size) AS vwap, count(*) AS trades
            FROM {source} GROUP BY ALL) TO '{out}' (FORMAT parquet)"""
    )
    return time.perf_counter() - begin, duckdb.__version__


def polars_bars(form: str, path: str, out: str, cut_text: bool) -> tuple[float, str]:
    import polars as pl

    begin = time.perf_counter()
    schema = {"symbol": pl.String, "ts_event": pl.String, "price": pl.Float64, "size": pl.Int64, "id": pl.Int64}
    if form == "parquet":
        rows = pl.scan_parquet(path)
    elif form == "csv":
        rows = pl.scan_csv(path, schema=schema)
    else:
        rows = pl.scan_ndjson(path, schema=schema)
    price, size, time_of, number = pl.col("price"), pl.col("size"), pl.col("ts_event"), pl.col("id")
    if form == "parquet":
        start, at = time_of.dt.truncate("1m"), time_of
    elif cut_text:  # the minute is the first 16 characters; times of one length are in order as their texts are
        start, at = time_of.str.slice(0, 16), None
    else:
        at = time_of.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us")
        start = at.dt.truncate("1m")
    # One integer for (event time, id) is faster than a pair of the two; a text and a number have to be a pair.
    key = pl.struct(time_of, number) if at is None else at.cast(pl.Int64).cast(pl.Int128) * 4294967296 + number
    rows = rows.with_columns(start=start, key=key)
    bars = rows.group_by("symbol", "start").agg(
        open=price.min_by(pl.col("key")),
        high=price.max(),
        low=price.min(),
        close=price.max_by(pl.col("key")),
        volume=size.sum(),
        vwap=(price * size).sum() / size.sum(),
        trades=pl.len(),
    )
    if form != "parquet" and cut_text:
        bars = bars.with_columns(pl.col("start").str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us"))
    bars.collect(engine="streaming").write_parquet(out)
    return time.perf_counter() - begin, pl.__version__


def chdb_bars(form: str, path: str, out: str) -> tuple[float, str]:
    import chdb

    begin = time.perf_counter()
    types = "symbol String, ts_event DateTime64(6, ''UTC''), price Float64, size Int64, id Int64"
    name = {"csv": "CSVWithNames", "jsonl": "JSONEachRow", "parquet": "Parquet"}[form]
    key = "toInt128(toUnixTimestamp64Micro(ts_event)) * 4294967296 + id"
    chdb.query(
        f"""SELECT symbol, toStartOfMinute(ts_event) AS start, argMin(price, {key}) AS open, max(price) AS high,
              min(price) AS low, argMax(price, {key}) AS close, sum(size) AS volume,
              sum(price * size) / sum(size) AS vwap, count() AS trades
            FROM file('{path}', '{name}', '{types}') GROUP BY symbol, start
            INTO OUTFILE '{out}' TRUNCATE FORMAT Parquet
            SETTINGS date_time_input_format = 'best_effort', session_timezone = 'UTC'"""
    )
    return time.perf_counter() - begin, f"{chdb.__version__} (ClickHouse {chdb.engine_version})"


ENGINES = {
    "duckdb": duckdb_bars,
    "polars": lambda form, path, out: polars_bars(form, path, out, cut_text=False),
    "polars-cut": lambda form, path, out: polars_bars(form, path, out, cut_text=True),
    "chdb": chdb_bars,
}
TITLES = {
    "duckdb": "DuckDB",
    "polars": "Polars",
    "polars-cut": "Polars, times as text",
    "chdb": "chDB",
}


def engines_of(form: str) -> list[str]:
    return [name for name in ENGINES if form != "parquet" or name != "polars-cut"]


if __name__ == "__main__":
    seconds, version = ENGINES[sys.argv[1]](*sys.argv[2:5])
    print(json.dumps({"seconds": seconds, "version": version}))
