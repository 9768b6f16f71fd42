import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import census, wire
from ingest.wire import JSON, NDJSON, Accepted, Rejected, decode_delivery
from tests.ingest.records import as_json, as_lines, make_record

BASE = make_record()
CARD = BASE["attributes"][0]
# the quote and colon in the text stand for one pair more, once they are no longer escaped
HIDDEN_BY_AN_ESCAPE = (
    as_json(make_record(summary="sum"))
    .replace(b'"sum"', b'"a\\u0022: b"')
    .replace(b'{"ref"', b'{"ref": "x", "ref"')
)
NOBODY = {"accounts": 0, "population": 4}
EPOCH = "1970-01-01T00:00:00Z"


def decode(body, content_type=JSON):
    return list(decode_delivery(body, content_type))


def refusal(record) -> Rejected:
    [result] = decode(record if isinstance(record, bytes) else as_json(record))
    assert isinstance(result, Rejected), result
    return result


def with_attribute(**fields) -> dict:
    return make_record(attributes=[{"kind": "ip", "value": "x"} | fields])


def with_hour(**fields) -> dict:
    return make_record(activity=[{"hour": "2026-11-20T03:00:00Z", "requests": 1} | fields])


def nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


def with_evidence(evidence: bytes) -> bytes:
    return as_json(make_record(evidence={"x": 0})).replace(b'{"x": 0}', evidence)


def test_a_good_record_is_kept_as_it_is():
    [result] = decode(as_json(BASE))
    assert isinstance(result, Accepted)
    assert result.observation.samples[0].text == "<b>Solve</b> \u202etask\u202c 7"
    assert result.observation.evidence == {"requests": 9000, "median": 40.5}


@pytest.mark.parametrize(
    ("field", "record"),
    [
        ("score", make_record(score=1.5)),
        ("score", make_record(score=float("nan"))),
        ("score", make_record(score=float("-inf"))),
        ("score", make_record(score="high")),
        ("p_value", make_record(p_value=-0.1)),
        ("ref", make_record(ref="")),
        ("ref", make_record(ref="r" * 201)),
        ("summary", make_record(summary="s" * 501)),
        ("summary", make_record(summary="a\0b")),
        ("summary", make_record(summary="half \ud800 a pair")),
        ("window_start", make_record(window_start=EPOCH)),
        ("window_end", make_record(window_end="2100-01-01T00:00:00Z")),
        ("window_end", make_record(window_end="2026-11-19T00:00:00Z")),
        ("window_end", make_record(window_start="2024-01-01T00:00:00Z")),
        ("window_start", make_record(window_start="2026-11-20T00:00:00")),
        ("window_start", make_record(window_start="yesterday")),
        ("window_start", make_record(window_start=1763600000)),
        ("account.id", make_record(account={})),
        ("account.created_at", make_record(account={"id": "a", "created_at": EPOCH})),
        ("colour", make_record(colour="red")),
        ("attributes", make_record(attributes=[{"kind": "ip", "value": "x"}] * 201)),
        ("attributes[1].value", make_record(attributes=[CARD, CARD | {"value": "a\0"}])),
        ("attributes[0].kind", with_attribute(kind="shoe")),
        ("attributes[0].count", with_attribute(count=2**70)),
        ("attributes[0].prevalence", with_attribute(prevalence={"accounts": 5, "population": 4})),
        ("attributes[0].prevalence.accounts", with_attribute(prevalence=NOBODY)),
        ("activity[0].hour", with_hour(hour="2026-11-20T03:30:00Z")),
        ("activity[0].requests", with_hour(requests=-1)),
        ("samples[0].text", make_record(samples=[{"text": "t" * 4001}])),
        ("evidence.a.b[1]", make_record(evidence={"a": {"b": ["fine", "nu\0ll"]}})),
        ("evidence.n[0]", make_record(evidence={"n": [10**30]})),
        ("evidence", make_record(evidence={"text": "x" * 17_000})),
        ("", make_record(samples=[{"text": "t" * 4000}] * 20, evidence={"text": "x" * 200_000})),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_field(field, record):
    refused = refusal(record)
    assert refused.field == field
    assert len(refused.reason) > 10
    assert "`" not in refused.reason, "the decoder's own words got through"


@pytest.mark.parametrize("depth", [21, 1_100, 2_000, 20_000])
def test_nesting_is_refused_before_anything_recurses(depth):
    assert refusal(with_evidence(nested(depth))).field.startswith("evidence.a.a")


def test_nesting_within_the_limit_is_taken():
    [result] = decode(with_evidence(nested(20)))
    assert isinstance(result, Accepted)


@pytest.mark.parametrize(
    "body", [b"[" * 2_000, b"[" * 100_000, nested(100_000), b"[" + nested(1_100) + b"]"]
)
def test_a_body_of_brackets_is_one_rejection(body):
    assert [type(result) for result in decode(body)] == [Rejected]


def test_brackets_inside_strings_are_text():
    [result] = decode(as_json(make_record(summary='[{"' * 100)))
    assert isinstance(result, Accepted)


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("ref", as_json(BASE).replace(b'"ref": "r-1"', b'"ref": "r-1", "ref" : "r-2"')),
        ("evidence.a.b", with_evidence(b'{"a": {"b": 1, "c": 2, "b": 3}}')),
        ("account.id", as_json(BASE).replace(b'"id":', b'"\\u0069d": "x", "id":')),
        ("ref", HIDDEN_BY_AN_ESCAPE),
    ],
)  # fmt: skip
def test_a_key_that_is_there_twice_is_refused(field, body):
    refused = refusal(body)
    assert (refused.field, "twice" in refused.reason) == (field, True)


