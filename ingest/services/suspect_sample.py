"""Asks an OpenAI-compatible endpoint for a suspect's answers, within a budget.

What a request may cost is set aside, durably, before it is sent, and settled with its answer: a
worker killed in between loses that much of the budget, and never overruns it.
"""

import json
import logging
import random
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least
from django.utils import timezone

from ingest.crypto import CannotOpen, unseal
from ingest.models import SuspectTest, SuspectText
from ingest.outbound import Answer, Forbidden, NoAnswer, NotSent, request
from ingest.services.suspects import token_purpose

log = logging.getLogger(__name__)

SECONDS = 50.0  # for one answer; below the silence after which a worker is taken for dead
RETRIED = {408, 425, 429, 500, 502, 503, 504, 529}
PATIENCE = 8  # failures in a row, then the test fails and keeps what it has
LONGEST_REST = 600.0


class EndpointFailed(Exception):
    """The endpoint cannot be sampled; the message says why and what to do."""


class Resting(Exception):
    """The endpoint asked for a pause: resume_at is set."""


def ask_next(test: SuspectTest) -> bool:
    """Send the next prompt and keep its answer. False: no prompt or no budget is left.

    Raises EndpointFailed, or Resting after a failure that may pass.
    """
    waiting = SuspectText.objects.filter(
        test=test, role=SuspectText.Role.OUTPUT, answered_at=None
    ).order_by("number")
    prompt = waiting.first()
    if prompt is None or not _set_aside(test):
        return False
    try:
        answer = _send(test, prompt.prompt)
    except Forbidden as error:
        _give_back(test, requests=1, tokens=test.answer_tokens)
        raise EndpointFailed(
            f"{error}. A host of your own network is allowed by name in SUSPECT_PRIVATE_HOSTS."
        ) from None
    except NotSent as error:
        _give_back(test, requests=1, tokens=test.answer_tokens)
        _rest(test, f"nothing could be sent: {error}", None)
    except NoAnswer as error:
        _rest(test, str(error), None)  # it may have been paid for: nothing is given back
    if answer.status in RETRIED:
        _give_back(test, tokens=test.answer_tokens)
        _rest(test, f"it answered {answer.status}", answer.retry_after(timezone.now()))
    if answer.status != 200:
        _give_back(test, tokens=test.answer_tokens)
        raise EndpointFailed(f"The endpoint answered {answer.status}: {_hint(answer.status)}")
    text, used = _read(answer.body, test.answer_tokens)
    _keep(test, prompt, text, used)
    return True


def _set_aside(test: SuspectTest) -> bool:
    return bool(
        SuspectTest.objects.filter(
            pk=test.pk,
            requests_spent__lt=F("request_budget"),
            tokens_spent__lte=F("token_budget") - test.answer_tokens,
        ).update(
            requests_spent=F("requests_spent") + 1,
            tokens_spent=F("tokens_spent") + test.answer_tokens,
        )
    )


def _give_back(test: SuspectTest, *, requests: int = 0, tokens: int = 0) -> None:
    SuspectTest.objects.filter(pk=test.pk).update(
        requests_spent=F("requests_spent") - requests, tokens_spent=F("tokens_spent") - tokens
    )


def _send(test: SuspectTest, prompt: str) -> Answer:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if test.sealed_token:
        try:
            token = unseal(test.sealed_token, purpose=token_purpose(test.url))
        except CannotOpen as error:
            raise EndpointFailed(f"Its key cannot be opened: {error}. Ask for it anew.") from None
        headers["Authorization"] = f"Bearer {token.decode()}"
    body = {
        "model": test.model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": test.answer_tokens,
        "temperature": test.temperature,
        "n": 1,
        "stream": False,
    }
    return request(
        "POST",
        f"{test.url.rstrip('/')}/chat/completions",
        headers=headers,
        body=json.dumps(body).encode(),
        allowed_private_hosts=settings.SUSPECT_PRIVATE_HOSTS,
        seconds=SECONDS,
    )


def _read(body: bytes, most: int) -> tuple[str, int]:
    """The answer's text and the tokens that it cost; not said: as many as it could have had."""
    try:
        record = json.loads(body)
        text = record["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        text = None
        record = {}
    if text is not None and not isinstance(text, str):
        text = None
    if text is None:
        raise EndpointFailed(
            "The endpoint answered 200 without choices[0].message.content: it is not compatible "
            "with OpenAI's chat completions."
        )
    usage = record.get("usage")
    used = usage.get("completion_tokens") if isinstance(usage, dict) else None
    known = type(used) is int and 0 <= used < 2**31
    clean = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean, used if known else most


@transaction.atomic
def _keep(test: SuspectTest, prompt: SuspectText, text: str, used: int) -> None:
    kept = SuspectText.objects.filter(pk=prompt.pk, answered_at=None).update(
        text=text, answered_at=timezone.now()
    )
    if kept:
        SuspectTest.objects.filter(pk=test.pk).update(
            # an endpoint that gave more than it was allowed has used the budget up, not overrun it
            tokens_spent=Least(F("tokens_spent") - test.answer_tokens + used, F("token_budget")),
            failures=0,
            resume_at=None,
        )


def _rest(test: SuspectTest, problem: str, asked: float | None) -> None:
    """Note a failure that may pass, and when to go on. Raises Resting, or EndpointFailed."""
    failures = test.failures + 1
    pause = asked if asked is not None else min(2.0**failures, LONGEST_REST)
    pause = min(pause, LONGEST_REST) + random.uniform(0, 1)
    SuspectTest.objects.filter(pk=test.pk).update(
        failures=failures, resume_at=timezone.now() + timedelta(seconds=pause)
    )
    test.failures = failures
    log.warning("%s: %s, failure %s in a row", test.ref, problem, failures)
    if failures >= PATIENCE:
        raise EndpointFailed(f"The endpoint failed {failures} times in a row; last: {problem}.")
    raise Resting(problem)


def _hint(status: int) -> str:
    return {
        401: "its key is missing or wrong.",
        403: "its key may not do this.",
        404: "is the address its base, such as https://host/v1, and the model's name right?",
        400: "it does not take the request; is the model's name right?",
    }.get(status, "it does not take the request.")
