"""Sealing lives in ingest, whose watermark keys need it too; cases imports it from here."""

from ingest.crypto import CannotOpen, derive, key_id, seal, unseal

__all__ = ["CannotOpen", "derive", "key_id", "seal", "unseal"]
