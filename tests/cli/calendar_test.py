"""calendar: sessions as table, csv and json, and wrong usage."""

import csv
import io
import json
import unittest

import harness


class Calendar(unittest.TestCase):
    def test_without_a_name_the_calendars_are_listed(self):
        names = [line.split()[0] for line in harness.run_ok("calendar").out.splitlines()[1:]]
        self.assertEqual(names, ["24/7", "XETR", "XHKG", "XLON", "XNAS", "XNYS", "XTKS"])

    def test_formats_hold_the_same_sessions(self):
        days = ("calendar", "XNYS", "--from", "2024-11-27", "--to", "2024-12-02")
        rows = list(csv.DictReader(io.StringIO(harness.run_ok(*days, "--format", "csv").out)))
        self.assertEqual([row["session"] for row in rows], ["2024-11-27", "2024-11-29", "2024-12-02"])
        self.assertEqual(rows[1]["close"], "2024-11-29T18:00:00Z")
        sessions = json.loads(harness.run_ok(*days, "--format", "json").out)
        self.assertEqual([(s["open"], s["close"]) for s in sessions], [(row["open"], row["close"]) for row in rows])
        table = harness.run_ok(*days).out
        self.assertIn("closed", table)
        self.assertEqual([row["session"] in table for row in rows], [True] * 3)

    def test_what_it_does_not_know_is_wrong_usage(self):
        for arguments, said in ((("NYSE",), "XNYS"), (("XNYS", "--from", "1999-01-04"), "2006-01-01"),
                                (("XNYS", "--from", "tomorrow"), "YYYY-MM-DD"), (("XNYS", "--format", "xml"), "csv")):
            done = harness.run("calendar", *arguments)
            self.assertEqual(done.code, 2, done)
            self.assertIn(said, done.err)
            self.assertEqual(done.out, "")


if __name__ == "__main__":
    unittest.main()
