"""What an operator should hear before people or detectors do. Each has an id and a hint."""

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.db import connections

OLDEST_POSTGRES = 150000
VERIFIED = {"verify-ca", "verify-full"}


@register(Tags.database)
def postgres_is_new_enough(app_configs, databases=None, **options):
    """analyst.E001. Runs where the database is asked for: migrate, check --database default."""
    found = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.pg_version < OLDEST_POSTGRES:
            found.append(
                Error(
                    f"PostgreSQL is version {connection.pg_version // 10000}; 15 is the oldest.",
                    hint="Name a newer server in DATABASE_URL; without it, the embedded one runs.",
                    id="analyst.E001",
                )
            )
    return found


@register(Tags.security, deploy=True)
def encryption_keys_are_random(app_configs, **options):
    """analyst.E002: 32 bytes that are text or few values were typed, not drawn."""
    return [
        Error(
            f"Key {place} of ENCRYPTION_KEYS is text or a pattern, not 32 random bytes.",
            hint="Put a fresh one first, made by: openssl rand -base64 32. "
            "Keep the old one after it until everything is sealed anew.",
            id="analyst.E002",
        )
        for place, key in enumerate(settings.ENCRYPTION_KEYS, start=1)
        # of 32 random bytes, all printable: 1 in 10^13; fewer than 16 different ones: rarer still
        if len(set(key)) < 16 or all(32 <= byte < 127 for byte in key)
    ]


@register()
def packets_can_be_written(app_configs, **options):
    """analyst.E003: evidence packets and shares go to MEDIA_ROOT, made when first needed."""
    folder = Path(settings.MEDIA_ROOT)
    standing = next(f for f in (folder, *folder.parents) if os.path.exists(f))
    if standing.is_dir() and os.access(standing, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"Packets cannot be written: {standing} is not a folder that this user may write.",
            hint="Give it to the user of the web and worker processes, or set MEDIA_ROOT.",
            id="analyst.E003",
        )
    ]


@register(Tags.security, deploy=True)
def static_files_are_gathered(app_configs, **options):
    """analyst.E004: pages name their static files by the manifest, and fail without it."""
    if (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        return []
    return [
        Error(
            f"No static files are gathered in {settings.STATIC_ROOT}: every page would fail.",
            hint="Run manage.py collectstatic --no-input with the settings of the web process.",
            id="analyst.E004",
        )
    ]


@register(Tags.security, deploy=True)
def database_is_reached_by_verified_tls(app_configs, **options):
    """analyst.W001"""
    database = settings.DATABASES["default"]
    host, mode = database.get("HOST", ""), database.get("OPTIONS", {}).get("sslmode", "prefer")
    if is_near(host) or mode in VERIFIED:
        return []
    return [
        Warning(
            f"The database on {host} is reached with sslmode={mode}: who answers is not verified.",
            hint="Add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL.",
            id="analyst.W001",
        )
    ]


@register(Tags.security, deploy=True)
def broker_is_reached_by_tls(app_configs, **options):
    """analyst.W002"""
    url = urlsplit(settings.CELERY_BROKER_URL)
    if url.scheme not in {"redis", "amqp"} or is_near(url.hostname or ""):
        return []
    return [
        Warning(
            f"The broker on {url.hostname} is reached without TLS: all can be read on the way.",
            hint=f"Use {url.scheme}s:// in CELERY_BROKER_URL.",
            id="analyst.W002",
        )
    ]


def is_near(host: str) -> bool:
    """A socket, this machine, or a name without a dot, as private container networks give."""
    if not host or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host
