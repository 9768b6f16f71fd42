"""The normal form of a request log: which columns, of which type, under which usual names."""

from ingest.readers.errors import LogError

TYPES = {
    "request_id": "string",
    "at": "timestamp",
    "account_id": "string",
    "organisation": "string",
    "plan": "string",
    "account_created_at": "timestamp",
    "api_key_id": "string",
    "ip": "string",
    "asn": "string",
    "user_agent": "string",
    "payment": "string",
    "email_domain": "string",
    "registration": "string",
    "device": "string",
    "model": "string",
    "prompt": "string",
    "input_tokens": "int64",
    "cached_tokens": "int64",
    "output_tokens": "int64",
    "reasoning_tokens": "int64",
    "status": "string",
    "stop_reason": "string",
    "end_user_id": "string",  # whom an account that stands for many people names
    "session_id": "string",
    "provider": "string",
    "operation": "string",
    "latency_ms": "int64",
}
# What a detector loses nothing by: not listed as missing.
CONTEXT = ("end_user_id", "session_id", "provider", "operation", "latency_ms")
REQUIRED = ("at", "account_id")

# What the desk stores is bounded (ingest/wire.py): values differ in their beginning or not at all.
LONGEST = (
    {"account_id": 200, "organisation": 200, "plan": 60, "model": 80}
    | dict.fromkeys(
        ("ip", "asn", "user_agent", "payment", "email_domain", "registration", "device"), 500
    )
    | dict.fromkeys(("end_user_id", "session_id", "provider", "operation"), 200)
)

# Columns that hold a whole conversation as JSON, or one text: the last user message is the prompt.
CONVERSATIONS = ("input", "messages", "gen_ai.input.messages")

# The first of these that the log has is taken; the field's own name always comes first.
USUAL_NAMES = {
    "request_id": ("id", "event_id", "litellm_call_id", "x-request-id", "uuid"),
    "at": ("ts", "timestamp", "time", "observed_at", "starttime", "start_time", "created_at"),
    "account_id": (
        "account", "account_ref", "user_id", "user", "customer_id", "user.id", "enduser.id",
        "enduser.pseudo.id", "end_user",
    ),
    "organisation": (
        "organization", "org_id", "organisation_id", "organization_id", "org", "org_ref",
        "team_id", "workspace_id",
    ),
    "plan": ("tier", "service_tier", "account_plan"),
    "account_created_at": ("account_created", "account_created_time", "signup_at"),
    "api_key_id": ("api_key_hash", "api_key", "key_id"),
    "ip": ("ip_address", "client_ip", "requester_ip_address", "remote_addr", "client.address"),
    "asn": ("as_number", "client_asn"),
    "user_agent": ("user-agent", "useragent", "user_agent.original"),
    "payment": ("payment_fingerprint", "card_fingerprint", "payment_method", "payment_id"),
    "email_domain": ("mail_domain",),
    "registration": ("registration_pattern", "signup_pattern"),
    "device": ("device_id", "device_fingerprint"),
    "model": ("model_name", "gen_ai.request.model", "model_group"),
    "prompt": ("prompt_text", "last_user_message", *CONVERSATIONS),
    "input_tokens": ("prompt_tokens", "tokens_in", "gen_ai.usage.input_tokens"),
    "cached_tokens": (
        "cached_input_tokens", "cache_read_input_tokens", "input_cached_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ),
    "output_tokens": ("completion_tokens", "tokens_out", "gen_ai.usage.output_tokens"),
    "reasoning_tokens": (
        "reasoning_output_tokens", "tokens_reasoning", "gen_ai.usage.reasoning.output_tokens",
    ),
    "status": ("response_code", "status_code", "http_status"),
    "stop_reason": ("finish_reason", "finish_reasons", "gen_ai.response.finish_reasons"),
    "end_user_id": ("end_user", "end_user_ref"),
    "session_id": ("session", "conversation_id", "gen_ai.conversation.id", "session.id"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "custom_llm_provider"),
    "operation": ("gen_ai.operation.name", "call_type"),
    "latency_ms": ("duration_ms", "request_duration_ms", "delay_ms"),
}  # fmt: skip


def resolve(columns: list[str], mapping: dict[str, str], location: str) -> dict[str, str]:
    """Which column of the log gives which field. Names are compared without regard to case.

    mapping is what the operator said, field to column, and wins. Raises LogError for a field that
    does not exist, a column that the log lacks, and a required field that nothing gives.
    """
    by_folded = {column.casefold(): column for column in reversed(columns)}
    found = {}
    for field, column in mapping.items():
        if field not in TYPES:
            raise LogError(f"--map {field}=…: no such field; the fields are {', '.join(TYPES)}")
        actual = column if column in columns else by_folded.get(column.casefold())
        if actual is None:
            raise LogError(
                f"--map {field}={column}: {location} has no column {column!r}; "
                f"it has {some(columns)}"
            )
        found[field] = actual
    for field in TYPES:
        if field in found:
            continue
        for name in (field, *USUAL_NAMES[field]):
            if name in by_folded:
                found[field] = by_folded[name]
                break
        else:
            if field in REQUIRED:
                raise LogError(
                    f"{location} has no column for {field}: say which one it is with "
                    f"--map {field}=COLUMN; it has {some(columns)}"
                )
    return found


def some(columns: list[str], most: int = 30) -> str:
    names = ", ".join(name[:60] for name in columns[:most])
    return names + (f" and {len(columns) - most} more" if len(columns) > most else "")
