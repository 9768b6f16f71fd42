"""A test of a suspect model is asked for here; suspect_run does the work, whoever is killed."""

import secrets
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from ingest.crypto import seal
from ingest.models import Job, SuspectResult, SuspectTest, SuspectText, WatermarkKey
from ingest.services import jobs
from ingest.services.watermark import WatermarkError, tokenize_with
from ingest.watermark.control import KEYS
from ingest.watermark.lines import Line

KIND = "suspect"
LINES = 50_000
MOST_KEYS = 1000
MOST_REQUESTS, MOST_TOKENS, MOST_ANSWER = 20_000, 20_000_000, 4096


@transaction.atomic
def request_outputs_test(
    *,
    actor: User | None,
    name: str,
    outputs: Sequence[Line],
    marked: Sequence[Line] = (),
    how: str = "",
    tokenizer: str = "",
    keys: Sequence[WatermarkKey] | None = None,
    with_retired: bool = False,
) -> SuspectTest:
    """Ask for a test of outputs that were handed in.

    tokenizer names what gave the token ids, if some are given. marked is text known to carry a
    key: a line that names one serves that key, others every key. keys None: all active ones.
    """
    if not outputs:
        raise WatermarkError("There is no output in it: a JSON object a line, with text or tokens.")
    if len(outputs) > LINES or len(marked) > LINES:
        raise WatermarkError(f"At most {LINES:,} lines each: take a random part of them.")
    if any(line.tokens or line.prompt_tokens for line in [*outputs, *marked]):
        if not tokenizer:
            raise WatermarkError("Token ids are given: name the tokenizer that they come from.")
        tokenize_with(tokenizer)
    tried = _keys(keys, with_retired)
    by_ref = {key.ref: key.pk for key in tried}
    for line in marked:
        if line.key and line.key not in by_ref:
            raise WatermarkError(
                f"Marked text, line {line.number}: {line.key[:40]} is not among the keys tried."
            )
    test = _new_test(
        actor, name, how, tried, source=SuspectTest.Source.UPLOAD, tokenizer=tokenizer,
        total=len(tried),
    )  # fmt: skip
    now = timezone.now()
    _copy(_rows(test.pk, SuspectText.Role.OUTPUT, outputs, {}, now))
    _copy(_rows(test.pk, SuspectText.Role.MARKED, marked, by_ref, now))
    return test


@transaction.atomic
def request_sampling(
    *,
    actor: User | None,
    name: str,
    url: str,
    model: str,
    prompts: Sequence[Line],
    token: str = "",
    how: str = "",
    temperature: float = 1.0,
    answer_tokens: int = 512,
    request_budget: int,
    token_budget: int,
    keys: Sequence[WatermarkKey] | None = None,
    with_retired: bool = False,
) -> SuspectTest:
    """Ask for an OpenAI-compatible endpoint to be sampled, a request a prompt, and tested.

    url is its base, such as https://host/v1. Neither budget is ever overrun: what a request may
    cost is set aside before it is sent.
    """
    _check_url(url)
    for label, number, most in (
        ("requests", request_budget, MOST_REQUESTS),
        ("tokens", token_budget, MOST_TOKENS),
        ("tokens an answer", answer_tokens, MOST_ANSWER),
    ):
        if not 1 <= number <= most:
            raise WatermarkError(f"Budget of {label}: from 1 to {most:,}.")
    if not 0 <= temperature <= 2:
        raise WatermarkError("Temperature: from 0 to 2.")
    if token_budget < answer_tokens:
        raise WatermarkError("The budget of tokens is less than one answer may have.")
    if not prompts:
        raise WatermarkError("There is no prompt to send: one a line.")
    if not model.strip() or "\0" in model or len(model) > 120:
        raise WatermarkError("Name the model as the endpoint calls it.")
    if not token.isascii() or not token.isprintable() or len(token) > 4000:
        raise WatermarkError("The endpoint's key holds a character that no header can carry.")
    tried, prompts = _keys(keys, with_retired), prompts[:request_budget]
    test = _new_test(
        actor, name, how, tried, source=SuspectTest.Source.ENDPOINT,
        total=len(tried) + len(prompts), url=url, model=model.strip(), temperature=temperature,
        answer_tokens=answer_tokens, request_budget=request_budget, token_budget=token_budget,
        sealed_token=seal(token.encode(), purpose=token_purpose(url)) if token else b"",
    )  # fmt: skip
    _copy(_rows(test.pk, SuspectText.Role.OUTPUT, prompts, {}, None))
    return test


def cancel_test(test: SuspectTest, *, actor: User) -> None:
    """Stop it. What was sampled and scored stays. Raises WatermarkError where it is over."""
    if not jobs.cancel(test.job):
        raise WatermarkError(f"{test.ref} is over already.")


def token_purpose(url: str) -> str:
    """Binds an endpoint's key to its address: it is sent nowhere else."""
    return f"suspect endpoint {url}"


def _keys(keys: Sequence[WatermarkKey] | None, with_retired: bool) -> list[WatermarkKey]:
    if keys is None:
        found = WatermarkKey.objects.order_by("pk")
        if not with_retired:
            found = found.filter(state=WatermarkKey.State.ACTIVE)
        keys = list(found[: MOST_KEYS + 1])
    if not keys:
        raise WatermarkError("There is no active key to try: make one first.")
    if len(keys) > MOST_KEYS:
        raise WatermarkError(f"More than {MOST_KEYS:,} keys: choose those that could be in it.")
    return list(keys)


def _new_test(actor, name: str, how: str, tried, *, total: int, **fields) -> SuspectTest:
    name = name.replace("\0", "").strip()
    if not 0 < len(name) <= 120:
        raise WatermarkError("Name the model, in at most 120 characters.")
    job = Job.objects.create(kind=KIND, started_by=actor, total=total)
    test = SuspectTest.objects.create(
        name=name,
        how=how.replace("\0", "").strip()[:2000],
        seed=secrets.randbelow(2**31),
        control_keys=KEYS,
        job=job,
        requested_by=actor,
        **fields,
    )
    SuspectResult.objects.bulk_create(SuspectResult(test=test, key=key) for key in tried)
    return test


def _rows(test: int, role: str, lines: Iterable[Line], keys: dict[str, int], answered):
    for line in lines:
        yield (
            test, role, line.number, keys.get(line.key or ""), line.prompt or "",
            line.prompt_tokens, line.text or "", line.tokens, answered,
        )  # fmt: skip


def _copy(rows: Iterable[tuple]) -> None:
    columns = "test_id, role, number, key_id, prompt, prompt_tokens, text, tokens, answered_at"
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {SuspectText._meta.db_table} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _check_url(url: str) -> None:
    """What can be said without asking the network; the guard says the rest when it is sent."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        readable = parts.port is None or parts.port > 0
    except ValueError:
        host, readable = "", False
    allowed = {name.lower() for name in settings.SUSPECT_PRIVATE_HOSTS}
    if (
        not readable
        or not host
        or len(url) > 300
        or not url.isascii()
        or any(c.isspace() for c in url)
        or parts.scheme not in ("http", "https")
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise WatermarkError("Address: https://host/v1, without user name, query or fragment.")
    if parts.scheme == "http" and host not in allowed:
        raise WatermarkError(
            "Address: it must begin with https://. A host of your own network is allowed by name "
            "in SUSPECT_PRIVATE_HOSTS."
        )
