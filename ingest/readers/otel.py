"""OpenTelemetry's GenAI spans, as OTLP/JSON: a file of the collector, a batch of spans a line.

Source: open-telemetry/semantic-conventions-genai (Development) and the OTLP specification's JSON
mapping: attributes are lists of {key, value: {stringValue | intValue, a text | doubleValue |
boolValue | arrayValue | kvlistValue}}, times are nanoseconds as text. Names of before 1.37 and
OpenLLMetry's indexed prompts are read as well. The conventions count cached tokens among the input
tokens. A span names an account by user.id, enduser.id, enduser.pseudo.id, or a key that the
operator maps, on the span or on its resource.
"""

from ibis.backends.duckdb import Backend

from ingest.readers.duck import text
from ingest.readers.found import Found
from ingest.readers.json_files import json_source
from ingest.readers.opened import IS_REQUEST, PARENT, Opened, opened_view

FORM = "otel"
ATTRIBUTES = 'STRUCT("key" VARCHAR, "value" JSON)[]'
SHAPE = {
    "resourceSpans": f"STRUCT(resource STRUCT(attributes {ATTRIBUTES}), scopeSpans STRUCT(spans "
    "STRUCT(traceId VARCHAR, spanId VARCHAR, parentSpanId VARCHAR, kind VARCHAR, "
    "startTimeUnixNano VARCHAR, endTimeUnixNano VARCHAR, status JSON, "
    f'attributes {ATTRIBUTES}, events STRUCT("name" VARCHAR, attributes {ATTRIBUTES})[])[])[])[]'
}
ACCOUNT = ("user.id", "enduser.id", "enduser.pseudo.id")
INFERENCE = ("chat", "generate_content", "text_completion", "embeddings", "completion")
LATEST = 4_102_444_800 * 10**9  # 2100, in nanoseconds
PROMPTS = r"^gen_ai\.prompt\.[0-9]+\.role$"


def fits(columns: set[str]) -> bool:
    """Whether a log with these columns (in small letters) is OTLP/JSON of spans."""
    return "resourcespans" in columns


def open_otel(connection: Backend, found: Found, mapping: dict[str, str]) -> Opened:
    """Raises LogError. Spans of agents, tools and HTTP are left out, and so are requests inside
    another one: a gateway's and its client's span are of one request."""
    batches = f"SELECT unnest(resourceSpans) AS r FROM {json_source(found, SHAPE)}"
    scopes = f"SELECT r.resource.attributes AS ra, unnest(r.scopeSpans) AS s FROM ({batches})"
    spans = f"SELECT ra, unnest(s.spans) AS span FROM ({scopes})"
    source = (
        "(SELECT span.*, span.attributes AS a, ra, "
        "list_transform(span.attributes, lambda x: x.key) AS k, "
        f"list_transform(ra, lambda x: x.key) AS rk FROM ({spans}))"
    )
    operation = _said("gen_ai.operation.name", "llm.request.type")
    model = _said("gen_ai.request.model", "gen_ai.response.model")
    code = _said("http.response.status_code", "http.status_code", "error.type")
    listed = ", ".join(text(one) for one in INFERENCE)
    is_request = f"coalesce({operation} IN ({listed}), {model} IS NOT NULL)"
    started, ended = (f"try_cast({end}TimeUnixNano AS HUGEINT)" for end in ("start", "end"))
    fields = {
        "request_id": _span("spanId"),
        "at": f"CASE WHEN {started} BETWEEN 1 AND {LATEST} "
        f"THEN make_timestamp(({started} // 1000)::BIGINT)::TIMESTAMPTZ END",
        "account_id": _anywhere(*ACCOUNT),
        "session_id": _said("gen_ai.conversation.id", "session.id"),
        "ip": f"coalesce({_said('client.address', 'http.client_ip')}, "
        # the peer of a client's span is the provider
        f"CASE WHEN kind IN ('2', 'SPAN_KIND_SERVER') THEN {_said('network.peer.address')} END)",
        "user_agent": _said("user_agent.original", "http.user_agent"),
        "provider": _said("gen_ai.provider.name", "gen_ai.system"),
        "model": model,
        "operation": operation,
        "prompt": f"CASE WHEN {is_request} THEN {_prompt()} END",
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
    return opened_view(
        connection,
        FORM,
        source,
        fields,
        mapping=mapping,
        lookup=_anywhere,
        available=[],
        found=found,
        spoken={
            "account_id": ", ".join(ACCOUNT),
            "at": "startTimeUnixNano",
            "prompt": "gen_ai.input.messages",
        },
        extra={IS_REQUEST: is_request, PARENT: _span("parentSpanId")},
        others="are spans of agents, tools or HTTP",
    )


def _value(key: str, values: str = "a", keys: str = "k") -> str:
    return f"{values}[list_position({keys}, {text(key)})].value"


def _said(*keys: str) -> str:
    """The first of these attributes of the span that says something, as text."""
    found = ", ".join(f"nullif(trim(otlp_text({_value(key)})), '')" for key in keys)
    return f"coalesce({found})"


def _anywhere(*keys: str) -> str:
    """The same on the span, and then on its resource."""
    found = ", ".join(f"nullif(trim(otlp_text({_value(key, 'ra', 'rk')})), '')" for key in keys)
    return f"coalesce({_said(*keys)}, {found})"


def _span(column: str) -> str:
    return f"CASE WHEN {column} <> '' THEN traceId || ':' || {column} END"


def _prompt() -> str:
    """From the attribute, from OpenLLMetry's indexed ones, or from a legacy event."""
    last = (
        "list_max(list_transform(list_filter(a, lambda x: "
        f"regexp_matches(x.key, '{PROMPTS}') AND otlp_text(x.value) = 'user'), "
        "lambda x: try_cast(split_part(x.key, '.', 3) AS INT)))"
    )
    indexed = f"a[list_position(k, 'gen_ai.prompt.' || {last} || '.content')].value"
    event = (
        "list_filter(list_transform(list_filter(flatten(list_transform(list_filter(events, lambda "
        "e: e.name IN ('gen_ai.content.prompt', 'gen_ai.user.message', "
        "'gen_ai.client.inference.operation.details')), lambda e: e.attributes)), lambda x: x.key "
        "IN ('gen_ai.prompt', 'content', 'gen_ai.event.content', 'gen_ai.input.messages')), "
        "lambda x: otlp_prompt(x.value)), lambda t: t IS NOT NULL)[-1]"
    )
    return (
        f"coalesce(otlp_prompt({_value('gen_ai.input.messages')}), "
        f"content_text(try_cast(otlp_text({indexed}) AS JSON)), otlp_text({indexed}), "
        f"otlp_prompt({_value('gen_ai.prompt')}), {event})"
    )
