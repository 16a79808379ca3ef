"""How a run is measured: processes with their time and memory, the machine, and tables of Markdown."""

import os
import pathlib
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A measured program failed, or gave something else than it should."""


@dataclass
class Run:
    seconds: float  # from start to end of the process
    cpu_seconds: float  # of all its threads
    rss_mb: float  # the most it held in memory
    stdout: str


def run(command: list, *, env: dict | None = None) -> Run:
    """Runs `command` to its end; raises Failed with what it printed where it fails."""
    os.sync()  # what an earlier run left to write is not this one's to wait for
    begin = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    stdout = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"exit code {process.returncode} of {' '.join(map(str, command))}\n{stdout[-2000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, stdout)


@dataclass
class Series:
    """The runs of one program on one input."""

    seconds: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def add(self, seconds: float, rss_mb: float) -> None:
        self.seconds.append(seconds)
        self.rss_mb.append(rss_mb)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def peak_mb(self) -> float:
        return max(self.rss_mb)


def warm(path: pathlib.Path) -> None:
    """Brings a file into the page cache: engines are compared, not disks."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def machine() -> dict[str, str]:
    cpu = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory_kb = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    load = os.getloadavg()
    return {
        "processor": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory_kb / (1 << 20):.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "load before the run": f"{load[0]:.1f} (1 min), {load[1]:.1f} (5 min)",
    }


def table(header: list[str], rows: list[list[str]]) -> str:
    """The first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
