"""OpenTelemetry's GenAI spans, as OTLP/JSON: a file of the collector, a batch of spans a line.

Source: open-telemetry/semantic-conventions-genai (Development) and the OTLP specification's JSON
mapping: attributes are lists of {key, value: {stringValue | intValue, a text | doubleValue |
boolValue | arrayValue | kvlistValue}}, times are nanoseconds as text. Names of before 1.37 and
OpenLLMetry's indexed prompts are read as well. The conventions count cached tokens among the input
tokens. A span names an account by user.id, enduser.id, enduser.pseudo.id, or a key that the
operator maps, on the span or on its resource.
"""

import json
from collections.abc import Iterator

from ibis.backends.duckdb import Backend

from ingest.readers.duck import run, text
from ingest.readers.found import Found
from ingest.readers.gaps import Gap
from ingest.readers.json_files import json_objects
from ingest.readers.messages import REDACTED
from ingest.readers.opened import IS_REQUEST, PARENT, Opened, opened_view

FORM = "otel"
VALUE = {
    **dict.fromkeys(("stringValue", "intValue", "doubleValue", "boolValue"), "VARCHAR"),
    **dict.fromkeys(("arrayValue", "kvlistValue"), "JSON"),
}
ATTRIBUTES = [{"key": "VARCHAR", "value": VALUE}]
SPAN = {
    **dict.fromkeys(("traceId", "spanId", "parentSpanId", "kind"), "VARCHAR"),
    **dict.fromkeys(("startTimeUnixNano", "endTimeUnixNano"), "VARCHAR"),
    "status": "JSON",
    "attributes": ATTRIBUTES,
    "events": [{"name": "VARCHAR", "attributes": ATTRIBUTES}],
}
BATCH = {
    "resourceSpans": [{"resource": {"attributes": ATTRIBUTES}, "scopeSpans": [{"spans": [SPAN]}]}]
}
ACCOUNT = ("user.id", "enduser.id", "enduser.pseudo.id")
INFERENCE = ("chat", "generate_content", "text_completion", "embeddings", "completion")
EVENTS = (
    "gen_ai.content.prompt", "gen_ai.user.message", "gen_ai.client.inference.operation.details",
)  # fmt: skip
TOLD_IN_EVENTS = ("gen_ai.prompt", "content", "gen_ai.event.content", "gen_ai.input.messages")
LATEST = 4_102_444_800 * 10**9  # 2100, in nanoseconds


def fits(columns: set[str]) -> bool:
    """Whether a log with these columns (in small letters) is OTLP/JSON of spans."""
    return "resourcespans" in columns


