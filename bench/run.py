"""Measures Penstock and its peers side by side, checks that all gave the same bars, and writes the tables.

`make bench` runs it through bench/run.sh, which builds and installs what it needs. See docs/benchmarks.md.
"""

import argparse
import datetime
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import measure
import peers

FORMATS = ("csv", "jsonl", "parquet")
SECTIONS = ("files", "rules", "symbols", "rows", "parts", "ready")
BARS = measure.ROOT / "pipelines/bars.yaml"
BEGIN, END = "<!-- results: written by bench/run.py -->", "<!-- end of results -->"


class Bench:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.build = options.build.resolve()
        self.penstock = (options.penstock or self.build / "penstock").resolve()
        self.work = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.versions: dict[str, str] = {}

    def input(self, rows: int, symbols: int, formats: tuple[str, ...]) -> pathlib.Path:
        """The folder of a generated session, made if it is not there."""
        folder = self.work / f"{rows}-{symbols}"
        missing = [name for name in formats if not (folder / f"trades.{name}").exists()]
        if missing:
            print(f"generating {rows:,} trades of {symbols:,} symbols ({', '.join(missing)})", flush=True)
            made = self.work / "generating"  # so that a generation that was cut short is not taken for whole
            shutil.rmtree(made, ignore_errors=True)
            measure.run([self.build / "bench/generate_trades", "--rows", rows, "--symbols", symbols, "--out", made,
                         "--formats", ",".join(missing)])
            folder.mkdir(exist_ok=True)
            for name in missing:
                (made / f"trades.{name}").rename(folder / f"trades.{name}")
        return folder

    def run_penstock(self, file: pathlib.Path, bars: pathlib.Path | None = None,
                     pipeline: pathlib.Path = BARS) -> tuple[float, float]:
        """File to committed bars, durable log included; the bars as CSV where `bars` says."""
        data = self.work / "data"
        shutil.rmtree(data, ignore_errors=True)
        run = measure.run([self.penstock, "run", pipeline, "--set", f"path={file}", "--until-end", "--data", data,
                           "--quiet"])
        if bars:
            query = f"SELECT {peers.COLUMNS} FROM bars WHERE every = '1m'"
            bars.write_text(measure.run([self.penstock, "query", query, "--data", data, "--format", "csv"]).stdout)
        shutil.rmtree(data, ignore_errors=True)
        return run.seconds, run.rss_mb

    def run_peer(self, engine: str, form: str, file: pathlib.Path, bars: pathlib.Path) -> tuple[float, float, float]:
        """Seconds of the whole process, most memory, and seconds without loading Python and the engine."""
        run = measure.run([sys.executable, measure.ROOT / "bench/peers.py", engine, form, file, bars])
        result = json.loads(run.stdout.splitlines()[-1])
        self.versions[peers.TITLES[engine].split(",")[0]] = result["version"]
        return run.seconds, run.rss_mb, result["seconds"]

    def files(self) -> str:
        """Every engine, every format, in turns."""
        options = self.options
        folder = self.input(options.rows, options.symbols, FORMATS)
        out = [f"### File to bars: {options.rows:,} trades of {options.symbols:,} symbols\n"]
        for form in FORMATS:
            file = folder / f"trades.{form}"
            measure.warm(file)
            series = {name: measure.Series() for name in ["penstock", *peers.engines_of(form)]}
            loaded = {name: measure.Series() for name in peers.engines_of(form)}
            bars = {name: self.work / f"bars-{name}.{'csv' if name == 'penstock' else 'parquet'}" for name in series}
            for turn in range(options.rounds):
                for name in series:
                    if name == "penstock":
                        result = self.run_penstock(file, bars[name] if turn == 0 else None)
                    else:
                        *result, seconds = self.run_peer(name, form, file, bars[name])
                        loaded[name].add(seconds, result[1])
                    series[name].add(*result)
                    print(f"{form} {turn + 1}/{options.rounds} {name}: {result[0]:.2f} s, {result[1]:.0f} MB", flush=True)
            count = 0
            for name in peers.engines_of(form):
                # In a process of its own: a child's peak of memory counts from what its parent had.
                count = int(measure.run([sys.executable, measure.ROOT / "bench/compare.py", bars["penstock"],
                                         bars[name]]).stdout)
            fastest = min(s.median for name, s in series.items() if name != "penstock")
            titles = {"penstock": "**Penstock**, with its durable log", **peers.TITLES}
            out.append(f"{form}, {file.stat().st_size / 1e6:,.0f} MB, {count:,} bars, equal in all engines:\n")
            out.append(measure.table(
                ["engine", "median s", "best s", "M trades/s", "median over the fastest peer's", "without loading, s",
                 "peak MB"],
                [[titles[name], f"{s.median:.2f}", f"{s.best:.2f}", f"{options.rows / s.median / 1e6:.1f}",
                  f"{s.median / fastest:.2f}", f"{loaded[name].median:.2f}" if name in loaded else "",
                  f"{s.peak_mb:.0f}"] for name, s in series.items()]))
        return "\n".join(out)

    def rules(self) -> str:
        """What the tape's rules, revisions and checks cost: from the same file in turns."""
        bench, shipped = measure.ROOT / "bench", measure.ROOT / "pipelines"
        file = self.input(self.options.rows, self.options.symbols, ("csv",)) / "trades.csv"
        measure.warm(file)
        return "\n".join(["### Rules, revisions and checks\n", self.beside(file, {
            "replay.yaml: trades and plain bars": shipped / "replay.yaml",
            "equities.yaml: all rules, revisions, checks, indicators": shipped / "equities.yaml",
        }), self.beside(file, {
            "bars.yaml: plain bars alone": BARS,
            "and sale conditions, session": bench / "rules_tape.yaml",
            "and revisions": bench / "rules_revised.yaml",
            "and outliers, erroneous prices": bench / "rules.yaml",
        })])

    def beside(self, file: pathlib.Path, pipelines: dict[str, pathlib.Path]) -> str:
        """Pipelines by their titles, in turns, over the first one's median."""
        series = {name: measure.Series() for name in pipelines}
        for turn in range(self.options.rounds):
            for name, pipeline in pipelines.items():
                series[name].add(*self.run_penstock(file, pipeline=pipeline))
                print(f"{turn + 1}/{self.options.rounds} {name}: {series[name].seconds[-1]:.2f} s", flush=True)
        plain = next(iter(series.values())).median
        return measure.table(
            [f"{self.options.rows:,} trades, CSV", "median s", "best s", "median over the first's", "peak MB"],
            [[name, f"{s.median:.2f}", f"{s.best:.2f}", f"{s.median / plain:.2f}", f"{s.peak_mb:.0f}"]
             for name, s in series.items()])

    def sweep(self, title: str, inputs: list[tuple[int, int]]) -> str:
        """Penstock alone: does the cost of a record depend on how many there are, or of how many symbols?"""
        folders = [self.input(rows, symbols, ("csv",)) for rows, symbols in inputs]
        series = [measure.Series() for _ in inputs]
        for turn in range(min(self.options.rounds, 3)):
            for (rows, symbols), folder, one in zip(inputs, folders, series):
                measure.warm(folder / "trades.csv")
                one.add(*self.run_penstock(folder / "trades.csv"))
                print(f"{rows:,} trades of {symbols:,} symbols: {one.seconds[-1]:.2f} s", flush=True)
        return f"### {title}\n\n" + measure.table(
            ["trades, symbols (CSV)", "median s", "ns a trade", "peak MB"],
            [[f"{rows:,}, {symbols:,}", f"{one.median:.2f}", f"{one.median / rows * 1e9:.0f}", f"{one.peak_mb:.0f}"]
             for (rows, symbols), one in zip(inputs, series)])

    def symbols(self) -> str:
        rows = 5_000_000 if self.options.full else 2_000_000
        return self.sweep("From 1 to 10,000 symbols", [(rows, symbols) for symbols in (1, 100, 10_000)])

    def rows(self) -> str:
        rows = [1_000_000, 3_000_000, 10_000_000] + ([30_000_000, 100_000_000] if self.options.full else [])
        return self.sweep("From 1 M trades up", [(count, self.options.symbols) for count in rows])

    def parts(self) -> str:
        """The google-benchmark programs of the rooms, three repetitions, medians."""
        rows = []
        for program in sorted((self.build / "bench").glob("*_bench")):
            run = measure.run([program, "--benchmark_format=json", "--benchmark_repetitions=3",
                               "--benchmark_report_aggregates_only=true"])
            # Log lines may stand before the JSON.
            for one in json.loads(run.stdout[run.stdout.index("{\n"):])["benchmarks"]:
                if one.get("aggregate_name") == "median":
                    rows.append([f"{program.name.removesuffix('_bench')}: {one['run_name']}",
                                 f"{one['real_time']:.4g} {one['time_unit']}",
                                 f"{one['items_per_second'] / 1e6:.2f}" if "items_per_second" in one else "",
                                 f"{one['bytes_per_second'] / 1e6:,.0f}" if "bytes_per_second" in one else ""])
                    print(" ".join(rows[-1]), flush=True)
        return "### Parts\n\n" + measure.table(["benchmark", "time", "M items/s", "MB/s"], rows)

    def ready(self) -> str:
        """From starting the process until it answers /readyz with 200, on the demo pipeline and an empty folder."""
        times = []
        for _ in range(20):
            data = self.work / "data"
            shutil.rmtree(data, ignore_errors=True)
            begin = time.perf_counter()
            process = subprocess.Popen(
                [self.penstock, "run", measure.ROOT / "pipelines/demo.yaml", "--data", data, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                address = None
                for line in process.stdout:
                    if found := re.search(r"http://[\w.]+:\d+", line):
                        address = found.group()
                        break
                if address is None:
                    raise measure.Failed("penstock run pipelines/demo.yaml printed no address")
                while not answers(address + "/readyz"):
                    if process.poll() is not None:
                        raise measure.Failed("penstock run pipelines/demo.yaml ended by itself")
                times.append(time.perf_counter() - begin)
            finally:
                process.send_signal(signal.SIGINT)
                process.stdout.close()
                process.wait()
        shutil.rmtree(self.work / "data", ignore_errors=True)
        return "### Ready\n\n" + measure.table(
            ["from exec to /readyz, 20 starts of pipelines/demo.yaml", "ms"],
            [["median", f"{statistics.median(times) * 1e3:.0f}"], ["slowest", f"{max(times) * 1e3:.0f}"]])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def report(bench: Bench, sections: list[str]) -> str:
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    version = measure.run([bench.penstock, "--version"]).stdout.split()[-1]
    facts = bench.before | {"versions": ", ".join(f"{name} {v}" for name, v in
                                                  [("Penstock", version), *bench.versions.items()])}
    lines = [f"Measured on {date}:", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    return "\n".join(lines) + "\n" + "\n".join(sections)


def write_into(path: pathlib.Path, text: str) -> None:
    """Between the markers of a Markdown file."""
    page = path.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise measure.Failed(f"{path} does not have `{BEGIN}` and `{END}` once each")
    path.write_text(page[:page.index(BEGIN)] + BEGIN + "\n" + text + page[page.index(END):], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder of a release build with benchmarks")
    parser.add_argument("--penstock", type=pathlib.Path, help="the binary, if not that of the build")
    parser.add_argument("--work", type=pathlib.Path, default=measure.ROOT / "build/bench-data", help="for files and data")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=SECTIONS)
    parser.add_argument("--full", action="store_true", help="sweep up to 100 M trades: 20 GB of disk")
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file to write the tables into, between its markers")
    options = parser.parse_args()
    bench = Bench(options)
    bench.before = measure.machine()
    try:
        text = report(bench, [getattr(bench, name)() for name in options.only])
        (bench.work / "report.md").write_text(text, encoding="utf-8")
        if options.write:
            write_into(options.write, text)
    except measure.Failed as error:
        print(f"bench/run.py: {error}", file=sys.stderr)
        return 1
    print("\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
