"""Watermark keys: made, opened for marking and testing, retired. The secret never leaves."""

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from ingest.crypto import CannotOpen, seal, unseal
from ingest.models import Account, WatermarkKey
from ingest.watermark import Scheme, WatermarkProcessor, scheme_from
from ingest.watermark.prf import SECRET_BYTES
from ingest.watermark.tokenizers import DEFAULT, UnknownTokenizer, tokenizer

ACCOUNTS = 100_000


class WatermarkError(Exception):
    """A refusal that a person can read: what is wrong and what to do next."""


@transaction.atomic
def make_key(
    *,
    actor: User | None,
    issued_for: str,
    scheme: str,
    parameters: Mapping,
    accounts: Sequence[str] = (),
    tokenizer_name: str = DEFAULT,
) -> WatermarkKey:
    """Draw a secret, seal it, and note whom it is issued for. Raises WatermarkError.

    accounts are external ids that must be known; actor None is the command line.
    """
    issued_for = issued_for.replace("\0", "").strip()
    if not 0 < len(issued_for) <= 200:
        raise WatermarkError("Say whom the key is issued for, in at most 200 characters.")
    try:
        made = scheme_from(scheme, parameters)
        tokenizer(tokenizer_name, tokenizer_folder())
    except ValueError as error:
        raise WatermarkError(f"{error}.") from None
    names = sorted({name.strip() for name in accounts if name.strip()})
    if len(names) > ACCOUNTS:
        raise WatermarkError(f"{len(names):,} accounts: a key takes at most {ACCOUNTS:,}.")
    if any("\0" in name for name in names):
        raise WatermarkError("An account id holds a null byte: no account is called so.")
    found = dict(Account.objects.filter(external_id__in=names).values_list("external_id", "pk"))
    unknown = [name for name in names if name not in found]
    if unknown:
        more = f" and {len(unknown) - 3:,} more" if len(unknown) > 3 else ""
        raise WatermarkError(f"Not known: {', '.join(unknown[:3])}{more}. Mend or leave them out.")
    key = WatermarkKey(
        scheme=made.name,
        parameters=made.parameters(),
        tokenizer=tokenizer_name,
        issued_for=issued_for,
        created_by=actor,
    )
    key.sealed_secret = seal(secrets.token_bytes(SECRET_BYTES), purpose=_purpose(key))
    key.save(force_insert=True)
    through = WatermarkKey.accounts.through
    through.objects.bulk_create(
        (through(watermarkkey_id=key.pk, account_id=pk) for pk in found.values()), batch_size=5000
    )
    return key


@transaction.atomic
def retire_key(key: WatermarkKey, *, actor: User | None) -> None:
    """It marks nothing new. Text that it marked stays about, so it can still be tested."""
    moved = WatermarkKey.objects.filter(pk=key.pk, state=WatermarkKey.State.ACTIVE).update(
        state=WatermarkKey.State.RETIRED, retired_at=timezone.now(), retired_by=actor
    )
    if not moved:
        raise WatermarkError(f"{key.ref} is retired already.")


def key_by_ref(ref: str) -> WatermarkKey:
    number = ref.removeprefix("K-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise WatermarkError(f"{ref!r} is no key: write it as K-12.")
    key = WatermarkKey.objects.filter(pk=int(number)).first()
    if key is None:
        raise WatermarkError(f"There is no key K-{number}.")
    return key


def open_key(key: WatermarkKey) -> tuple[Scheme, bytes]:
    """The scheme and the secret, for marking and testing alone. Raises WatermarkError."""
    try:
        secret = unseal(key.sealed_secret, purpose=_purpose(key))
        return scheme_from(key.scheme, key.parameters), secret
    except CannotOpen as error:
        raise WatermarkError(
            f"{key.ref} cannot be opened: {error}. Its row was changed, or ENCRYPTION_KEYS lacks "
            "the key that sealed it."
        ) from None
    except ValueError as error:
        raise WatermarkError(f"{key.ref}: {error}.") from None


def processor_for(ref: str, *, columns=None) -> WatermarkProcessor:
    """The logits processor of an active key, for the process that serves the model."""
    key = key_by_ref(ref)
    if key.state != WatermarkKey.State.ACTIVE:
        raise WatermarkError(f"{key.ref} is retired: mark with an active key.")
    return WatermarkProcessor(*open_key(key), columns=columns)


def tokenizer_folder() -> Path | None:
    return Path(settings.WATERMARK_TOKENIZERS) if settings.WATERMARK_TOKENIZERS else None


def tokenize_with(name: str):
    """The tokenizer of that name. Raises WatermarkError."""
    try:
        return tokenizer(name, tokenizer_folder())
    except UnknownTokenizer as error:
        raise WatermarkError(f"{error}.") from None


def _purpose(key: WatermarkKey) -> str:
    """What the seal is bound to: a key whose test was changed in the database does not open."""
    parameters = json.dumps(key.parameters, sort_keys=True, separators=(",", ":"))
    return f"watermark key {key.uid} {key.scheme} {parameters} {key.tokenizer}"