def test_spelling_out_a_default_is_no_repeated_key():
    [result] = decode(as_json(make_record(group_key="", account={"id": "a", "plan": ""})))
    assert isinstance(result, Accepted)


def test_broken_json_in_line_7_of_10_costs_that_line_alone():
    lines = [make_record(f"r-{n}") for n in range(1, 11)]
    lines[6] = b'{"ref": "r-7", "account": {"id" "acct"}}'
    results = decode(as_lines(*lines), NDJSON)
    assert [r.line for r in results if isinstance(r, Rejected)] == [7]
    assert [r.observation.ref for r in results if isinstance(r, Accepted)] == [
        f"r-{n}" for n in (1, 2, 3, 4, 5, 6, 8, 9, 10)
    ]


def test_blank_lines_count_and_hold_nothing():
    results = decode(as_lines(make_record("a"), b"", b"  ", make_record("b")), NDJSON)
    assert [r.line for r in results] == [1, 4]


def test_a_line_longer_than_a_record_does_not_swallow_the_next():
    results = decode(as_lines(b"x" * 700_000, make_record("b")), NDJSON)
    assert [type(r) for r in results] == [Rejected, Accepted]


@pytest.mark.parametrize(
    "broken", [b"{,}", b'{"a": NaN}', with_evidence(nested(1_100)), b'"', b"1"]
)
def test_a_broken_element_of_an_array_costs_itself_alone(broken):
    good = [as_json(make_record(ref)) for ref in "ab"]
    results = decode(b"[" + b",".join([good[0], broken, good[1]]) + b"]")
    if broken != b'"':  # an open string swallows what follows; nothing before it is lost
        assert [type(r) for r in results] == [Accepted, Rejected, Accepted]
    assert isinstance(results[0], Accepted)
    assert any(isinstance(r, Rejected) for r in results)


def test_an_array_that_is_cut_off_is_told():
    whole = as_json(make_record("a"), make_record("b"))
    results = decode(whole[:-1])
    assert [type(r) for r in results] == [Accepted, Accepted, Rejected]


def test_too_many_records_are_refused_as_a_whole(monkeypatch):
    monkeypatch.setattr(wire, "RECORDS_PER_DELIVERY", 3)
    for body, content_type in ((b"1\n" * 4, NDJSON), (b"[1,2,3,4]", JSON)):
        with pytest.raises(wire.DeliveryTooLarge):
            decode(body, content_type)


def test_a_retry_has_the_digest_of_the_first_try_however_it_is_spaced():
    [one] = decode(as_json(BASE))
    [two] = decode(json.dumps(dict(reversed(BASE.items())), indent=2).encode())
    [other] = decode(as_json(make_record(score=0.91)))
    assert one.digest == two.digest != other.digest


