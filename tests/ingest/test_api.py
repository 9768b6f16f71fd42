import gzip
import io
import json
import threading
import tracemalloc

from django.db import connection
from django.test import TestCase, TransactionTestCase, override_settings
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from ingest.models import (
    Account,
    Attribute,
    AttributeUse,
    Batch,
    Census,
    Detector,
    Rejection,
    Signal,
)
from tests.base import make_detector, make_user
from tests.ingest.records import DAY, as_json, as_lines, make_record

JSON, NDJSON = "application/json", "application/x-ndjson"


class DoorTestCase:
    url = "/api/v1/signals/"

    def give_token(self, slug="volume"):
        self.detector = make_detector(slug)
        token = self.detector.issue_token()
        self.detector.save()
        return token

    def post(self, body, content_type=JSON, token=None, url=None, **headers):
        token = self.token if token is None else token
        return self.client.post(
            url or self.url,
            body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {token}"} | headers,
            CONTENT_TYPE=content_type,  # the test client drops it when the body is empty
        )

    def assertAnswer(self, response, status, **figures):
        answer = response.json()
        self.assertEqual(response.status_code, status, answer)
        self.assertEqual({name: answer[name] for name in figures}, figures, answer)
        return answer


class SignalsTests(DoorTestCase, TestCase):
    def setUp(self):
        self.token = self.give_token()

    def post_stream(self, body, **environ):
        """As a server hands it over, which may differ from what the headers say."""
        environ = {"wsgi.input": io.BytesIO(body)} | environ
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.generic("POST", self.url, body, NDJSON, headers=headers, **environ)

    def test_the_url_is_where_detectors_look_for_it(self):
        self.assertEqual(reverse("ingest:signals"), self.url)

    def test_one_signal_is_stored_and_answered(self):
        answer = self.assertAnswer(
            self.post(as_json(make_record())), 200, stored=1, repeated=0, rejected=0, problems=[]
        )
        batch = Batch.objects.get(pk=answer["batch"])
        self.assertEqual((batch.detector, batch.door, batch.stored), (self.detector, "api", 1))

    def test_an_array_and_lines_are_stored(self):
        self.assertAnswer(self.post(as_json(make_record("a"), make_record("b"))), 200, stored=2)
        self.assertAnswer(
            self.post(as_lines(make_record("c"), make_record("d")), NDJSON), 200, stored=2
        )

    def test_gzip_is_inflated(self):
        body = gzip.compress(as_lines(make_record("a"))) + gzip.compress(as_lines(make_record("b")))
        answer = self.post(body, NDJSON, **{"Content-Encoding": "gzip"})
        self.assertAnswer(answer, 200, stored=2)

    def test_a_retry_is_repeated_and_a_changed_body_is_a_conflict(self):
        self.post(as_json(make_record()))
        self.assertAnswer(self.post(as_json(make_record())), 200, stored=0, repeated=1)
        answer = self.assertAnswer(self.post(as_json(make_record(score=0.1))), 422, rejected=1)
        self.assertEqual(answer["problems"][0]["field"], "ref")
        self.assertIn("new reference", answer["problems"][0]["reason"])
        self.assertEqual(Signal.objects.get().score, 0.9)

    def test_of_ten_lines_with_five_faults_five_are_stored_and_each_fault_is_named(self):
        lines = [make_record(f"r-{n}") for n in range(1, 11)]
        lines[1] |= {"score": float("nan")}
        lines[3] |= {"window_start": "1970-01-01T00:00:00Z"}
        lines[4] |= {"window_end": "2100-01-01T00:00:00Z"}
        lines[6] = b'{"ref": "r-7", '
        lines[8] |= {"evidence": {"note": "nu\0ll"}}
        answer = self.assertAnswer(self.post(as_lines(*lines), NDJSON), 200, stored=5, rejected=5)
        self.assertEqual(
            [(p["line"], p["field"]) for p in answer["problems"]],
            [(2, "score"), (4, "window_start"), (5, "window_end"), (7, ""), (9, "evidence.note")],
        )
        self.assertTrue(all(p["reason"] for p in answer["problems"]))
        self.assertEqual(Rejection.objects.filter(batch=answer["batch"]).count(), 5)

    def test_markup_and_right_to_left_marks_are_kept_as_they_are(self):
        prompt = "<img src=x onerror=alert(1)> \u202egnp.exe\u202c \U0001f600"
        self.assertAnswer(self.post(as_json(make_record(samples=[{"text": prompt}]))), 200)
        self.assertEqual(Signal.objects.get().samples, [{"text": prompt}])

    def test_nothing_but_faults_is_422_and_kept(self):
        self.assertAnswer(self.post(b"{"), 422, stored=0, rejected=1)
        self.assertEqual(Rejection.objects.count(), 1)

    def test_nested_brackets_are_no_500(self):
        for body in (b"[" * 2_000, b"{" * 2_000, b'{"a":' * 100_000, b"[" * 1_100 + b"]" * 1_100):
            self.assertAnswer(self.post(body), 422, stored=0)

    def test_an_empty_body_is_422_and_no_delivery(self):
        for body in (b"", b"  \n", b"[]"):
            self.assertIn("no record", self.assertAnswer(self.post(body), 422)["error"])
        self.assertFalse(Batch.objects.exists())

    def test_a_body_over_the_limit_is_413_and_stores_nothing(self):
        body = as_lines(*[make_record(f"r-{n}") for n in range(100)])
        with override_settings(INGEST_BODY_LIMIT=len(body) - 1):
            answer = self.assertAnswer(self.post(body, NDJSON), 413)
            self.assertIn("in parts", answer["error"])
            packed = self.post(gzip.compress(body), NDJSON, **{"Content-Encoding": "gzip"})
            self.assertAnswer(packed, 413)
        self.assertFalse(Batch.objects.exists())
        with override_settings(INGEST_BODY_LIMIT=len(body)):
            self.assertAnswer(self.post(body, NDJSON), 200, stored=100)

    def test_a_bomb_is_not_inflated(self):
        bomb = gzip.compress(b" " * 100_000_000)
        with override_settings(INGEST_BODY_LIMIT=2**20):
            tracemalloc.start()
            try:
                response = self.post(bomb, NDJSON, **{"Content-Encoding": "gzip"})
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        self.assertAnswer(response, 413)
        self.assertLess(peak, 20_000_000)

    def test_the_frameworks_own_body_limit_does_not_answer(self):
        body = as_lines(*[make_record(f"r-{n}") for n in range(20)])
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
            self.assertAnswer(self.post(body, NDJSON), 200, stored=20)

    def test_too_many_records_are_413(self):
        self.assertAnswer(self.post(b"1\n" * 100_001, NDJSON), 413)
        self.assertFalse(Batch.objects.exists())

    def test_broken_gzip_is_400(self):
        whole = gzip.compress(as_json(make_record()))
        for body in (b"no gzip", whole[:-9], whole + b"tail", b""):
            response = self.post(body, **{"Content-Encoding": "gzip"})
            self.assertIn(response.status_code, (400, 422), body)
            self.assertIn("error", response.json())
        self.assertFalse(Batch.objects.exists())

    def test_a_body_shorter_than_it_says_is_400(self):
        body = as_lines(make_record("a"), make_record("b"))
        response = self.post_stream(body, CONTENT_LENGTH=str(len(body) + 5))
        self.assertAnswer(response, 400)
        self.assertFalse(Batch.objects.exists())

    def test_chunks_are_read_where_the_server_ends_them(self):
        body = as_json(make_record())
        chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        ended = {"wsgi.input_terminated": True}
        self.assertAnswer(self.post_stream(body, **chunked, **ended), 200, stored=1)
        self.assertAnswer(self.post_stream(body, **chunked), 411)
        with override_settings(INGEST_BODY_LIMIT=len(body) - 1):
            self.assertAnswer(self.post_stream(body, **chunked, **ended), 413)

    def test_a_connection_that_breaks_is_400_and_stores_nothing(self):
        class Broken(io.RawIOBase):
            def read(self, size=-1):
                raise ConnectionResetError

        response = self.post_stream(b"x" * 10, **{"wsgi.input": Broken()})
        self.assertAnswer(response, 400)
        self.assertFalse(Batch.objects.exists())

    def test_other_types_and_encodings_are_415(self):
        for content_type in ("text/csv", "multipart/form-data; boundary=x", "", "text/json"):
            self.assertAnswer(self.post(as_json(make_record()), content_type), 415)
        coded = self.post(as_json(make_record()), **{"Content-Encoding": "br"})
        self.assertAnswer(coded, 415)
        with_charset = self.post(
            as_json(make_record()), f"{JSON}; charset=utf-8", Accept="text/xml"
        )
        self.assertAnswer(with_charset, 200)

    def test_missing_wrong_and_disabled_tokens_answer_alike(self):
        disabled = make_detector("off")
        disabled_token, disabled.enabled = disabled.issue_token(), False
        disabled.save()
        answers = set()
        for headers in (
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer "},
            {"Authorization": f"Basic {self.token}"},
            {"Authorization": self.token},
            {"Authorization": "Bearer sw_wrong"},
            {"Authorization": "Bearer \xff\x00"},
            {"Authorization": f"Bearer {disabled_token}"},
            {"Authorization": f"Bearer {self.token} x"},
        ):
            response = self.client.post(self.url, b"{}", content_type=JSON, headers=headers)
            self.assertEqual(response.status_code, 401, headers)
            self.assertEqual(response["WWW-Authenticate"], 'Bearer realm="stillwatch"')
            answers.add(response.content)
        self.assertEqual(len(answers), 1)
        self.assertFalse(Batch.objects.exists())

    def test_a_detector_without_a_token_has_no_way_in(self):
        Detector.objects.create(slug="bare", name="Bare", family="volume")
        self.assertAnswer(self.post(as_json(make_record()), token="x"), 401)

    def test_a_persons_session_opens_no_machines_door(self):
        self.client.force_login(make_user("ana", "analyst"))
        response = self.client.post(self.url, as_json(make_record()), content_type=JSON)
        self.assertEqual(response.status_code, 401)

    def test_a_token_opens_nothing_else(self):
        headers = {"Authorization": f"Bearer {self.token}"}
        self.assertEqual(self.post(b"{}", url="/api/v1/census/").status_code, 403)
        for url in ("/", "/api/schema/", "/detectors/"):
            response = self.client.get(url, headers=headers)
            self.assertIn(response.status_code, (302, 401, 403), url)

    def test_get_is_405_as_json(self):
        response = self.client.get(self.url, headers={"Authorization": f"Bearer {self.token}"})
        self.assertIn("error", self.assertAnswer(response, 405))

    def test_a_thousand_problems_are_listed_and_the_rest_counted(self):
        answer = self.assertAnswer(self.post(b"1\n" * 1_200, NDJSON), 422, rejected=1_200)
        self.assertEqual((len(answer["problems"]), answer["problems_left_out"]), (1_000, 200))
        self.assertEqual(Rejection.objects.count(), 1_200)


