"""Hostile input at the people's API: a refusal in JSON each time, never a 500."""

import base64
import json
from unittest.mock import patch

from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from rest_framework.parsers import JSONParser

from analyst.api.cases import CaseQuery
from analyst.api.members import MemberQuery
from analyst.api.serializers import DecisionBody, NoteBody
from analyst.api.timeline import TimelineQuery
from cases.models import Note, TimelineEvent
from tests.analyst.api import READS, WHY, WRITES, ApiTestCase
from tests.base import make_case, make_user

URL = "/api/v1/cases/C-1/notes/"


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class BodiesTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def send(self, body, kind="application/json"):
        return self.client.generic("POST", URL, body, content_type=kind)

    def test_a_body_that_is_no_plain_object_is_a_400(self):
        for body in (
            b"[" * 1100 + b"]" * 1100,
            b"[" * 100_000,
            b'{"a":' * 1100 + b"1" + b"}" * 1100,
            b'{"text":' + b"[" * 950 + b"]" * 950 + b"}",
            b'{"text":' + b"[" * 400 + b"]" * 400 + b"}",
            b'{"text": {"a": 1}}',
            b'[{"text": "x"}]',
            b'"text"',
            b"null",
            b"{",
            b"\xff\xfe",
            b'{"text": "\\ud800"}',
            b'{"\\udfff": "x"}',
            b'{"text": "a\\u0000b"}',
            b'{"text": NaN}',
            b'{"text": ' + b"9" * 5000 + b"}",
            b'{"text": "x", "' + b"y" * 10_000 + b'": 1}',
        ):
            with self.subTest(body=body[:30]):
                response = self.send(body)
                self.assertRefused(response, 400)
                self.assertLess(len(response.content), 2000)
        self.assertFalse(Note.objects.exists())

    def test_a_nested_value_goes_no_further_than_the_parser(self):
        for depth in (1, 50, 800):
            body = json.dumps(WHY)[:-1] + ', "outcome": ' + "[" * depth + "]" * depth + "}"
            response = self.client.generic(
                "POST", "/api/v1/cases/C-1/decisions/", body, content_type="application/json"
            )
            self.assertRefused(response, 400, "is a list or an object")

    def test_another_kind_of_body_is_a_415(self):
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/json2",
        ):
            with self.subTest(kind=kind):
                self.assertRefused(self.send(b'{"text": "x"}', kind), 415)

    def test_a_strange_charset_is_refused_and_a_usual_one_is_not(self):
        for charset in ("bz2_codec", "utf-16"):
            with self.subTest(charset=charset):
                response = self.send(b'{"text": "x"}', f"application/json; charset={charset}")
                self.assertRefused(response, 400)
        self.assertEqual(
            self.send(b'{"text": "x"}', "Application/JSON; charset=UTF-8").status_code, 201
        )

    @override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
    def test_a_body_over_the_limit_is_a_413(self):
        self.assertRefused(self.send(b'{"text": "' + b"x" * 1000 + b'"}'), 413)
        self.assertFalse(Note.objects.exists())


class QueriesTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def refused(self, path, **query):
        with self.subTest(path=path, query=query):
            response = self.get(path, **query)
            self.assertRefused(response, 400)
            self.assertEqual(list(response.json()["fields"]), list(query))

    def test_a_parameter_that_does_not_fit_is_a_400_that_names_it(self):
        for name, values in {
            "min_p": ["NaN", "inf", "-1", "2", "x", "1e999", "9" * 2000, "\0"],
            "min_harm": ["-1", "NaN", "Infinity"],
            "status": ["open-ish", "\0"],
            "verdict": ["guilty"],
            "owner": ["\0", "x" * 151],
            "q": ["a\0b", "x" * 201, "  "],
            "limit": ["0", "-1", "201", "x", "1.5", "9" * 30, "9" * 5000],
            "opened_since": ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"],
            "updated_since": ["9999-12-31T23:59:59-23:00", "\0", "1e9"],
            "verdit": ["confirmed"],
            "page": ["2"],
        }.items():
            for value in values:
                self.refused("", **{name: value})
        for name in ("tier", "state", "verdict", "min_probability", "limit"):
            self.refused("C-1/members/", **{name: "-1"})
        for value in ("-1", "x", str(2**31), "9" * 30, "NaN"):
            self.refused("C-1/timeline/", after=value)

    def test_a_cursor_that_nobody_gave_is_a_400(self):
        for text in (
            "garbage", "%00", "é", "=", "A" * 121,
            cursor("[NaN,1]"), cursor("[1e999,1]"), cursor("[1,-1]"), cursor(f"[1,{2**63}]"),
            cursor("[1]"), cursor("[1,2,3]"), cursor('["1",2]'), cursor("[[],2]"), cursor("null"),
            cursor("[" * 90), cursor("[true,1]"), cursor("[null,1]"),
        ):  # fmt: skip
            for path in ("", "C-1/members/"):
                self.refused(path, cursor=text)
        for text in ("garbage", cursor("[1,2]"), cursor(f"[{2**63}]"), cursor('["1"]')):
            for path in ("C-1/decisions/", "C-1/notes/"):
                self.refused(path, cursor=text)
        # the largest that fits is a place like any other
        self.assertEqual(self.results("", cursor=cursor(f"[1e308,{2**63 - 1}]"))[0]["ref"], "C-1")

    def test_more_parameters_than_anybody_needs_are_a_400(self):
        response = self.client.get("/api/v1/cases/?" + "&".join("a=1" for _ in range(1500)))
        self.assertRefused(response, 400)

    def test_an_empty_parameter_filters_nothing(self):
        for name in ("min_p", "owner", "q", "cursor", "opened_since"):
            with self.subTest(name=name):
                self.assertEqual(len(self.results("", **{name: ""})), 1)


texts = st.text(max_size=40) | st.sampled_from(["1", "NaN", "-1", "C-1", "open", "\0", "1e309"])
names = st.sampled_from(
    [
        *CaseQuery().fields,
        *MemberQuery().fields,
        *TimelineQuery().fields,
        *DecisionBody().fields,
        *NoteBody().fields,
        "x",
    ]
)
values = st.none() | st.booleans() | st.integers() | st.floats() | texts


class FuzzTest(HypothesisTestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = make_user("ana", "analyst")
        cls.case = make_case()

    def answers(self, response):
        self.assertLess(response.status_code, 500, response.content)
        self.assertEqual(response["Content-Type"], "application/json")
        json.loads(response.content)

    @settings(max_examples=40, deadline=None)
    @given(path=st.sampled_from(READS), query=st.dictionaries(names, texts, max_size=4))
    def test_no_query_breaks_a_door(self, path, query):
        self.client.force_login(self.ana)
        query = {name: text.encode("utf-8", "surrogatepass") for name, text in query.items()}
        self.answers(self.client.get(f"/api/v1/cases/{path}", query))

    @settings(max_examples=40, deadline=None)
    @given(
        path=st.sampled_from(sorted(WRITES)),
        body=st.dictionaries(names | texts, values, max_size=5)
        | st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)),
    )
    def test_no_body_breaks_a_door(self, path, body):
        self.client.force_login(self.ana)
        self.answers(
            self.client.generic(
                "POST", f"/api/v1/cases/{path}", json.dumps(body), content_type="application/json"
            )
        )


class ControlTest(ApiTestCase):
    def test_the_parser_is_what_stops_nesting(self):
        """Were it the plain one, the same body would break the door."""
        self.client.force_login(self.ana)
        self.client.raise_request_exception = False
        deep = b"[" * 1100 + b"]" * 1100
        with (
            patch("analyst.api.door.DeskAPI.parser_classes", (JSONParser,)),
            self.assertLogs("analyst.api.errors", "ERROR"),
        ):
            response = self.client.generic("POST", URL, deep, content_type="application/json")
        self.assertEqual(response.status_code, 500)
        self.assertEqual(TimelineEvent.objects.count(), 1)
