"""The signal as it travels. The only place that knows the format."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal[
    "ip", "ip_prefix", "asn", "payment", "email_domain", "registration", "device",
    "user_agent", "template", "harness", "partner_token",
]  # fmt: skip
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Tokens = Annotated[int, Meta(ge=0, le=2**53)]


class AccountRef(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The account that a signal is about, as the platform names it."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    organisation: Annotated[str, Meta(max_length=200)] = ""
    plan: Annotated[str, Meta(max_length=60)] = ""
    created_at: Moment | None = None
    is_aggregate: bool = False


class Prevalence(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How many accounts of the whole population, flagged or not, carry a value."""

    accounts: Count
    population: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    organisations: Count | None = None


class SharedAttribute(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A value that the account carried and others may share."""

    kind: Kind
    value: Annotated[str, Meta(min_length=1, max_length=500)]
    label: Annotated[str, Meta(max_length=500)] = ""
    first_at: Moment | None = None
    last_at: Moment | None = None
    count: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    prevalence: Prevalence | None = None


class ActivityHour(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An hour of the account on one model. What is left out was not recorded; it is not 0."""

    hour: Moment
    model: Annotated[str, Meta(max_length=80)] = ""
    requests: Count
    input_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    refusals: Count | None = None
    templates: Count | None = None
    extraction_requests: Count | None = None


class Sample(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A prompt, as evidence. Written by a stranger."""

    text: Annotated[str, Meta(max_length=4000)]
    at: Moment | None = None
    model: Annotated[str, Meta(max_length=80)] = ""


class Observation(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One detector's observation about one account over a window: what becomes a Signal."""

    ref: Annotated[str, Meta(min_length=1, max_length=200)]
    account: AccountRef
    window_start: Moment
    window_end: Moment
    score: Annotated[float, Meta(ge=0, le=1)]
    summary: Annotated[str, Meta(min_length=1, max_length=500)]
    p_value: Annotated[float, Meta(ge=0, le=1)] | None = None
    group_key: Annotated[str, Meta(max_length=200)] = ""
    detector_version: Annotated[str, Meta(max_length=40)] = ""
    attributes: Annotated[list[SharedAttribute], Meta(max_length=200)] = []
    activity: Annotated[list[ActivityHour], Meta(max_length=2000)] = []
    samples: Annotated[list[Sample], Meta(max_length=20)] = []
    evidence: dict = {}