def test_an_observation_made_in_python_is_held_to_the_same_rules():
    good = msgspec.convert(BASE, wire.Observation)
    assert isinstance(wire.check(good, 1), Accepted)
    for field, value in (
        ("score", float("nan")),
        ("summary", "a\0b"),
        ("window_start", datetime(2026, 11, 20)),
    ):
        refused = wire.check(msgspec.structs.replace(good, **{field: value}), 1)
        assert isinstance(refused, Rejected) and refused.field == field
    loop = {}
    loop["self"] = loop
    for evidence in ({"x": object()}, {"x": "\ud800"}, loop):
        assert isinstance(wire.check(msgspec.structs.replace(good, evidence=evidence), 1), Rejected)


def test_the_schema_names_every_field_of_the_struct():
    schema = wire.json_schema()
    assert set(schema["$defs"]["Observation"]["properties"]) == {
        field.name for field in msgspec.structs.fields(wire.Observation)
    }


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
word = text.filter(bool)
moment = st.datetimes(
    datetime(2015, 1, 2), datetime(2026, 11, 1), timezones=st.sampled_from([UTC, None])
).map(lambda m: m.replace(tzinfo=UTC))
anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | text
    | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
observation = st.builds(
    wire.Observation,
    ref=word,
    account=st.builds(wire.AccountRef, id=word, organisation=text, created_at=st.none() | moment),
    window_start=moment,
    window_end=moment,
    score=st.floats(0, 1),
    p_value=st.none() | st.floats(0, 1),
    summary=word,
    attributes=st.lists(
        st.builds(wire.SharedAttribute, kind=st.sampled_from(wire.Kind.__args__), value=word),
        max_size=3,
    ),
    activity=st.lists(
        st.builds(
            wire.ActivityHour,
            hour=moment.map(lambda m: m.replace(minute=0, second=0, microsecond=0)),
            requests=st.integers(0, 2**31 - 1),
        ),
        max_size=3,
    ),
    samples=st.lists(st.builds(wire.Sample, text=text), max_size=2),
    evidence=st.dictionaries(text, anything, max_size=3),
).filter(lambda o: timedelta() <= o.window_end - o.window_start <= timedelta(days=400))


@settings(max_examples=100, deadline=None)
@given(st.lists(observation, max_size=4))
def test_what_holds_comes_back_as_it_was_sent(observations):
    lines = b"\n".join(msgspec.json.encode(o) for o in observations)
    array = msgspec.json.encode(observations)
    for body, content_type in ((lines, NDJSON), (array, JSON)):
        assert [r.observation for r in decode(body, content_type)] == observations


def hold(body):
    """Whatever the bytes: no exception, and every result can be stored and shown."""
    for content_type in (JSON, NDJSON):
        for result in decode(body, content_type):
            if isinstance(result, Rejected):
                assert result.field.isprintable() and len(result.field) <= 200
                assert result.reason.isprintable() and 0 < len(result.reason) <= 500
            else:
                assert b"\\u0000" not in msgspec.json.encode(result.observation)
    try:
        census.decode_census(body)
    except census.BadCensus as error:
        assert str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
def test_arbitrary_bytes_never_raise(body):
    hold(body)


@settings(max_examples=200, deadline=None)
@given(anything | st.lists(anything))
def test_arbitrary_json_never_raises(value):
    hold(json.dumps(value).encode())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=6)), max_size=4)
)
def test_a_mutated_record_never_raises(edits):
    body = as_json(BASE, make_record("r-2", evidence={"a": {"b": [1, "\\", '"']}}))
    for place, cut, insert in edits:
        place %= len(body)
        body = body[:place] + insert + body[place + cut :]
    hold(body)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_record_with_a_field_of_another_kind_never_raises(data):
    record = make_record()
    field = data.draw(st.sampled_from([*record, "account.id", "attributes.0.value", "new"]))
    value = data.draw(anything | st.integers() | st.text(max_size=5) | st.just(float("nan")))
    first, *rest = field.split(".")
    if len(rest) == 2:
        record[first][int(rest[0])][rest[1]] = value
    elif rest:
        record[first][rest[0]] = value
    else:
        record[first] = value
    hold(json.dumps(record).encode())
