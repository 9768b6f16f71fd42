"""What gateways, proxies and providers write down, in small logs of their documented shapes."""

import gzip
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from ingest.readers import LogError, UsageExport, open_logs, read_logs, read_usage
from ingest.readers.messages import REDACTED
from ingest.wire import ActivityHour

FIXTURES = Path(__file__).parent / "fixtures"
MOMENT = datetime(2026, 11, 2, 8, 15, 2, 417000)
TENANT = {"account_id": "x-tenant-id"}


def rows(name, **options):
    """The requests of a fixture, in the order of time and id, without what is not recorded."""
    requests = open_logs(str(FIXTURES / name), **options).order_by("at", "request_id")
    return [
        {field: value for field, value in row.items() if value is not None}
        for row in requests.to_pyarrow().to_pylist()
    ]


def words(log) -> str:
    return "\n".join(map(str, log.gaps))


# OpenTelemetry


def test_a_span_of_a_model_call_gives_every_field_that_it_records():
    span = rows("otel.jsonl")[0]
    assert span == {
        "request_id": "5b8efff798038103d269b633813fc60c:eee19b7ec3c1b174",
        "at": MOMENT,
        "account_id": "user-1",
        "ip": "203.0.113.7",
        "user_agent": "orion-python/2.1",
        "model": "orion-large",
        "prompt": "And a <b>retort</b>?",
        "input_tokens": 1200,  # the conventions count the cached ones among them
        "cached_tokens": 1000,
        "output_tokens": 340,
        "reasoning_tokens": 128,
        "status": "ok",
        "stop_reason": "stop",
        "session_id": "conv-5",
        "provider": "anthropic",
        "operation": "chat",
        "latency_ms": 1830,
    }


def test_spans_of_agents_tools_and_http_and_calls_inside_a_call_are_not_requests():
    log = read_logs(str(FIXTURES / "otel.jsonl"))
    assert log.form == "otel"
    assert log.requests.count().execute() == log.lines == 3
    assert "agents, tools or HTTP: 3 lines" in words(log)
    assert "part of another request, not counted again: 1" in words(log)


def test_a_failed_call_keeps_its_reason_and_the_providers_address_is_nobodys():
    refused, served = rows("otel.jsonl")[1:]
    assert refused["status"] == "429" and refused["account_id"] == "pseudo-2"
    assert "ip" not in refused, "the peer of a client's span is the provider"
    assert "input_tokens" not in refused, "what is not recorded is not 0"
    assert served["ip"] == "198.51.100.9" and served["status"] == "200"
    assert served["prompt"] == "As a JSON text"


def test_legacy_names_indexed_prompts_and_events_are_read_too():
    indexed, event = rows("otel_legacy.jsonl")
    assert indexed["prompt"] == "What is OpenTelemetry?", "10 comes after 1, not before 2"
    assert (indexed["input_tokens"], indexed["output_tokens"]) == (31, 12)
    assert indexed["provider"] == "openai"
    assert indexed["account_id"] == "resource-user", "also on the resource"
    assert event["prompt"] == "From an event"


