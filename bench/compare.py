"""Compares Penstock's bars with a peer's: compare.py OURS.csv THEIRS.parquet

Prints how many bars there are, or some that differ, with exit code 1. Prices, volumes and counts are to be equal, VWAP
within what a sum of doubles can lose. Ours are exact decimals as text, read as the doubles that the peers have.
"""

import sys

import duckdb


def differing_bars(ours: str, theirs: str) -> tuple[int, list]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"""CREATE TABLE a AS FROM read_csv('{ours}', header = true, columns = {{symbol: 'VARCHAR', start: 'TIMESTAMP',
              open: 'DOUBLE', high: 'DOUBLE', low: 'DOUBLE', close: 'DOUBLE', volume: 'DOUBLE', vwap: 'DOUBLE',
              trades: 'BIGINT'}})"""
    )
    different = connection.execute(
        f"""SELECT a, b FROM a FULL JOIN '{theirs}' b ON a.symbol = b.symbol AND a.start = b.start::TIMESTAMP
            WHERE a.symbol IS NULL OR b.symbol IS NULL OR a.open IS DISTINCT FROM b.open
              OR a.high IS DISTINCT FROM b.high OR a.low IS DISTINCT FROM b.low OR a.close IS DISTINCT FROM b.close
              OR a.volume IS DISTINCT FROM b.volume OR a.trades IS DISTINCT FROM b.trades
              OR coalesce(abs(a.vwap - b.vwap) > 1e-9 * (1 + b.vwap), true) LIMIT 3"""
    ).fetchall()
    return connection.execute("SELECT count(*) FROM a").fetchone()[0], different


if __name__ == "__main__":
    count, different = differing_bars(*sys.argv[1:3])
    print("\n".join(map(str, different)) if different else count)
    sys.exit(1 if different else 0)
