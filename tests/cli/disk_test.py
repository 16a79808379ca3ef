"""A disk that is full, and a folder that cannot be written: a clear error, and nothing lost."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import unittest

import harness
import trades

REPLAY = harness.PIPELINES / "replay.yaml"
CRASH = pathlib.Path(__file__).parent.parent / "crash" / "pipeline.yaml"
TABLES = ("trades", "bars", "late", "quarantine")


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, options: str):
    """A file system of its own in memory; needs root, and the right to mount."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can mount a small file system")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        raise unittest.SkipTest(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def remount(folder: pathlib.Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def execute(store: pathlib.Path, sql: str) -> None:
    """Runs SQL on a store with the DuckDB that the binary itself uses."""
    linked = subprocess.run(["ldd", harness.binary()], capture_output=True, text=True, check=True).stdout
    library = ctypes.CDLL(re.search(r"libduckdb\.so\S* => (\S+)", linked)[1])
    database, connection = ctypes.c_void_p(), ctypes.c_void_p()
    if library.duckdb_open(str(store).encode(), ctypes.byref(database)) or library.duckdb_connect(database, ctypes.byref(connection)):
        raise AssertionError(f"{store} cannot be opened")
    failed = library.duckdb_query(connection, sql.encode(), None)
    library.duckdb_disconnect(ctypes.byref(connection))
    library.duckdb_close(ctypes.byref(database))
    if failed:
        raise AssertionError(f"{sql} failed")


class Disk(harness.FolderCase):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "a.csv"

    def write(self, rows: int) -> None:
        self.source.write_text(trades.csv_text(trades.generate(3, rows)), encoding="utf-8")

    def replay(self, data) -> harness.Finished:
        return harness.run_to_end(REPLAY, data, path=self.source)

    def test_a_full_disk_ends_the_run_and_with_more_room_it_goes_on_where_it_was(self):
        self.write(200_000)
        self.assertEqual(self.replay(self.folder / "roomy").code, 0)
        # The log alone takes about 8 MB: first the log, then a commit, then closing the store finds the disk full.
        for size in ("5m", "9m", "11m"):
            with self.subTest(size), small_disk(self.folder / f"disk-{size}", f"size={size}") as disk:
                done = self.replay(disk / "data")
                if size != "11m" or done.code != 0:
                    self.assertEqual(done.code, 1, done)
                    self.assertRegex(done.err.lower(), r"no space|full")
                    self.assertIn(str(disk), done.err)
                remount(disk, "size=1g")
                done = self.replay(disk / "data")
                self.assertEqual(done.code, 0, done)
                for table in TABLES:
                    sql = f"select * from {table} order by all"
                    self.assertEqual(harness.query_text(disk / "data", sql), harness.query_text(self.folder / "roomy", sql), table)

    def test_a_folder_that_cannot_be_written_is_named(self):
        self.write(10)
        with small_disk(self.folder / "disk", "size=1m") as disk:
            remount(disk, "ro")
            done = self.replay(disk / "data")
            self.assertEqual(done.code, 1, done)
            self.assertIn(str(disk / "data"), done.err)

    def test_a_folder_that_became_read_only_can_still_be_queried(self):
        self.write(1000)
        with small_disk(self.folder / "disk", "size=64m") as disk:
            self.assertEqual(self.replay(disk / "data").code, 0)
            remount(disk, "ro")
            self.assertGreater(harness.count(disk / "data", "trades"), 0)

    def test_a_store_that_was_not_closed_in_a_folder_that_became_read_only_is_queried_in_a_copy(self):
        self.write(20_000)
        with small_disk(self.folder / "disk", "size=64m") as disk:
            done = harness.run_to_end(REPLAY, disk / "data", env={"PENSTOCK_KILL_POINT": "after_commit:2"}, path=self.source)
            self.assertEqual(done.code, -signal.SIGKILL, done)
            self.assertTrue((disk / "data" / "store.duckdb.wal").exists())
            remount(disk, "ro")
            temporary = self.folder / "temporary"
            temporary.mkdir()
            ask = ["query", "select count(*) > 1000 as many from trades", "--format", "csv", "--data", disk / "data"]
            done = harness.run_ok(*ask, env={"TMPDIR": str(temporary)})
            self.assertEqual(done.out, "many\ntrue\n")
            self.assertIn(f"a copy in {temporary}", done.err)
            self.assertEqual(list(temporary.iterdir()), [])
            with small_disk(self.folder / "tiny", "size=1m") as tiny:
                done = harness.run(*ask, env={"TMPDIR": str(tiny)})
                self.assertEqual(done.code, 1, done)
                self.assertIn("set TMPDIR to a folder with more room", done.err)
                self.assertEqual(list(tiny.iterdir()), [])

    def test_a_log_that_was_lost_with_the_power_is_gone_on_with(self):
        """`fsync: never`: the store has what was committed, the log's files are empty."""
        self.write(200_000)
        pipeline = self.folder / "pipeline.yaml"
        text = CRASH.read_text(encoding="utf-8")
        pipeline.write_text(text.replace("segment_bytes: 1MiB, fsync: interval", "fsync: never"), encoding="utf-8")
        self.assertIn("fsync: never", pipeline.read_text(encoding="utf-8"))
        self.assertEqual(harness.run_to_end(pipeline, self.folder / "whole", path=self.source).code, 0)
        for commits in (4, 3, 2):
            data = self.folder / f"data-{commits}"
            done = harness.run_to_end(pipeline, data, env={"PENSTOCK_KILL_POINT": f"after_commit:{commits}"}, path=self.source)
            self.assertIn(done.code, (0, -signal.SIGKILL), done)
            if harness.query(data, "select finished from penstock.sources") == [{"finished": "false"}]:
                break
        else:
            self.fail("every kill came too late to prove anything")
        committed = harness.count(data, "trades")
        self.assertGreater(committed, 0)
        for partition in (data / "log").iterdir():
            for file in partition.iterdir():
                if file.suffix == ".log":
                    file.write_bytes(b"")
                else:
                    file.unlink()
        done = harness.run_to_end(pipeline, data, path=self.source)
        self.assertEqual(done.code, 0, done)
        self.assertIn("were lost with the power", done.err)
        # What was in the log alone is lost, that is what `never` says; what is there is right, and there once.
        rows = harness.query_text(data, "select * from trades order by all").splitlines()
        whole = harness.query_text(self.folder / "whole", "select * from trades order by all").splitlines()
        self.assertGreater(len(rows), committed)
        self.assertEqual(set(rows) - set(whole), set())
        self.assertEqual(len(rows), len(set(rows)))

    def test_a_store_of_a_newer_format_is_refused_and_left_as_it_is(self):
        self.write(1000)
        data = self.folder / "data"
        self.assertEqual(self.replay(data).code, 0)
        ask = ["query", "from trades order by all", "--data", data]
        rows, topics = harness.run_ok(*ask).out, harness.run_ok("topics", "--data", data).out
        execute(data / "store.duckdb", "UPDATE penstock.meta SET value = '99' WHERE key = 'format_version'")
        stored = (data / "store.duckdb").read_bytes()
        for done in (self.replay(data), harness.run(*ask)):
            self.assertEqual(done.code, 1, done)
            self.assertIn(f"{data}/store.duckdb is a store of format version 99", done.err)
            self.assertIn("use a newer Penstock", done.err)
        self.assertEqual((data / "store.duckdb").read_bytes(), stored)
        self.assertEqual(harness.run_ok("topics", "--data", data).out, topics)
        execute(data / "store.duckdb", "UPDATE penstock.meta SET value = '2' WHERE key = 'format_version'")
        self.assertEqual(harness.run_ok(*ask).out, rows)

    def test_a_file_where_the_data_folder_belongs_is_named(self):
        self.write(10)
        (self.folder / "data").write_text("in the way", encoding="utf-8")
        done = self.replay(self.folder / "data")
        self.assertEqual(done.code, 1, done)
        self.assertIn(str(self.folder / "data"), done.err)


if __name__ == "__main__":
    unittest.main()
