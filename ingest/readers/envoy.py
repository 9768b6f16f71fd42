"""Envoy AI Gateway's access logs: JSON lines under keys that the operator chose.

Source: Envoy AI Gateway, "Access Logs With AI/LLM Metadata": the older set of keys (genai_…) and
the newer one (gen_ai.…). No key names an account: an operator says which header was logged for it.
Envoy writes "-" for what is not there. The rate limit's answer (429) has no tokens and is a
request.
"""

from ibis.backends.duckdb import Backend

from ingest.readers.columns import some
from ingest.readers.errors import LogError
from ingest.readers.files import open_files
from ingest.readers.found import Found
from ingest.readers.opened import IS_REQUEST, JsonColumns, Opened, first_of, opened_view

FORM = "envoy"
KEYS = {
    "model": ("gen_ai.request.model", "genai_model_name", "x-ai-eg-model"),
    "provider": ("gen_ai.provider.name", "genai_backend_name"),
    "input_tokens": ("gen_ai.usage.input_tokens", "genai_tokens_input", "llm_input_token"),
    "output_tokens": ("gen_ai.usage.output_tokens", "genai_tokens_output", "llm_output_token"),
    "cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "genai_tokens_cached_input",
        "llm_cached_input_token",
    ),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "llm_reasoning_token"),
    "request_id": ("x-request-id",),
    "at": ("start_time",),
    "user_agent": ("user-agent",),
    "session_id": ("session.id", "gen_ai.conversation.id"),
    "status": ("response_code",),
    "latency_ms": ("duration",),
    "operation": ("x-envoy-origin-path", "request.path", "path"),
}  # fmt: skip
MARKS = {"genai_model_name", "genai_tokens_input", "x-envoy-origin-path", "x-ai-eg-model"}


def fits(columns: set[str]) -> bool:
    """Whether a log with these columns (in small letters) is an access log of the gateway."""
    return bool(columns & MARKS) or {"gen_ai.request.model", "response_code", "start_time"} <= (
        columns
    )


def open_envoy(connection: Backend, found: Found, mapping: dict[str, str]) -> Opened:
    """Raises LogError, also when no header is named for the account."""
    table = open_files(connection, found)
    c = JsonColumns(table)

    def logged(*keys: str) -> str:
        return first_of(*(_there(c.text(key)) for key in keys))

    def lookup(given: str) -> str | None:
        return None if c.lookup(given) is None else _there(c.lookup(given))

    if "account_id" not in mapping:
        raise LogError(
            f"{found.location}: an access log names no account: log the header that does, and say "
            f"--map account_id=KEY; it has {some(c.names)}"
        )
    fields = {target: logged(*keys) for target, keys in KEYS.items()}
    # Clients write what they like into x-forwarded-for; its last entry is from the nearest proxy.
    # Envoy's own remote address is that of the client, after its rules about trusted hops.
    fields["ip"] = first_of(
        _without_port(logged("downstream_remote_address")),
        f"trim(split_part({logged('x-forwarded-for')}, ',', -1))"
        if c.raw("x-forwarded-for")
        else "NULL::VARCHAR",
    )
    model, tokens, status = fields["model"], fields["input_tokens"], fields["status"]
    return opened_view(
        connection,
        FORM,
        table.get_name(),
        {target: sql for target, sql in fields.items() if not sql.startswith("NULL::")},
        mapping=mapping,
        lookup=lookup,
        available=c.names,
        found=found,
        spoken={target: keys[0] for target, keys in KEYS.items()},
        # health checks and lists of models; a refusal may come before the model is known
        extra={
            IS_REQUEST: f"{model} IS NOT NULL OR {tokens} IS NOT NULL "
            f"OR coalesce({status}, '') IN ('429', '401', '403')"
        },
        others="name no model and no tokens",
    )


def _there(sql: str) -> str:
    return sql if sql.startswith("NULL::") else f"nullif(({sql})::VARCHAR, '-')"


def _without_port(sql: str) -> str:
    return (
        sql if sql.startswith("NULL::") else rf"trim(regexp_replace({sql}, ':[0-9]+$', ''), '[]')"
    )
