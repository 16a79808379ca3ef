"""Reads the CSV files of QuantConnect LEAN (zipped, one a day), and writes them as canonical ones."""

import datetime
import pathlib
import zipfile
import zoneinfo

SUSPICIOUS = 0x100000000  # a column of its own there, a flag in pipelines/conditions/lean.csv


def days(folder: pathlib.Path, kind: str) -> list[str]:
    """`20131007`, ... of the files DAY_kind.zip."""
    return sorted(path.name.split("_")[0] for path in folder.glob(f"*_{kind}.zip"))


def rows(folder: pathlib.Path, day: str, kind: str) -> list[list[str]]:
    with zipfile.ZipFile(folder / f"{day}_{kind}.zip") as archive:
        return [line.split(",") for name in archive.namelist() for line in archive.read(name).decode("ascii").split()]


def epoch_ms(day: str, zone: str = "UTC") -> int:
    """The midnight that the times of a day's file count from."""
    midnight = datetime.datetime.strptime(day, "%Y%m%d").replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return int(midnight.timestamp()) * 1000


def flags(tick: list[str]) -> int:
    return int(tick[4] or "0", 16) | (SUSPICIOUS if tick[5] == "1" else 0)


def ten_thousandths(text: str) -> str:
    """`1815200` is 181.52: exact, without a float."""
    digits = text.rjust(5, "0")
    return f"{digits[:-4]}.{digits[-4:]}"
