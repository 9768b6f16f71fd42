"""An endpoint is sampled within its budget, through the guard, whatever it answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

from django.test import TestCase, override_settings
from django.utils import timezone

from ingest import outbound
from ingest.models import Job, SuspectTest
from ingest.services import suspect_sample
from ingest.services.suspects import request_sampling
from ingest.services.watermark import WatermarkError
from ingest.watermark.lines import BadLine, read_prompts
from tests.ingest.suspects import make_test_key, run, spoken


class Model(BaseHTTPRequestHandler):
    """An endpoint that answers as the test's script says."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        status, answer = self.server.script(len(self.server.asked) - 1, body)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        """A test prints nothing."""


def says(text, tokens=None):
    usage = {} if tokens is None else {"usage": {"completion_tokens": tokens}}
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}]} | usage


@override_settings(SUSPECT_PRIVATE_HOSTS=["127.0.0.1"])
class SamplingTest(TestCase):
    def setUp(self):
        self.key = make_test_key()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
        self.server.asked, self.server.script = [], lambda i, body: says("a b c d e", 5)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def ask(self, prompts=3, **fields):
        """Prompts: how many."""
        lines = list(read_prompts(f"Question {i}\n".encode() for i in range(prompts)))
        test = request_sampling(
            **{
                "actor": None, "name": "heron", "url": self.url, "model": "heron-8b",
                "prompts": lines, "token": "sk-secret", "answer_tokens": 100,
                "request_budget": 100, "token_budget": 10_000,
            } | fields
        )  # fmt: skip
        SuspectTest.objects.update(control_keys=50, seed=3)
        return test

    def over(self, test, waits=True):
        """Run to the end; what rests is woken at once."""
        for _ in range(30):
            test = run(test, slices=1)
            if test.job.is_over:
                return test
            SuspectTest.objects.update(resume_at=None)
        self.fail("never over")

    def test_a_marked_model_behind_an_endpoint_is_found(self):
        texts = spoken(self.key)
        self.server.script = lambda i, body: says(texts[i], 60)
        test = self.over(self.ask(len(texts)))
        self.assertEqual((test.job.state, test.results.get().finding), ("done", "found"))
        self.assertEqual((test.requests_spent, test.tokens_spent), (30, 1800))
        path, authorization, body = self.server.asked[0]
        self.assertEqual((path, authorization), ("/v1/chat/completions", "Bearer sk-secret"))
        self.assertEqual(
            (body["model"], body["max_tokens"], body["messages"]),
            ("heron-8b", 100, [{"role": "user", "content": "Question 0"}]),
        )
        self.assertEqual(bytes(test.sealed_token), b"", "the key is forgotten at the end")

    def test_the_budget_of_requests_ends_the_sampling(self):
        test = self.over(self.ask(10, request_budget=4))
        self.assertEqual((len(self.server.asked), test.requests_spent), (4, 4))

    def test_the_budget_of_tokens_is_never_overrun(self):
        test = self.over(self.ask(10, token_budget=250))
        # 5 are used an answer, but 100 must be free before the next is asked
        self.assertEqual(len(self.server.asked), 10)
        self.server.asked.clear()
        self.server.script = lambda i, body: says("a b c d e")  # says not what it cost
        test = self.over(self.ask(10, token_budget=250))
        self.assertEqual((len(self.server.asked), test.tokens_spent), (2, 200))
        self.server.asked.clear()
        self.server.script = lambda i, body: says("a b c d e", 10**6)
        test = self.over(self.ask(10, token_budget=250))
        self.assertEqual((len(self.server.asked), test.tokens_spent), (1, 250))

    def test_what_a_killed_worker_had_set_aside_is_spent_not_overrun(self):
        test = self.ask(5, request_budget=5)
        with (
            mock.patch.object(suspect_sample, "_read", side_effect=SystemExit),
            self.assertRaises(SystemExit),
        ):
            run(test)
        Job.objects.update(beat_at=timezone.now() - timezone.timedelta(minutes=5))
        test = self.over(test)
        self.assertEqual((len(self.server.asked), test.requests_spent), (5, 5))
        self.assertEqual(test.texts.exclude(answered_at=None).count(), 4)

    def test_a_failure_that_may_pass_is_waited_for(self):
        self.server.script = lambda i, body: (503, b"") if i < 2 else says("a b c d", 4)
        test = self.ask()
        run(test, slices=1)
        test.refresh_from_db()
        self.assertGreater(test.resume_at, timezone.now())
        self.assertEqual(Job.objects.get().state, "waiting")
        run(test, slices=3)
        self.assertEqual(len(self.server.asked), 1, "it is left alone while it rests")
        test = self.over(test)
        self.assertEqual((test.job.state, test.failures, test.tokens_spent), ("done", 0, 12))

    def test_an_endpoint_that_stays_away_fails_the_test_and_says_so(self):
        self.server.script = lambda i, body: (500, b"oops")
        test = self.over(self.ask())
        self.assertEqual(len(self.server.asked), suspect_sample.PATIENCE)
        self.assertIn("failed 8 times in a row; last: it answered 500", test.job.error)

    def test_what_will_not_pass_is_not_tried_again(self):
        for status, said in ((401, "key is missing or wrong"), (404, "https://host/v1"), (302, "")):
            with self.subTest(status):
                self.server.asked.clear()
                self.server.script = lambda i, body, status=status: (status, b"")
                test = self.over(self.ask())
                self.assertEqual((len(self.server.asked), test.job.state), (1, "failed"))
                self.assertIn(f"answered {status}: ", test.job.error)
                self.assertIn(said, test.job.error)

    def test_what_it_said_before_it_failed_is_tested_and_the_page_can_say_why(self):
        texts = spoken(self.key)
        self.server.script = lambda i, body: says(texts[i], 60) if i < 20 else (403, b"")
        test = self.over(self.ask(len(texts)))
        self.assertEqual((test.job.state, test.results.get().finding), ("done", "found"))
        self.assertIn("answered 403", test.job.error)
        self.assertEqual(len(self.server.asked), 21)

    def test_an_answer_of_another_shape_is_named(self):
        for answer in (b"<html>", b"[]", b"null", b'{"choices": []}', b"[" * 50_000,
                       b'{"choices": [{"message": {"content": 5}}]}'):  # fmt: skip
            with self.subTest(answer[:30]):
                self.server.script = lambda i, body, answer=answer: (200, answer)
                self.assertIn("not compatible", self.over(self.ask()).job.error)

    def test_text_that_no_database_holds_is_kept_readable(self):
        self.server.script = lambda i, body: says("a\0b \ud800 c d e f", 4)
        test = self.over(self.ask(1))
        self.assertEqual(test.texts.get().text, "a\N{REPLACEMENT CHARACTER}b ? c d e f")

    def test_private_addresses_are_refused_unless_an_operator_names_the_host(self):
        with override_settings(SUSPECT_PRIVATE_HOSTS=[]):
            with self.assertRaisesRegex(WatermarkError, "must begin with https://"):
                self.ask()
            test = self.ask(url=self.url.replace("http:", "https:"))
            test = self.over(test)
        self.assertEqual(self.server.asked, [])
        self.assertEqual((test.job.state, test.requests_spent), ("failed", 0))
        self.assertIn("may not be reached", test.job.error)
        with override_settings(SUSPECT_PRIVATE_HOSTS=["169.254.169.254"]):
            test = self.over(self.ask(url="http://169.254.169.254/v1"))
        self.assertIn("may not be reached", test.job.error)

    def test_the_sealed_key_goes_to_no_other_address(self):
        test = self.ask()
        SuspectTest.objects.update(url=self.url.replace("/v1", "/v2"))
        test = self.over(test)
        self.assertIn("cannot be opened", test.job.error)
        self.assertEqual(self.server.asked, [])

    def test_bad_input_is_named(self):
        for change, said in (
            ({"url": "ftp://x"}, "Address"),
            ({"url": "https://u:p@x/v1"}, "without user name"),
            ({"url": "https://x/v1?a=b"}, "query"),
            ({"url": "https://x:99999/v1"}, "Address"),
            ({"url": "https:// x/v1"}, "Address"),
            ({"prompts": 0}, "no prompt"),
            ({"request_budget": 0}, "Budget of requests"),
            ({"token_budget": 10**9}, "Budget of tokens"),
            ({"token_budget": 99}, "less than one answer"),
            ({"answer_tokens": 10**6}, "tokens an answer"),
            ({"temperature": 3}, "Temperature"),
            ({"model": " "}, "Name the model as the endpoint"),
            ({"token": "a\nb"}, "no header can carry"),
        ):
            with self.subTest(said), self.assertRaisesRegex(WatermarkError, said):
                self.ask(**change)
        self.assertFalse(SuspectTest.objects.exists())

    def test_a_slow_answer_ends_before_its_worker_is_taken_for_dead(self):
        with mock.patch.object(suspect_sample, "request", side_effect=outbound.NoAnswer("no")) as r:
            run(self.ask(1), slices=1)
        self.assertEqual(r.call_args.kwargs["seconds"], suspect_sample.SECONDS)
        test = SuspectTest.objects.get()
        self.assertEqual((test.requests_spent, test.tokens_spent), (1, 100), "it may have cost")


def test_prompts_are_bare_lines_or_objects():
    raw = [
        b"Why?\n",
        b"\n",
        b'{"prompt": "How?"}',
        b"{",
        b'{"text": "x"}',
        b"\xff",
        b'{"prompt": 5}',
    ]
    found = list(read_prompts(raw))
    assert [line.prompt for line in found if not isinstance(line, BadLine)] == ["Why?", "How?"]
    assert [
        (bad.number, bad.reason.split(":")[0]) for bad in found if isinstance(bad, BadLine)
    ] == [
        (4, "begins with { and is not JSON"),
        (5, "prompt"),
        (6, "not UTF-8"),
        (7, "prompt"),
    ]