def open_otel(connection: Backend, found: Found, mapping: dict[str, str]) -> Opened:
    """Raises LogError. Spans of agents, tools and HTTP are left out, and so are requests inside
    another one: a gateway's and its client's span are of one request."""
    # what may stand on the resource, read once a batch and not once a span
    shared = {key: f"shared_{n}" for n, key in enumerate((*ACCOUNT, *mapping.values()))}

    def anywhere(*keys: str) -> str:
        return f"coalesce({_said(*keys)}, {', '.join(shared[key] for key in keys)})"

    operation = _said("gen_ai.operation.name", "llm.request.type")
    model = _said("gen_ai.request.model", "gen_ai.response.model")
    code = _said("http.response.status_code", "http.status_code", "error.type")
    started, ended = (f"try_cast({end}TimeUnixNano AS HUGEINT)" for end in ("start", "end"))
    fields = {
        "request_id": _span("spanId"),
        "at": f"CASE WHEN {started} BETWEEN 1 AND {LATEST} "
        f"THEN make_timestamp(({started} // 1000)::BIGINT)::TIMESTAMPTZ END",
        "account_id": anywhere(*ACCOUNT),
        "session_id": _said("gen_ai.conversation.id", "session.id"),
        "ip": f"coalesce({_said('client.address', 'http.client_ip')}, "
        # the peer of a client's span is the provider
        f"CASE WHEN kind IN ('2', 'SPAN_KIND_SERVER') THEN {_said('network.peer.address')} END)",
        "user_agent": _said("user_agent.original", "http.user_agent"),
        "provider": _said("gen_ai.provider.name", "gen_ai.system"),
        "model": model,
        "operation": operation,
        "prompt": f"CASE WHEN {IS_REQUEST} THEN {_prompt()} END",
        "input_tokens": _said("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "cached_tokens": _said("gen_ai.usage.cache_read.input_tokens"),
        "output_tokens": _said("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "reasoning_tokens": _said("gen_ai.usage.reasoning.output_tokens"),
        "status": f"""CASE WHEN regexp_full_match({code}, '[1-5][0-9]{{2}}') THEN {code}
            WHEN regexp_matches({code}, '(?i)rate_?limit') THEN '429'
            WHEN {code} IS NOT NULL OR (status ->> 'code') IN ('2', 'STATUS_CODE_ERROR')
            THEN 'error' ELSE 'ok' END""",
        "stop_reason": _said("gen_ai.response.finish_reasons", "gen_ai.response.stop_reason"),
        "latency_ms": f"try_cast(({ended} - nullif({started}, 0)) // 1000000 AS BIGINT)",
    }
    is_request = f"coalesce({operation} IN ({_listed(INFERENCE)}), {model} IS NOT NULL)"
    return opened_view(
        connection,
        FORM,
        f"(SELECT *, {is_request} AS {IS_REQUEST} FROM ({_spans(found, shared)}))",
        fields,
        mapping=mapping,
        lookup=anywhere,
        available=[],
        found=found,
        spoken={
            "account_id": ", ".join(ACCOUNT),
            "at": "startTimeUnixNano",
            "prompt": "gen_ai.input.messages",
        },
        extra={IS_REQUEST: IS_REQUEST, PARENT: _span("parentSpanId")},
        others="are spans of agents, tools or HTTP",
        gaps=tuple(_strange_lines(connection, found)),
    )


def _strange_lines(connection: Backend, found: Found) -> Iterator[Gap]:
    [(n,)] = run(
        connection,
        f"SELECT count(*) FROM {json_objects(found)} "
        "WHERE json_type(json, '$.resourceSpans') IS DISTINCT FROM 'ARRAY'",
    )
    if n:
        yield Gap("", f"left out, since they are no batches of spans: {n:,} lines")


def _spans(found: Found, shared: dict[str, str]) -> str:
    """SELECT of one row a span: its own columns, keys and texts of its attributes, and what the
    resource says under some keys."""
    whole = (
        f"SELECT json_transform(json, {text(json.dumps(BATCH))}) AS b FROM {json_objects(found)}"
    )
    batches = f"SELECT unnest(b.resourceSpans) AS r FROM ({whole})"
    taken = ", ".join(f"{_pick(key, 'rk', 'rt')} AS {column}" for key, column in shared.items())
    scopes = (
        f"SELECT {taken}, unnest(scopes) AS s FROM (SELECT r.scopeSpans AS scopes, "
        f"{_keys('r.resource.attributes', 'rk', 'rt')} FROM ({batches}))"
    )
    carried = ", ".join(shared.values())
    spans = f"SELECT {carried}, unnest(s.spans) AS span FROM ({scopes})"
    return f"SELECT {carried}, span.*, {_keys('span.attributes', 'k', 't')} FROM ({spans})"


def _keys(attributes: str, keys: str, texts: str) -> str:
    return (
        f"list_transform({attributes}, lambda x: x.key) AS {keys}, "
        f"list_transform({attributes}, lambda x: any_text(x.value)) AS {texts}"
    )


def _pick(key: str, keys: str, texts: str) -> str:
    return f"nullif(trim({texts}[list_position({keys}, {text(key)})]), '')"


def _said(*keys: str) -> str:
    """The first of these attributes of the span that says something, as text."""
    return f"coalesce({', '.join(_pick(key, 'k', 't') for key in keys)}, NULL)"


def _span(column: str) -> str:
    return f"CASE WHEN {column} <> '' THEN traceId || ':' || {column} END"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(text(value) for value in values)


def _prompt() -> str:
    """From the attribute, from OpenLLMetry's indexed ones, or from a legacy event."""
    whole, legacy = (
        f"any_prompt(attributes[list_position(k, {text(key)})].value)"
        for key in ("gen_ai.input.messages", "gen_ai.prompt")
    )
    last = (
        "list_max(list_transform(list_filter(attributes, lambda x: starts_with(x.key, "
        "'gen_ai.prompt.') AND ends_with(x.key, '.role') AND x.value.stringValue = 'user'), "
        "lambda x: try_cast(split_part(x.key, '.', 3) AS INT)))"
    )
    indexed = f"t[list_position(k, 'gen_ai.prompt.' || {last} || '.content')]"
    event = (
        "list_filter(list_transform(list_filter(flatten(list_transform(list_filter(events, lambda "
        f"e: e.name IN ({_listed(EVENTS)})), lambda e: e.attributes)), lambda x: x.key IN "
        f"({_listed(TOLD_IN_EVENTS)})), lambda x: any_prompt(x.value)), "
        "lambda t: t IS NOT NULL)[-1]"
    )
    parts = f"content_text(try_cast({indexed} AS JSON))"
    return f"nullif(coalesce({whole}, {parts}, {indexed}, {legacy}, {event}), {text(REDACTED)})"
