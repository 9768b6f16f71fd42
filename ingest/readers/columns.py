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
}
REQUIRED = ("at", "account_id")

# What the desk stores is bounded (ingest/wire.py): values differ in their beginning or not at all.
LONGEST = {"account_id": 200, "organisation": 200, "plan": 60, "model": 80} | dict.fromkeys(
    ("ip", "asn", "user_agent", "payment", "email_domain", "registration", "device"), 500
)

# The first of these that the log has is taken; the field's own name always comes first.
USUAL_NAMES = {
    "request_id": ("id", "event_id", "litellm_call_id", "x-request-id", "uuid"),
    "at": ("ts", "timestamp", "time", "observed_at", "starttime", "start_time", "created_at"),
    "account_id": ("account", "account_ref", "user_id", "user", "customer_id", "end_user"),
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
    "prompt": ("prompt_text", "last_user_message", "input", "messages"),
    "input_tokens": ("prompt_tokens", "tokens_in", "gen_ai.usage.input_tokens"),
    "cached_tokens": ("cached_input_tokens", "cache_read_input_tokens", "input_cached_tokens"),
    "output_tokens": ("completion_tokens", "tokens_out", "gen_ai.usage.output_tokens"),
    "reasoning_tokens": ("reasoning_output_tokens", "tokens_reasoning"),
    "status": ("response_code", "status_code", "http_status"),
    "stop_reason": ("finish_reason", "finish_reasons"),
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
                f"it has {_some(columns)}"
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
                    f"--map {field}=COLUMN; it has {_some(columns)}"
                )
    return found


def _some(columns: list[str], most: int = 30) -> str:
    names = ", ".join(name[:60] for name in columns[:most])
    return names + (f" and {len(columns) - most} more" if len(columns) > most else "")
