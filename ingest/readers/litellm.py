"""LiteLLM's logs: StandardLoggingPayload, one a line, and rows of the table LiteLLM_SpendLogs.

Source: LiteLLM's StandardLoggingPayload specification and database schema, 1.109. Token counts are
OpenAI's, cached ones included, for every provider. Times are epoch seconds in the payload; the
table's are UTC, with or without saying so. Prompts are there only where the proxy stores them.
"""

from ibis.backends.duckdb import Backend

from ingest.readers.files import open_files
from ingest.readers.found import Found
from ingest.readers.opened import JsonColumns, Opened, first_of, opened_view

FORM = "litellm"
SPOKEN = {
    "account_id": "metadata.user_api_key_user_id, user, or the API key",
    "at": "startTime",
    "prompt": "messages",
    "request_id": "id or request_id",
}


def fits(columns: set[str]) -> bool:
    """Whether a log with these columns (in small letters) is one of LiteLLM's."""
    return {"starttime", "call_type"} <= columns and bool(columns & {"metadata", "spend"})


def open_litellm(connection: Backend, found: Found, mapping: dict[str, str]) -> Opened:
    """Raises LogError."""
    table = open_files(connection, found)
    c = JsonColumns(table)
    key = first_of(c.inside("metadata", "user_api_key_hash"), c.text("api_key"))
    person = first_of(c.inside("metadata", "user_api_key_user_id"), c.text("user"))
    usage = ("metadata", "usage_object")
    code = first_of(
        c.inside("error_information", "error_code"),
        c.inside("metadata", "error_information", "error_code"),
    )
    error = first_of(
        c.inside("error_information", "error_class"),
        c.inside("metadata", "error_information", "error_class"),
    )
    ended, started = c.text("endTime"), c.text("startTime")
    fields = {
        "request_id": first_of(c.text("id"), c.text("request_id"), c.text("litellm_call_id")),
        "at": c.raw("startTime") or "NULL::VARCHAR",
        "account_id": first_of(person, key),
        "organisation": first_of(
            c.inside("metadata", "user_api_key_org_id"), c.text("organization_id"),
            c.inside("metadata", "user_api_key_team_id"), c.text("team_id"),
        ),
        "api_key_id": key,
        "end_user_id": first_of(
            c.text("end_user"), c.inside("metadata", "user_api_key_end_user_id")
        ),
        "session_id": first_of(c.text("session_id"), c.text("trace_id")),
        "ip": first_of(
            c.text("requester_ip_address"), c.inside("metadata", "requester_ip_address")
        ),
        "user_agent": first_of(c.text("user_agent"), c.inside("metadata", "user_agent")),
        "email_domain": "nullif(split_part("
        + c.inside("metadata", "user_api_key_user_email")
        + ", '@', 2), '')",
        "provider": c.text("custom_llm_provider"),
        "model": first_of(c.text("model"), c.text("model_group")),
        "operation": c.text("call_type"),
        "prompt": first_of(
            *(
                f"prompt_of({sql})"
                for sql in (c.text("messages"), c.inside("proxy_server_request", "messages"))
                if not sql.startswith("NULL::")
            ),
            "NULL::VARCHAR",
        ),
        "input_tokens": c.text("prompt_tokens"),
        "cached_tokens": first_of(
            c.inside(*usage, "prompt_tokens_details", "cached_tokens"),
            c.inside(*usage, "cache_read_input_tokens"),
            c.inside("metadata", "additional_usage_values", "cache_read_input_tokens"),
        ),
        "output_tokens": c.text("completion_tokens"),
        "reasoning_tokens": c.inside(*usage, "completion_tokens_details", "reasoning_tokens"),
        "status": f"""CASE
            WHEN regexp_full_match({code}, '[1-5][0-9]{{2}}') THEN {code}
            WHEN {error} = 'RateLimitError' THEN '429'
            WHEN {first_of(c.text("status"), c.inside("metadata", "status"))} = 'success' THEN 'ok'
            WHEN {first_of(c.text("status"), c.inside("metadata", "status"))} = 'failure'
            THEN 'error' END""",
        "stop_reason": c.inside("response", "choices", "[0]", "finish_reason"),
        "latency_ms": first_of(
            c.text("request_duration_ms"),
            f"round((try_cast({ended} AS DOUBLE) - try_cast({started} AS DOUBLE)) * 1000)::VARCHAR",
        ),
    }  # fmt: skip
    return opened_view(
        connection,
        FORM,
        table.get_name(),
        fields,
        mapping=mapping,
        lookup=c.lookup,
        available=c.names,
        found=found,
        spoken=SPOKEN,
        extra={"by_key": f"{person} IS NULL AND {key} IS NOT NULL"},
        zone="UTC",
        flags={}
        if "account_id" in mapping
        else {"by_key": "no user is named, the API key stands for the account: {n:,} lines"},
    )
