"""Events of orders and appeals, told to addresses outside. The row is the queue of record."""

import base64
import json
import random
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from cases.connectors.webhook import signed
from cases.crypto import CannotOpen, seal, unseal
from cases.errors import CaseError
from cases.hooked import HOOKED
from cases.models import EventHook, HookDelivery
from ingest.outbound import NoAnswer, NotSent, request

State = HookDelivery.State
TRIES = 12
LEASE = timedelta(seconds=60)
BATCH = 200


@transaction.atomic
def set_up_hook(
    slug: str,
    *,
    actor: User | None,
    url: str,
    events: Iterable[str] = (),
    allowed_private_hosts: Iterable[str] = (),
) -> tuple[EventHook, str]:
    """Make a hook, or bring the one of that slug up to date. The secret is shown this once.

    events: kinds of event; all unless told. Raises CaseError for what could never work.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", slug):
        raise CaseError("The short name is of small letters, digits and dashes.")
    kinds = sorted(set(events) or HOOKED)
    if unknown := [kind for kind in kinds if kind not in HOOKED]:
        raise CaseError(f"{unknown[0][:40]!r} is no event that is told: see docs/acting.md.")
    hosts = sorted({host.rstrip(".").lower() for host in allowed_private_hosts})
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query:
        raise CaseError("The address must be https://host/path, without user name or query.")
    if parts.scheme == "http" and host not in hosts:
        raise CaseError("The address must begin with https://, or its host be allowed by name.")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    hook, _ = EventHook.objects.update_or_create(
        slug=slug,
        defaults={
            "url": url,
            "events": kinds,
            "sealed_secret": seal(secret.encode(), purpose=f"hook {slug}"),
            "allowed_private_hosts": hosts,
            "enabled": True,
            "failures": 0,
            "open_until": None,
        },
        create_defaults={
            "url": url,
            "events": kinds,
            "sealed_secret": seal(secret.encode(), purpose=f"hook {slug}"),
            "allowed_private_hosts": hosts,
            "made_by": actor,
        },
    )
    return hook, secret


def switch_hook(hook: EventHook, *, actor: User, on: bool) -> EventHook:
    """Off: nothing new is told, and what waits waits. On: it goes on, rested."""
    EventHook.objects.filter(pk=hook.pk).update(enabled=on, failures=0, open_until=None)
    hook.refresh_from_db()
    return hook


def tell_hooks(limit: int = BATCH) -> int:
    """The sweep: send what is due. Any number may run at once. Returns how many were tried."""
    tried = 0
    while tried < limit and (delivery := _take()):
        _send(delivery)
        tried += 1
    return tried


def _take() -> HookDelivery | None:
    now = timezone.now()
    rested = Q(hook__open_until=None) | Q(hook__open_until__lte=now)
    with transaction.atomic():
        delivery = (
            HookDelivery.objects.filter(
                rested, state=State.WAITING, due_at__lte=now, hook__enabled=True
            )
            .select_related("hook")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("due_at", "id")
            .first()
        )
        if delivery is None:
            return None
        delivery.attempts += 1
        delivery.due_at = now + LEASE  # a killed worker's is due again by itself
        delivery.save(update_fields=["attempts", "due_at"])
    return delivery


def _send(delivery: HookDelivery) -> None:
    hook, status, wait = delivery.hook, None, None
    body = json.dumps(delivery.body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    try:
        secret = unseal(hook.sealed_secret, purpose=f"hook {hook.slug}").decode()
        answer = request(
            "POST",
            hook.url,
            headers={
                **signed(secret, str(delivery.key), body),
                "Content-Type": "application/json",
            },
            body=body.encode(),
            allowed_private_hosts=tuple(hook.allowed_private_hosts),
        )
    except (NotSent, NoAnswer, CannotOpen) as error:
        problem = str(error)
    else:
        status, problem = answer.status, f"answered {answer.status}"
        wait = answer.retry_after(timezone.now())
        if 200 <= status < 300:
            _settle(delivery, state=State.SENT, due_at=None, last_status=status, last_error="",
                    sent_at=timezone.now())  # fmt: skip
            EventHook.objects.filter(pk=hook.pk, failures__gt=0).update(failures=0, open_until=None)
            return
        if status == 410:
            EventHook.objects.filter(pk=hook.pk).update(enabled=False)
            problem = "answered 410: the hook is switched off"
    _again(delivery, problem, status, wait)


def _again(delivery: HookDelivery, problem: str, status: int | None, wait: float | None) -> None:
    final = status is not None and 300 <= status < 500 and status not in (408, 410, 425, 429)
    fields = {"last_status": status, "last_error": problem[:300]}
    if final or delivery.attempts >= TRIES:
        _settle(delivery, state=State.FAILED, due_at=None, **fields)
    else:
        rest = max(min(2.0**delivery.attempts, 1800.0) * random.uniform(0.5, 1.0), wait or 0.0)
        _settle(delivery, due_at=timezone.now() + timedelta(seconds=rest), **fields)
    EventHook.objects.filter(pk=delivery.hook_id).update(failures=F("failures") + 1)
    hook = EventHook.objects.get(pk=delivery.hook_id)
    if hook.failures >= 5:
        rest = min(30.0 * 2 ** min(hook.failures - 5, 5), 900.0)
        EventHook.objects.filter(pk=hook.pk).update(
            open_until=timezone.now() + timedelta(seconds=rest)
        )


def _settle(delivery: HookDelivery, **fields) -> None:
    HookDelivery.objects.filter(
        pk=delivery.pk, state=State.WAITING, attempts=delivery.attempts
    ).update(**fields)
