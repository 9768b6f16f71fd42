"""Connectors: where orders go, and whether they may."""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.utils import timezone

from cases.connectors.envoy import Envoy
from cases.connectors.litellm import NOUNS, LiteLLM
from cases.connectors.litellm_list import LiteLLMList
from cases.connectors.protocol import Carrier, Endpoint, Probe, Wire
from cases.connectors.webhook import Webhook
from cases.crypto import CannotOpen, seal, unseal
from cases.errors import CaseError
from cases.models import Connector, Exchange
from cases.services.nudge import after_commit

log = logging.getLogger(__name__)

Kind = Connector.Kind
CARRIERS: dict[str, Callable[[Endpoint, Wire], Carrier]] = {
    Kind.WEBHOOK: Webhook,
    Kind.LITELLM_LIST: LiteLLMList,
    Kind.LITELLM: LiteLLM,
    Kind.ENVOY: Envoy,
}
# kind: what its settings may hold, and what each must be
SETTINGS: dict[str, dict[str, Callable[[object], bool]]] = {
    Kind.WEBHOOK: {
        "honours_key": lambda value: isinstance(value, bool),
        "reads_back": lambda value: isinstance(value, bool),
    },
    Kind.LITELLM_LIST: {},
    Kind.LITELLM: {"account_is": lambda value: value in NOUNS.values()},
    Kind.ENVOY: {
        "file": lambda value: isinstance(value, str) and value.startswith("/"),
        "domain": lambda value: isinstance(value, str) and value.isidentifier(),
        "admin_url": lambda value: isinstance(value, str) and bool(urlsplit(value).hostname),
        "keys": lambda value: (
            isinstance(value, Mapping)
            and all(isinstance(key, str) and key.isidentifier() for key in value.values())
        ),
    },
}
NEEDED = {Kind.ENVOY: ("file", "domain", "admin_url")}
SIGNED = {Kind.WEBHOOK, Kind.LITELLM_LIST}


def set_up_connector(
    slug: str,
    *,
    kind: str,
    name: str,
    url: str,
    secret: str,
    settings: Mapping | None = None,
    allowed_private_hosts: Iterable[str] = (),
) -> Connector:
    """Make a connector, or bring the one of that slug up to date and rested.

    secret: whsec_ and base64 of 24–64 bytes where orders are signed, else what the platform takes.
    settings: what its kind needs besides (docs/connectors.md). Plain http is only for a host that
    is listed in allowed_private_hosts. Raises CaseError for what could never work.
    """
    hosts = sorted({host.rstrip(".").lower() for host in allowed_private_hosts})
    settings = dict(settings or {})
    if kind not in CARRIERS:
        raise CaseError(f"{kind!r} is no kind of connector: use {', '.join(CARRIERS)}.")
    _check_secret(kind, secret)
    _check_settings(kind, settings)
    for address in (url, settings.get("admin_url", url)):
        _check_address(address, hosts)
    connector, _ = Connector.objects.update_or_create(
        slug=slug,
        defaults={
            "name": name,
            "kind": kind,
            "url": url,
            "sealed_secret": seal(secret.encode(), purpose=f"connector {slug}"),
            "settings": settings,
            "allowed_private_hosts": hosts,
            "enabled": True,
            "off_because": "",
            "failures": 0,
            "open_until": None,
        },
    )
    return connector


def set_up_webhook(
    slug: str, *, name: str, url: str, secret: str, allowed_private_hosts: Iterable[str] = ()
) -> Connector:
    """A connector of the commonest kind."""
    return set_up_connector(
        slug,
        kind=Kind.WEBHOOK,
        name=name,
        url=url,
        secret=secret,
        allowed_private_hosts=allowed_private_hosts,
    )


def switch(connector: Connector, *, actor: User, on: bool) -> Connector:
    """Switch a connector on, rested, or off: its orders wait. Raises CaseError when it is so."""
    fields = {"enabled": on, "off_because": "", "switched_by": actor, "switched_at": timezone.now()}
    if on:
        fields |= {"failures": 0, "open_until": None}
    moved = Connector.objects.filter(pk=connector.pk, enabled=not on).update(**fields)
    connector.refresh_from_db()
    if not moved:
        raise CaseError(f"{connector} is switched {'on' if on else 'off'} already.")
    return connector


def ask_for_probe(connector: Connector, *, actor: User) -> None:
    """Have a worker ask the platform something harmless. Asked twice, it asks once."""
    asked = Connector.objects.filter(pk=connector.pk, probe_asked_at=None).update(
        probe_asked_at=timezone.now()
    )
    if asked:
        log.info("%s asks for a probe of connector %s", actor.get_username(), connector.slug)
        after_commit("deliver_due_items")


def probe_asked() -> int:
    """The sweep: probe what people asked about. Two workers may ask the same; it is harmless."""
    asked = list(Connector.objects.filter(probe_asked_at__isnull=False).order_by("probe_asked_at"))
    for connector in asked:
        found = probe(connector)
        Connector.objects.filter(pk=connector.pk, probe_asked_at=connector.probe_asked_at).update(
            probe_asked_at=None,
            probed_at=timezone.now(),
            probe_ok=found.ok,
            probe_says=found.says[:300],
        )
    return len(asked)


def probe(connector: Connector) -> Probe:
    """Ask the platform something harmless, and keep what was said. It uses the network."""
    try:
        carrier, wire = open_carrier(connector.kind, endpoint_of(connector))
    except CannotOpen as error:
        return Probe(False, f"Its secret cannot be opened: {error}.")
    found = carrier.probe()
    now = timezone.now()
    Exchange.objects.bulk_create(
        Exchange(connector=connector, at=now, **vars(said) | {"step": Exchange.Step.PROBE})
        for said in wire.said
    )
    return found


def endpoint_of(connector: Connector) -> Endpoint:
    """Address and opened secret. Raises CannotOpen when its key is not listed any more."""
    secret = unseal(connector.sealed_secret, purpose=f"connector {connector.slug}")
    return Endpoint(
        connector.url,
        secret.decode(),
        tuple(connector.allowed_private_hosts),
        connector.settings,
    )


def open_carrier(kind: str, endpoint: Endpoint) -> tuple[Carrier, Wire]:
    """A connector for one try, and the wire that keeps what is said."""
    wire = Wire(endpoint)
    return CARRIERS[kind](endpoint, wire), wire


def _check_secret(kind: str, secret: str) -> None:
    if kind == Kind.LITELLM and not secret:
        raise CaseError("The secret must be an admin key of the proxy.")
    if kind not in SIGNED:
        return
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        raise CaseError("The secret must be whsec_ followed by base64 of 24 to 64 bytes.")


def _check_settings(kind: str, settings: Mapping) -> None:
    known = SETTINGS[kind]
    if unknown := sorted(set(settings) - set(known)):
        names = ", ".join(known) or "none"
        raise CaseError(f"{unknown[0]!r} is no setting of a {kind} connector: it has {names}.")
    if missing := [name for name in NEEDED.get(kind, ()) if name not in settings]:
        raise CaseError(f"A {kind} connector needs the setting {missing[0]!r}.")
    for name, value in settings.items():
        if not known[name](value):
            raise CaseError(f"The setting {name!r} cannot be {value!r}: see docs/connectors.md.")


def _check_address(url: str, hosts: list[str]) -> None:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query:
        raise CaseError("The address must be https://host/path, without user name or query.")
    if parts.scheme == "http" and host not in hosts:
        raise CaseError("The address must begin with https://, or its host be allowed by name.")
