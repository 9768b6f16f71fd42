"""Connectors: where orders go."""

import base64
import binascii
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from cases.connectors.protocol import Carrier, Endpoint, Wire
from cases.connectors.webhook import Webhook
from cases.crypto import seal, unseal
from cases.errors import CaseError
from cases.models import Connector

CARRIERS: dict[str, Callable[[Endpoint, Wire], Carrier]] = {Connector.Kind.WEBHOOK: Webhook}


def set_up_webhook(
    slug: str, *, name: str, url: str, secret: str, allowed_private_hosts: Iterable[str] = ()
) -> Connector:
    """Make a webhook connector, or bring the one of that slug up to date and rested.

    secret: whsec_ and base64 of 24–64 bytes. Plain http is only for a host that is listed in
    allowed_private_hosts. Raises CaseError for what could never work.
    """
    hosts = sorted({host.rstrip(".").lower() for host in allowed_private_hosts})
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        raise CaseError("The secret must be whsec_ followed by base64 of 24 to 64 bytes.")
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query:
        raise CaseError("The address must be https://host/path, without user name or query.")
    if parts.scheme == "http" and host not in hosts:
        raise CaseError("The address must begin with https://, or its host be allowed by name.")
    connector, _ = Connector.objects.update_or_create(
        slug=slug,
        defaults={
            "name": name,
            "kind": Connector.Kind.WEBHOOK,
            "url": url,
            "sealed_secret": seal(secret.encode(), purpose=f"connector {slug}"),
            "allowed_private_hosts": hosts,
            "enabled": True,
            "failures": 0,
            "open_until": None,
        },
    )
    return connector


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