def test_what_a_proxy_redacted_in_a_span_is_not_a_prompt(tmp_path):
    body = (FIXTURES / "otel_legacy.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(body.replace("What is OpenTelemetry?", REDACTED))
    assert open_logs(str(tmp_path)).prompt.to_pyarrow().to_pylist().count(None) == 1


def test_the_account_of_a_span_may_be_a_key_that_the_operator_names():
    log = read_logs(str(FIXTURES / "otel.jsonl"), mapping={"account_id": "tenant.id"})
    assert log.requests.account_id.to_pyarrow().to_pylist() == ["tenant-9"]
    assert log.without_account == 2
    with pytest.raises(LogError, match=r"no line has an account in 'nothing\.here'.*--map"):
        read_logs(str(FIXTURES / "otel.jsonl"), mapping={"account_id": "nothing.here"})


def test_one_spread_out_document_reads_like_lines(tmp_path):
    lines = (FIXTURES / "otel.jsonl").read_text().splitlines()
    (tmp_path / "spread.json").write_text(
        "\n".join(json.dumps(json.loads(line), indent=2) for line in lines)
    )
    (tmp_path / "array.json").write_text("[" + ",\n".join(lines) + "]")
    for name in ("spread.json", "array.json"):
        assert open_logs(str(tmp_path / name)).count().execute() == 3


def test_a_log_of_other_spans_says_so(tmp_path):
    line = json.loads((FIXTURES / "otel.jsonl").read_text().splitlines()[0])
    spans = line["resourceSpans"][0]["scopeSpans"][0]["spans"]
    line["resourceSpans"][0]["scopeSpans"][0]["spans"] = spans[-1:]
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(LogError, match=r"no model request; all its lines \(1\) are spans of"):
        read_logs(str(tmp_path / "log.jsonl"))


# LiteLLM


def test_a_standard_logging_payload_gives_person_organisation_and_what_was_said():
    first, text, redacted, refused, failed = rows("litellm_payload.jsonl")
    assert first["account_id"] == "user-1" and first["organisation"] == "org-3"
    assert first["end_user_id"] == "customer-77" and first["email_domain"] == "uni.example"
    assert first["at"] == MOMENT and first["latency_ms"] == 1500
    assert (first["input_tokens"], first["cached_tokens"]) == (30, 20)
    assert (first["output_tokens"], first["reasoning_tokens"]) == (12, 8)
    assert first["prompt"] == "What is this?", "pictures are not said"
    assert text["prompt"] == "plain text prompt" and "end_user_id" not in text
    assert "prompt" not in redacted, "else everybody shares the words of the redaction"
    assert (refused["status"], refused["prompt"]) == ("429", "as a dict")
    assert "cached_tokens" not in refused
    assert failed["status"] == "error" and failed["account_id"] == "service-key"


def test_a_key_that_stands_for_an_account_is_told():
    log = read_logs(str(FIXTURES / "litellm_payload.jsonl"))
    assert log.form == "litellm"
    assert "the API key stands for the account: 1 lines" in words(log)
    mapped = read_logs(
        str(FIXTURES / "litellm_payload.jsonl"),
        mapping={"account_id": "metadata.user_api_key_team_id"},
    )
    assert "API key stands" not in words(mapped) and mapped.without_account == 1
    assert set(mapped.requests.account_id.to_pyarrow().to_pylist()) == {"team-2"}


@pytest.mark.parametrize("name", ["litellm_spend.jsonl", "litellm_spend.csv", "spend.parquet"])
def test_rows_of_spend_logs_read_alike_from_every_kind_of_file(tmp_path, name):
    path = FIXTURES / name
    if name.endswith(".parquet"):
        path = tmp_path / name
        pq.write_table(pyarrow.csv.read_csv(FIXTURES / "litellm_spend.csv"), path)
    stored, refused = rows(path)
    assert stored["at"] == datetime(2026, 11, 2, 8, 15, 1, 417000), "the table's times are UTC"
    assert stored["prompt"] == "stored by the proxy" and "prompt" not in refused
    assert stored["account_id"] == "user-1" and refused["account_id"] == "88dc28d0"
    assert stored["organisation"] == "team-2" and stored["session_id"] == "sess-1"
    assert stored["cached_tokens"] == 7 and "cached_tokens" not in refused
    assert (stored["status"], refused["status"]) == ("ok", "429")
    assert not {"ip", "end_user_id"} & stored.keys(), "an empty text is not recorded"


# Envoy AI Gateway


@pytest.mark.parametrize("name", ["envoy_older.jsonl", "envoy_newer.jsonl"])
def test_both_published_sets_of_keys_are_known(name):
    first = rows(name, mapping=TENANT)[0]
    assert first["at"] == MOMENT and first["model"] == "orion-small"
    assert (first["input_tokens"], first["output_tokens"]) == (15, 7)
    assert (first["status"], first["latency_ms"]) == ("200", 1526)
    assert first["ip"] == "203.0.113.7", "not what the client wrote into x-forwarded-for"


def test_an_access_log_wants_the_header_that_names_the_account():
    with pytest.raises(LogError, match=r"names no account.*--map account_id=KEY.*x-tenant-id"):
        read_logs(str(FIXTURES / "envoy_older.jsonl"))
    with pytest.raises(LogError, match=r"has no 'x-customer'; it has .*x-tenant-id"):
        read_logs(str(FIXTURES / "envoy_older.jsonl"), mapping={"account_id": "x-customer"})


def test_a_refused_request_counts_a_health_check_does_not_and_a_dash_is_nothing():
    log = read_logs(str(FIXTURES / "envoy_older.jsonl"), mapping=TENANT)
    refused = rows("envoy_older.jsonl", mapping=TENANT)[1]
    assert (refused["status"], refused["ip"]) == ("429", "2001:db8::5")
    assert not {"input_tokens", "output_tokens"} & refused.keys()
    assert "name no model and no tokens: 1 lines" in words(log)
    assert log.without_account == 1 and log.requests.count().execute() == 2
    assert "no prompts: template, behaviour and content are not tested" in words(log)


# usage exports


def test_an_openai_export_gives_rates_by_account_and_nothing_else():
    usage = read_usage(str(FIXTURES / "openai_usage_*.json"))
    assert (usage.form, usage.account, usage.width) == (
        "openai-usage",
        "user_id",
        timedelta(0, 3600),
    )
    assert (usage.lines, usage.repeated, usage.without_account) == (5, 0, 1)
    hours = list(usage.hours())
    assert ("user-2", hour(7, requests=900)) in hours and ("user-1", hour(9, requests=1)) in hours
    assert len(hours) == 4
    assert "totals" in words(usage) and "template" in words(usage)
    assert "last page" not in words(usage)


def hour(of_day, **figures):
    tokens = {"input_tokens": 1000, "cached_tokens": 800, "output_tokens": 500}
    moment = datetime(2026, 11, 2, of_day, tzinfo=UTC)
    return ActivityHour(hour=moment, model="gpt-4o-mini", **tokens, **figures)


def test_an_anthropic_export_has_tokens_of_one_meaning_and_unknown_requests():
    usage = read_usage(str(FIXTURES / "anthropic_usage.json"))
    [bucket] = usage.buckets.to_pyarrow().to_pylist()
    assert bucket["requests"] is None, "unknown, not 0"
    assert bucket["input_tokens"] == 1500 + 200 + 1000 + 500 and bucket["cached_tokens"] == 200
    assert list(usage.hours()) == []
    assert "stay unknown, not 0" in words(usage) and "last page is missing" in words(usage)


def test_a_usage_export_is_never_taken_for_requests():
    for name in ("openai_usage_1.json", "anthropic_usage.json"):
        with pytest.raises(UsageExport, match="totals of rates, no requests"):
            read_logs(str(FIXTURES / name))
    with pytest.raises(LogError, match="a log of requests"):
        read_usage(str(FIXTURES / "otel.jsonl"))


def test_a_bucket_that_is_exported_again_counts_once_with_its_later_figure(tmp_path):
    page = json.loads((FIXTURES / "openai_usage_1.json").read_text())
    (tmp_path / "1.json").write_text(json.dumps(page))
    page["data"][0]["results"][1]["num_model_requests"] = 950
    (tmp_path / "2.json").write_text(json.dumps(page))
    usage = read_usage(str(tmp_path))
    assert usage.repeated == 3
    assert {row["requests"] for row in usage.buckets.to_pyarrow().to_pylist()} == {5, 950, 2}


def test_exports_of_two_bucket_widths_and_ungrouped_ones_are_refused(tmp_path):
    page = json.loads((FIXTURES / "openai_usage_1.json").read_text())
    page["data"][1] = {**page["data"][0], "end_time": page["data"][0]["start_time"] + 86_400}
    (tmp_path / "log.json").write_text(json.dumps(page))
    with pytest.raises(LogError, match=r"buckets of 1:00:00 and 1 day.*one bucket_width"):
        read_usage(str(tmp_path / "log.json"))
    for result in page["data"][0]["results"]:
        result.update(user_id=None, project_id=None)
    (tmp_path / "log.json").write_text(json.dumps({**page, "data": page["data"][:1]}))
    with pytest.raises(LogError, match="names an account: export it grouped by user_id and model"):
        read_usage(str(tmp_path / "log.json"))


def test_the_account_of_an_export_may_be_another_of_its_keys():
    usage = read_usage(str(FIXTURES / "openai_usage_*.json"), mapping={"account_id": "project_id"})
    assert {name for name, _ in usage.hours()} == {"proj_a"}
    with pytest.raises(LogError, match="no result names api_key_id"):
        read_usage(str(FIXTURES / "openai_usage_1.json"), mapping={"account_id": "api_key_id"})


# which format


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["otel.jsonl", "litellm_payload.jsonl", "litellm_spend.csv"])
def test_packed_logs_are_recognised_and_read_alike(tmp_path, name, suffix):
    body = (FIXTURES / name).read_bytes()
    packed = gzip.compress(body) if suffix == ".gz" else zstandard.compress(body)
    (tmp_path / f"{name}{suffix}").write_bytes(packed)
    assert rows(tmp_path / f"{name}{suffix}") == rows(name)


def test_two_formats_in_one_folder_are_refused_by_name(tmp_path):
    for name in ("otel.jsonl", "litellm_payload.jsonl"):
        shutil.copy(FIXTURES / name, tmp_path)
    with pytest.raises(LogError, match=r"looks like otel and litellm: .*--format"):
        read_logs(str(tmp_path))


def test_a_format_that_does_not_fit_or_does_not_exist_is_refused():
    with pytest.raises(LogError, match=r"--format envoy: .* does not look like it"):
        read_logs(str(FIXTURES / "otel.jsonl"), format="envoy")
    with pytest.raises(
        LogError, match="--format cloud: no such format; the formats are plain, otel"
    ):
        read_logs(str(FIXTURES / "otel.jsonl"), format="cloud")
    plain = read_logs(str(FIXTURES / "litellm_payload.jsonl"), format="plain", zone="UTC",
                      mapping={"account_id": "end_user"})  # fmt: skip
    assert plain.form == "plain" and plain.without_account == 1
