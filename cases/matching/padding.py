"""Sizes that say little: an ask and a set are filled up to the next step of a coarse scale."""

import secrets

FEWEST = 512  # of an ask; a smaller one would say that somebody asks about a handful
MOST = 16_384  # of an ask: what a worker answers in about a second
SET_FEWEST = 4_096


def padded(count: int, fewest: int = FEWEST) -> int:
    """What `count` is filled up to: at least `fewest`, else the next of 2^k and 3·2^(k-1)."""
    whole = 1 << max(0, count - 1).bit_length()
    return max(fewest, whole * 3 // 4 if whole * 3 // 4 >= count else whole)


def filler(count: int, size: int) -> list[bytes]:
    """`count` random strings of `size` bytes: nothing real equals one."""
    blob = secrets.token_bytes(count * size)
    return [blob[i : i + size] for i in range(0, len(blob), size)]


def shuffled(values: list) -> list:
    """A copy in an order that nobody can foretell."""
    values = list(values)
    secrets.SystemRandom().shuffle(values)
    return values


def tag_set(tags: list[bytes]) -> bytes:
    """Tags of one length as a set that says only its padded size: filled up, sorted, joined."""
    size = len(tags[0]) if tags else TAG
    room = padded(len(tags), SET_FEWEST) - len(tags)
    return b"".join(sorted({*tags, *filler(room, size)}))


def tags_of(blob: bytes) -> set[bytes]:
    """The tags of a set as it travels. Raises ValueError where a tag was cut."""
    if len(blob) % TAG:
        raise ValueError(f"a set of tags must be a multiple of {TAG} bytes, this has {len(blob)}")
    return {blob[i : i + TAG] for i in range(0, len(blob), TAG)}


# 2^14 asked × 2^17 kept ÷ 2^128 < 2^-96: no match by accident
TAG = 16