class MutatedBodyTests(DoorTestCase, HypothesisTestCase):
    def setUp(self):
        self.token = self.give_token()

    @settings(max_examples=60, deadline=None)
    @given(
        st.binary(max_size=100)
        | st.tuples(st.integers(0, 1000), st.binary(max_size=5)).map(
            lambda edit: (
                as_json(make_record())[: edit[0]] + edit[1] + as_json(make_record())[edit[0] :]
            )
        ),
        st.sampled_from([JSON, NDJSON]),
    )
    def test_no_body_is_a_500(self, body, content_type):
        self.assertIn(self.post(body, content_type).status_code, (200, 422))


class SchemaTests(TestCase):
    def test_the_schema_is_served_without_a_token(self):
        schema = self.client.get("/api/v1/signals/schema/").json()
        self.assertEqual(schema["$ref"], "#/$defs/Observation")
        self.assertIn("SharedAttribute", schema["$defs"])

    def test_openapi_tells_the_bodies_and_every_status(self):
        text = SchemaGenerator().get_schema(request=None, public=True)
        validate_schema(text)
        post = text["paths"]["/api/v1/signals/"]["post"]
        self.assertEqual(set(post["requestBody"]["content"]), {JSON, NDJSON})
        record = post["requestBody"]["content"][NDJSON]["schema"]
        self.assertEqual(record["properties"]["score"]["maximum"], 1)
        attribute = record["properties"]["attributes"]["items"]
        self.assertIn("payment", attribute["properties"]["kind"]["enum"])
        self.assertEqual(
            set(post["responses"]),
            {"200", "400", "401", "403", "411", "413", "415", "422", "503"},
        )
        self.assertEqual(post["security"], [{"detectorToken": []}])


