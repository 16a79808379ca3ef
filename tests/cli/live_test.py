"""The demo pipeline while it runs: its HTTP answers, queries beside it, signals, and going on after a stop."""

import pathlib
import signal
import threading
import unittest

import harness

DEMO = harness.PIPELINES / "demo.yaml"


class Live(unittest.TestCase):
    def setUp(self):
        folder = harness.temporary_folder()
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name) / "data"

    def stored(self, pipeline: harness.Pipeline, table: str) -> int:
        return int(pipeline.api_query(f"select count(*) as n from {table}")[0]["n"])

    def test_it_is_healthy_and_ready_and_its_metrics_grow(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            self.assertEqual(pipeline.request("/healthz")[0], 200)
            pipeline.until("it is ready", lambda: pipeline.request("/readyz")[0] == 200)
            pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 0)
            status, text, headers = pipeline.request("/metrics")
            self.assertEqual(status, 200)
            self.assertIn("text/plain", headers["content-type"])
            self.assertRegex(text, r"(?m)^# TYPE penstock_\w+ (counter|gauge|histogram)$")

    def test_the_status_page_says_that_the_market_is_simulated(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            self.assertIn("simulated", pipeline.text.lower())
            status, text, headers = pipeline.request("/")
            self.assertEqual(status, 200)
            self.assertIn("text/html", headers["content-type"])
            self.assertIn("simulated", text.lower())

    def test_unknown_paths_and_wrong_queries_are_answered_as_such(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            self.assertEqual(pipeline.request("/nowhere")[0], 404)
            self.assertEqual(pipeline.request("/api/query")[0], 400)
            status, text, _ = pipeline.request("/api/query?sql=selec%201")
            self.assertEqual(status, 400)
            self.assertTrue(text.strip())
            self.assertIn(pipeline.request("/api/query?sql=drop%20table%20trades")[0], (400, 403))
            self.assertIn(pipeline.request("/healthz", "DELETE")[0], (404, 405))
            self.assertEqual(pipeline.request("/healthz")[0], 200)

    def test_every_interval_of_bars_and_quotes_come(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            pipeline.until("1s bars are stored", lambda: pipeline.api_query("select 1 from bars where every = '1s' limit 1"))
            pipeline.until("quotes are stored", lambda: self.stored(pipeline, "quotes") > 0)
            row = pipeline.api_query("select * from bars where every = '1s' limit 1")[0]
            self.assertLessEqual(float(row["low"]), float(row["high"]))

    def test_commands_work_beside_it(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 100)
            self.assertGreater(harness.count(self.data, "trades"), 100)
            self.assertIn("trades", harness.run_ok("topics", "--data", self.data).out)
            self.assertEqual(len(harness.run_ok("tail", "trades", "--data", self.data, "--from", 0, "--count", 5).out.splitlines()), 5)
            out = self.data.parent / "out.parquet"
            harness.run_ok("export", "trades", out, "--data", self.data)
            self.assertGreater(out.stat().st_size, 1000)
            self.assertNotEqual(harness.run("query", "drop table trades", "--data", self.data).code, 0)
            self.assertGreater(harness.count(self.data, "trades"), 100)

    def test_queries_are_answered_also_while_it_starts_and_stops(self):
        pipeline = harness.Pipeline(DEMO, self.data)
        pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 0)
        # What a kill leaves: a store that was not closed, and an address where nobody is.
        pipeline.signal(signal.SIGKILL)
        for _ in range(3):
            queries, ended = [], threading.Event()
            def ask():
                while not ended.is_set() or not queries:
                    queries.append(harness.run("query", "select count(*) as n from trades", "--data", self.data))
            asking = threading.Thread(target=ask)
            asking.start()
            try:
                with harness.Pipeline(DEMO, self.data) as pipeline:
                    pipeline.until("it is ready", lambda: pipeline.request("/readyz")[0] == 200)
            finally:
                ended.set()
                asking.join()
            for done in queries:
                self.assertEqual(done.code, 0, done)

    def test_signals_end_it_with_everything_committed(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                data = self.data / number.name
                pipeline = harness.Pipeline(DEMO, data)
                pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 0)
                self.assertEqual(pipeline.signal(number), 0, pipeline.text)
                self.assertIn("committed", pipeline.text)
                self.assertRegex(pipeline.text, r"in [\d,]+ = rows")
                self.assertGreater(harness.count(data, "trades"), 0)

    def test_a_restart_goes_on_after_the_last_commit(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 0)
        before = harness.count(self.data, "trades")
        with harness.Pipeline(DEMO, self.data) as pipeline:
            self.assertGreaterEqual(self.stored(pipeline, "trades"), before)
            pipeline.until("more trades are stored", lambda: self.stored(pipeline, "trades") > before)
        twice = harness.query(self.data, "select count(*) - count(distinct (symbol, id)) as n from trades")[0]["n"]
        self.assertEqual(twice, "0")

    def test_a_second_process_on_the_same_folder_is_refused_and_the_first_goes_on(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            done = harness.run("run", DEMO, "--data", self.data, "--listen", "127.0.0.1:0")
            self.assertEqual(done.code, 1, done)
            self.assertIn(str(pipeline.process.pid), done.err)
            self.assertIn(str(self.data), done.err)
            self.assertEqual(pipeline.request("/healthz")[0], 200)

    def test_a_port_that_is_taken_is_said_so(self):
        with harness.Pipeline(DEMO, self.data) as pipeline:
            done = harness.run("run", DEMO, "--data", self.data.parent / "other", "--listen", pipeline.address)
            self.assertEqual(done.code, 1, done)
            self.assertIn(pipeline.address, done.err)

    def test_after_a_kill_it_starts_again(self):
        pipeline = harness.Pipeline(DEMO, self.data)
        pipeline.until("trades are stored", lambda: self.stored(pipeline, "trades") > 0)
        pipeline.signal(signal.SIGKILL)
        self.assertGreater(harness.count(self.data, "trades"), 0, "a query works on what a killed process left")
        with harness.Pipeline(DEMO, self.data) as pipeline:
            pipeline.until("it is ready", lambda: pipeline.request("/readyz")[0] == 200)


if __name__ == "__main__":
    unittest.main()
