"""The partner's door to private matching, under a partner that plays by no rule."""

import base64
import json
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases.matching import count, transcript
from cases.matching.transcript import sha256
from cases.models import MatchSession
from cases.services import match_answer
from cases.services.partner import change_policy
from tests.cases.matching import MatchTestCase

POINTS = b"".join(count.blind([], count.new_scalar()))


class DoorTests(MatchTestCase):
    def setUp(self):
        super().setUp()
        self.secret = Ed25519PrivateKey.generate()
        self.key = self.build()

    def sign(self, chain, step, uid, **facts):
        public = self.secret.public_key().public_bytes_raw()
        return transcript.state(chain, step, uid, key=public, sign=self.secret.sign, **facts)

    def ask_of(self, uid=None, points=POINTS, **facts):
        uid = uid or str(uuid.uuid4())
        facts = {
            "match_key": str(self.key.uid), "epoch": 1, "kinds": [], "asked": 512,
            "points_sha256": sha256(points),
        } | facts  # fmt: skip
        return uid, self.sign([], "ask", uid, **facts)

    def send(self, method, path, body=None, login=None):
        return self.client.generic(
            method, f"/match/v1/{path}", body if isinstance(body, bytes) else json.dumps(body),
            content_type="application/json", headers={"Authorization": login or self.login},
        )  # fmt: skip

    def put(self, uid, statement, points=POINTS):
        body = {"statement": statement, "points": base64.b64encode(points).decode()}
        return self.send("PUT", f"sessions/{uid}/", body)

    def refused(self, response, status, words):
        self.assertEqual(response.status_code, status, response.content)
        self.assertIn(words, response.json()["error"])

    def test_without_credentials_no_door_opens(self):
        uid = uuid.uuid4()
        for path in ("key/", f"sessions/{uid}/", f"sets/{self.key.uid}/count"):
            for login in ("Basic x", "Bearer x", "Basic " + base64.b64encode(b"north:no").decode()):
                response = self.send("GET", path, login=login)
                self.refused(response, 401, "user and token")
                self.assertIn("Basic", response["WWW-Authenticate"])
        self.assertEqual(self.send("DELETE", "key/").status_code, 405)

    def test_a_partner_that_is_switched_off_is_out(self):
        change_policy(self.north, actor=None, enabled=False)
        self.assertEqual(self.send("GET", "key/").status_code, 401)

    def test_the_key_says_sizes_only_as_padded(self):
        told = self.send("GET", "key/").json()
        self.assertEqual((told["held"], told["asks_left"], told["epoch"]), (4096, 20, 1))
        self.assertNotIn("values", told)

    def test_the_same_ask_again_is_one_session_and_another_with_its_id_is_refused(self):
        uid, statement = self.ask_of()
        for _ in range(2):
            self.assertEqual(self.put(uid, statement).status_code, 202)
        self.assertEqual(MatchSession.objects.count(), 1)
        _, other = self.ask_of(uid, kinds=["device"])
        self.refused(self.put(uid, other), 409, "used for another ask")

    def test_asks_and_values_of_an_epoch_are_counted(self):
        change_policy(self.north, actor=None, match_asks=2, match_items=1100)
        for _ in range(2):
            self.assertEqual(self.put(*self.ask_of()).status_code, 202)
        self.refused(self.put(*self.ask_of()), 429, "0 asks and 76 values are left in epoch 1")
        change_policy(self.north, actor=None, match_asks=9)
        self.refused(self.put(*self.ask_of()), 429, "7 asks and 76 values")

    def test_sizes_sums_and_keys_must_hold(self):
        for facts, points, status, words in (
            ({"asked": 511}, POINTS[:-32], 400, "asked: must be a whole number from 512"),
            ({"asked": 513}, POINTS + b"\x01" * 32, 400, "points_sha256"),
            ({"asked": 768}, POINTS, 400, "padded number of the points sent"),
            ({"asked": True}, POINTS, 400, "asked: must be a whole number"),
            ({}, POINTS[:-1], 400, "multiple of 32"),
            ({"match_key": str(uuid.uuid4())}, POINTS, 410, "another one is in use"),
        ):
            with self.subTest(words=words):
                uid, statement = self.ask_of(**facts)
                response = self.put(uid, statement, points)
                if facts.get("asked") == 513:
                    words = "padded number"
                self.refused(response, status, words)
        self.assertFalse(MatchSession.objects.exists())

    def test_points_off_the_curve_fail_the_session_with_words(self):
        for points, words in (
            (b"\xff" * 32 * 512, "a point came twice"),
            (b"\xff" * 32 + POINTS[32:], "not on P-256"),
        ):
            uid, statement = self.ask_of(points=points)
            self.assertEqual(self.put(uid, statement, points).status_code, 202)
            match_answer.answer_waiting()
            told = self.send("GET", f"sessions/{uid}/").json()
            self.assertEqual((told["state"], told["answer"]), ("failed", ""))
            self.assertIn(words, told["problem"])

    def test_the_signing_key_is_the_first_one_that_came(self):
        self.put(*self.ask_of())
        self.secret = Ed25519PrivateKey.generate()
        self.refused(self.put(*self.ask_of()), 400, "not the signing key")

    def test_steps_out_of_order_and_false_counts_are_refused(self):
        uid, statement = self.ask_of()
        self.put(uid, statement)
        chain = MatchSession.objects.get().transcript
        early = self.sign(chain, "count", uid, count=1)
        self.refused(self.send("POST", f"sessions/{uid}/", {"statement": early}), 400, "cannot")
        match_answer.answer_waiting()
        chain = MatchSession.objects.get().transcript
        for number in (513, -1, "1", None):
            false = self.sign(chain, "count", uid, count=number)
            self.refused(
                self.send("POST", f"sessions/{uid}/", {"statement": false}), 400, "count: must be"
            )
        agreed = self.sign(chain, "agree", uid)
        self.refused(self.send("POST", f"sessions/{uid}/", {"statement": agreed}), 400, "cannot")
        self.assertEqual(MatchSession.objects.get().state, "answered")

    def test_another_partner_s_session_is_not_there(self):
        uid, statement = self.ask_of()
        self.put(uid, statement)
        MatchSession.objects.update(partner=self.south)
        for method, path, body in (
            ("GET", f"sessions/{uid}/", None),
            ("POST", f"sessions/{uid}/", {"statement": statement}),
            ("POST", f"sessions/{uid}/evaluate/", {"start": 0, "points": ""}),
        ):
            self.refused(self.send(method, path, body), 404, "none of this id")

    def test_no_body_breaks_the_door(self):
        uid = uuid.uuid4()
        for body in (
            b"", b"{", b"[]", b"[" * 50_000, b'{"statement": 1}', b"\xff", b"null",
            b'{"points": 3}', b'{"statement": {"statement": []}, "points": "AA=="}',
        ):  # fmt: skip
            for method, path in (
                ("PUT", f"sessions/{uid}/"), ("POST", f"sessions/{uid}/"),
                ("POST", f"sessions/{uid}/evaluate/"),
            ):  # fmt: skip
                response = self.send(method, path, body)
                self.assertIn(response.status_code, (400, 404), (method, path, body[:40]))
                self.assertTrue(response.json()["error"])
