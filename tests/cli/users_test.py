"""pipelines/users.yaml against an HTTP server of the test's own, which misbehaves in every way a real one does."""

import http.server
import json
import pathlib
import re
import threading
import unittest

import harness

USERS = harness.PIPELINES / "users.yaml"
TABLE = "spark_streams.created_users"


def user(number: int, **changes) -> dict:
    """A record of the shape that the Random User API gives."""
    return {
        "gender": "female", "name": {"title": "Ms", "first": f"Zoë {number}", "last": "Ødegård-李"},
        "location": {"street": {"number": 100 + number, "name": "Rue de l'Église"}, "city": "Besançon", "state": "Jura", "country": "France",
                     "postcode": 25000 + number, "timezone": {"offset": "+1:00", "description": "Paris"}},
        "email": f"zoe.{number}@example.com",
        "login": {"uuid": f"00000000-0000-4000-8000-{number:012d}", "username": f"zoe{number}", "password": "secret"},
        "dob": {"date": "1990-05-01T10:20:30.456Z", "age": 34}, "registered": {"date": "2010-01-02T03:04:05.678Z", "age": 14},
        "phone": "01-02-03", "picture": {"medium": f"https://example.com/{number}.jpg"}, "nat": "FR",
    } | changes


def answer(*users: dict) -> bytes:
    return json.dumps({"results": list(users), "info": {"results": len(users)}}, ensure_ascii=False).encode()