class CensusTests(DoorTestCase, TestCase):
    url = "/api/v1/census/"

    def setUp(self):
        self.token = self.give_token("census")

    def report(self, **fields):
        return {
            "as_of": DAY.isoformat(),
            "window_start": DAY.replace(day=6).isoformat(),
            "window_end": DAY.isoformat(),
            "accounts": 1000,
            "organisations": 400,
            "attributes": [{"kind": "payment", "value": "card-1", "accounts": 2}],
            "uses": [
                {"account": {"id": name}, "kind": "payment", "value": "card-1", "count": 3}
                for name in ("a", "b")
            ],
        } | fields

    def test_a_census_is_stored_whole(self):
        answer = self.assertAnswer(self.post(json.dumps(self.report())), 201, attributes=1)
        one = Attribute.objects.get()
        self.assertEqual((one.census_id, one.accounts, one.population), (answer["census"], 2, 1000))
        self.assertEqual(AttributeUse.objects.count(), 2)
        self.assertEqual(Census.objects.get().source, "api")

    def test_a_census_that_does_not_hold_stores_nothing(self):
        value = {"kind": "payment", "value": "v", "accounts": 2}
        for field, fields in (
            ("accounts", {"accounts": 0}),
            ("attributes[1].kind", {"attributes": [value, value | {"kind": "shoe"}]}),
            ("attributes[1].value", {"attributes": [value, value | {"value": "a\0"}]}),
            ("attributes[0]", {"attributes": [value | {"accounts": 1001}]}),
            ("as_of", {"as_of": "1970-01-01T00:00:00Z"}),
            ("window_end", {"window_end": DAY.replace(day=1).isoformat()}),
            ("colour", {"colour": "red"}),
        ):
            self.assertAnswer(self.post(json.dumps(self.report(**fields))), 422, field=field)
        for body in (b"", b"[" * 3000, b"{", b"\xff"):
            self.assertAnswer(self.post(body), 422)
        self.assertFalse(Census.objects.exists())

    def test_its_token_sends_no_signals(self):
        response = self.post(as_json(make_record()), url="/api/v1/signals/")
        self.assertIn("census", self.assertAnswer(response, 403)["error"])
        self.assertFalse(Signal.objects.exists())


class RealConnectionTests(DoorTestCase, TransactionTestCase):
    def setUp(self):
        self.token = self.give_token()

    def test_two_deliveries_at_once_store_nothing_twice(self):
        body = as_lines(*[make_record(f"r-{n}", account={"id": f"a-{n}"}) for n in range(200)])
        answers, barrier = [], threading.Barrier(3)

        def deliver():
            barrier.wait(10)
            answers.append(self.post(body, NDJSON).json())
            connection.close()

        threads = [threading.Thread(target=deliver) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(sum(answer["stored"] for answer in answers), 200)
        self.assertEqual(sum(answer["repeated"] for answer in answers), 400)
        self.assertEqual((Signal.objects.count(), Account.objects.count()), (200, 200))

    def test_without_a_database_the_answer_is_503_with_retry_after(self):
        host = connection.settings_dict["HOST"]
        connection.close()
        connection.settings_dict["HOST"] = "/nowhere"
        try:
            response = self.post(as_json(make_record()))
        finally:
            connection.settings_dict["HOST"] = host
            connection.close()
        self.assertAnswer(response, 503)
        self.assertEqual(response["Retry-After"], "5")
        self.assertAnswer(self.post(as_json(make_record())), 200, stored=1)
