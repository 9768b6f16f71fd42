"""Stored secrets: sealed by the newest key, opened by all, useless elsewhere."""

import pytest

from cases.crypto import CannotOpen, derive, seal, unseal

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(autouse=True)
def one_key(settings):
    settings.ENCRYPTION_KEYS = [OLD]


def test_what_is_sealed_opens_for_the_same_purpose_alone():
    sealed = seal(b"whsec_x", purpose="connector a")
    assert unseal(memoryview(sealed), purpose="connector a") == b"whsec_x"
    with pytest.raises(CannotOpen, match="not for connector b"):
        unseal(sealed, purpose="connector b")


def test_the_secret_is_not_in_the_sealed_bytes_and_two_seals_differ():
    first, second = (seal(b"whsec_visible", purpose="p") for _ in range(2))
    assert b"visible" not in first
    assert first != second


def test_after_rotation_the_newest_key_seals_and_the_old_one_still_opens(settings):
    old = seal(b"before", purpose="p")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    new = seal(b"after", purpose="p")
    assert unseal(old, purpose="p") == b"before"
    settings.ENCRYPTION_KEYS = [NEW]
    assert unseal(new, purpose="p") == b"after"
    with pytest.raises(CannotOpen, match="ENCRYPTION_KEYS"):
        unseal(old, purpose="p")


@pytest.mark.parametrize("place", range(0, 40))
def test_a_changed_byte_anywhere_is_noticed(place):
    sealed = bytearray(seal(b"seven..", purpose="p"))
    sealed[place] ^= 1
    with pytest.raises(CannotOpen):
        unseal(bytes(sealed), purpose="p")


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"\x02" + b"x" * 60, b"whsec_plain text"])
def test_what_was_never_sealed_is_refused(garbage):
    with pytest.raises(CannotOpen):
        unseal(garbage, purpose="p")


def test_derived_keys_differ_by_context_and_by_key():
    assert derive("a") == derive("a")
    assert len({derive("a"), derive("b"), derive("a", key=NEW)}) == 3
    assert len(derive("a")) == 32