class Server(http.server.ThreadingHTTPServer):
    """Gives the prepared answers in turn, then the last one for ever. An answer is a function of the handler."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.requests = []  # the headers of each
        self.changed = threading.Condition()
        self.hanging = threading.Event()  # set when the test ends
        threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,)).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"

    def close(self):
        self.hanging.set()
        self.shutdown()
        self.server_close()

    def await_requests(self, number: int):
        with self.changed:
            self.changed.wait_for(lambda: len(self.requests) >= number)


POLL_SECONDS = 0.05


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.changed:
            number = len(self.server.requests)
            self.server.requests.append(dict(self.headers))
            self.server.changed.notify_all()
        self.server.answers[min(number, len(self.server.answers) - 1)](self)

    def log_message(self, *arguments):
        pass


def ok(body: bytes, **headers):
    def send(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
    return send


def status(code: int, **headers):
    def send(handler):
        handler.send_response(code)
        handler.send_header("Content-Length", "5")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"sorry")
    return send


def cut(body: bytes):
    """Announces the whole body, sends half of it, and closes."""
    def send(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:len(body) // 2])
        handler.wfile.flush()
        handler.close_connection = True
    return send


def hang(handler):
    """Takes the request and says nothing until the test ends."""
    handler.server.hanging.wait()
    handler.close_connection = True


def close(handler):
    handler.close_connection = True


class Polling(unittest.TestCase):
    """A data folder, a server, and a pipeline that polls it."""

    def setUp(self):
        folder = harness.temporary_folder()
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name) / "data"

    def serve(self, *answers) -> Server:
        server = Server(*answers)
        self.addCleanup(server.close)
        return server

    def poll(self, server: Server, **settings) -> harness.Pipeline:
        return harness.Pipeline(USERS, self.data, url=server.url, **{"interval": "50ms"} | settings)

    def rows(self, pipeline: harness.Pipeline) -> list[dict]:
        return pipeline.api_query(f"select * from {TABLE} order by id")

    def await_rows(self, pipeline: harness.Pipeline, number: int) -> list[dict]:
        return pipeline.until(f"{number} rows are stored", lambda: (rows := self.rows(pipeline))[number - 1:] and rows)

    def assert_row(self, row: dict, record: dict):
        """Field by field, as users.yaml names them."""
        location = record["location"]
        self.assertEqual(row["id"], record["login"]["uuid"])
        self.assertEqual(row["first_name"], record["name"]["first"])
        self.assertEqual(row["last_name"], record["name"]["last"])
        self.assertEqual(row["gender"], record["gender"])
        self.assertEqual(row["address"], f"{location['street']['number']} {location['street']['name']}, {location['city']}, "
                                         f"{location['state']}, {location['country']}")
        self.assertEqual(row["email"], record["email"])
        self.assertEqual(str(row["postcode"]), str(location["postcode"]))
        self.assertEqual(row["username"], record["login"]["username"])
        self.assertEqual(row["phone"], record["phone"])
        self.assertEqual(row["picture"], record["picture"]["medium"])


class Users(Polling):
    def test_records_become_rows_field_by_field(self):
        records = [user(1), user(2, location=user(2)["location"] | {"postcode": "SW1A 1AA"})]
        with self.poll(self.serve(ok(answer(*records)))) as pipeline:
            for row, record in zip(self.await_rows(pipeline, 2), records, strict=True):
                self.assert_row(row, record)

    def test_the_same_answer_again_makes_no_second_row(self):
        server = self.serve(ok(answer(user(1))))
        with self.poll(server) as pipeline:
            self.await_rows(pipeline, 1)
            server.await_requests(5)
        self.assertEqual(harness.count(self.data, TABLE), 1)

    def test_after_a_restart_the_same_answer_makes_no_second_row(self):
        server = self.serve(ok(answer(user(1))), ok(answer(user(1))), ok(answer(user(1), user(2))))
        for _ in range(2):
            seen = len(server.requests)
            with self.poll(server) as pipeline:
                self.await_rows(pipeline, 1)
                server.await_requests(seen + 4)
        self.assertEqual(harness.count(self.data, TABLE), 2)

    def test_an_error_of_the_server_is_tried_again_and_counted(self):
        for name, bad in {"500": status(500), "503": status(503, Retry_After="1"), "429": status(429, Retry_After="1"), "cut body": cut(answer(user(1))),
                          "closed": close}.items():
            with self.subTest(name):
                self.data = self.data.parent / name.replace(" ", "-")
                server = self.serve(bad, bad, ok(answer(user(1))))
                with self.poll(server) as pipeline:
                    rows = self.await_rows(pipeline, 1)
                    self.assert_row(rows[0], user(1))
                    text = pipeline.request("/metrics")[1]
                self.assertRegex(text, r"(?m)^penstock_source_retries_total\{[^}]*\} [2-9]")
                self.assertRegex(pipeline.text, r"requests, [2-9][\d,]* retries")

    def test_retry_after_is_honoured(self):
        import time

        moments = []
        def refuse(handler):
            moments.append(time.monotonic())
            status(429, Retry_After="2")(handler)
        def accept(handler):
            moments.append(time.monotonic())
            ok(answer(user(1)))(handler)
        with self.poll(self.serve(refuse, accept)) as pipeline:
            self.await_rows(pipeline, 1)
        self.assertGreaterEqual(moments[1] - moments[0], 1.9)

    def test_a_server_that_hangs_is_given_up_and_asked_again(self):
        with self.poll(self.serve(hang, ok(answer(user(1)))), timeout="300ms") as pipeline:
            self.await_rows(pipeline, 1)
            self.assertGreaterEqual(harness.metric(pipeline.request("/metrics")[1], "penstock_source_retries_total"), 1)

    def test_it_stops_at_once_while_a_server_hangs(self):
        server = self.serve(hang)
        with self.poll(server) as pipeline:
            server.await_requests(1)
        self.assertIn("stopped", pipeline.text)

    def test_an_unchanged_answer_is_asked_for_as_such(self):
        def conditional(handler):
            if handler.headers.get("If-None-Match") == '"v1"':
                handler.send_response(304)
                handler.end_headers()
            else:
                ok(answer(user(1)), ETag='"v1"')(handler)
        server = self.serve(conditional)
        with self.poll(server) as pipeline:
            self.await_rows(pipeline, 1)
            server.await_requests(4)
        self.assertEqual([headers.get("If-None-Match") for headers in server.requests[:3]], [None, '"v1"', '"v1"'])
        self.assertEqual(harness.count(self.data, TABLE), 1)

    def test_what_is_no_record_is_quarantined(self):
        for body in (b"not json", b"{}", b'{"results": 5}', b'{"results": [1, "two", null]}', b'{"results": [{}]}', b"\xff\xfe"):
            with self.subTest(body=body):
                self.data = self.data.parent / str(abs(hash(body)))
                with self.poll(self.serve(ok(body), ok(answer(user(1))))) as pipeline:
                    self.await_rows(pipeline, 1)
                    rows = pipeline.until("quarantine has it", lambda: pipeline.api_query("select reason from quarantine"))
                    self.assertTrue(all(row["reason"] for row in rows))

    def test_an_endless_answer_is_cut_off(self):
        def endless(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            block = b"10000\r\n" + b" " * 65536 + b"\r\n"
            try:
                while not handler.server.hanging.is_set():
                    handler.wfile.write(block)
            except OSError:
                pass
            handler.close_connection = True
        with self.poll(self.serve(endless, ok(answer(user(1))))) as pipeline:
            self.await_rows(pipeline, 1)
            self.assertEqual(harness.metric(pipeline.request("/metrics")[1], "penstock_source_retries_total"), 1)
        # Not refused for good: the first pause, not the longest.
        self.assertLessEqual(int(re.search(r"raise `max_bytes`.*next try in (\d+) ms", pipeline.text)[1]), 1000)


class RealAnswers(Polling):
    """Recorded answers of the Random User API."""

    def test_records_become_rows_field_by_field(self):
        folder = harness.test_data("randomuser")
        bodies = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
        records = [record for body in bodies for record in json.loads(body)["results"]]
        with self.poll(self.serve(*map(ok, bodies))) as pipeline:
            rows = {row["id"]: row for row in self.await_rows(pipeline, len(records))}
        self.assertEqual(len(rows), len(records))
        for record in records:
            self.assert_row(rows[record["login"]["uuid"]], record)


if __name__ == "__main__":
    unittest.main()
