"""The keyed pseudo-random function: one number in [0, 2⁶⁴) for a key, a context and a token.

Two steps. SipHash-2-4 (Aumasson and Bernstein, 2012) with the key's 128 bits turns the context into
a seed that nobody without the key can guess; the finaliser of SplitMix64 (Steele, Lea and Flood,
2014) turns seed and token into the number. So a whole vocabulary costs one SipHash and five cheap
operations a token, and what is learnt about one context says nothing about another.
"""

import hashlib

import numpy as np

SECRET_BYTES = 32
CHUNK = 1 << 14  # rows at once: the four words of state stay in the processor's cache
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def sip_key(secret: bytes, scheme: str) -> bytes:
    """The 16 bytes that key SipHash: one secret never serves two schemes with the same numbers."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a watermark secret has {SECRET_BYTES} bytes, not {len(secret)}")
    name = b"stillwatch " + scheme.encode()[:20]
    return hashlib.blake2b(name, key=secret, digest_size=16).digest()


def seeds(key: bytes, contexts: np.ndarray) -> np.ndarray:
    """SipHash-2-4 of each row of k token ids below 2³², (n, k) → (n,) uint64; k = 0: one for all.

    The message is the ids as 4-byte little-endian words, filled up to whole 8 bytes.
    """
    ids = np.asarray(contexts).astype(np.uint64)
    rows, width = ids.shape
    words = [
        ids[:, i] | (ids[:, i + 1] << np.uint64(32)) if i + 1 < width else ids[:, i].copy()
        for i in range(0, width, 2)
    ]
    return siphash(key, words, rows, 4 * width)


def numbers(seed: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """SplitMix64 of seed and token, elementwise (broadcast), uint64."""
    with np.errstate(over="ignore"):
        z = seed + (np.asarray(tokens).astype(np.uint64) + np.uint64(1)) * GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def siphash(key: bytes, words: list[np.ndarray], rows: int, length: int) -> np.ndarray:
    """SipHash-2-4 of messages of whole 8-byte words; words[i][r] is word i of message r."""
    k0, k1 = (int(part) for part in np.frombuffer(key, "<u8"))
    start = (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )
    last = np.uint64((length % 256) << 56)
    out = np.empty(rows, np.uint64)
    scratch = np.empty(min(CHUNK, max(rows, 1)), np.uint64)
    for begin in range(0, rows, CHUNK):
        part = slice(begin, min(begin + CHUNK, rows))
        size = part.stop - part.start
        state = [np.full(size, np.uint64(word)) for word in start]
        for word in [*(word[part] for word in words), last]:
            state[3] ^= word
            _rounds(state, scratch[:size], 2)
            state[0] ^= word
        state[2] ^= np.uint64(0xFF)
        _rounds(state, scratch[:size], 4)
        out[part] = state[0] ^ state[1] ^ state[2] ^ state[3]
    return out


def _rounds(state: list[np.ndarray], scratch: np.ndarray, count: int) -> None:
    """SipRounds in place; additions wrap at 2⁶⁴."""
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 += v1
        _rotate(v1, 13, scratch)
        v1 ^= v0
        _rotate(v0, 32, scratch)
        v2 += v3
        _rotate(v3, 16, scratch)
        v3 ^= v2
        v0 += v3
        _rotate(v3, 21, scratch)
        v3 ^= v0
        v2 += v1
        _rotate(v1, 17, scratch)
        v1 ^= v2
        _rotate(v2, 32, scratch)


def _rotate(x: np.ndarray, bits: int, scratch: np.ndarray) -> None:
    np.left_shift(x, np.uint64(bits), out=scratch)
    np.right_shift(x, np.uint64(64 - bits), out=x)
    np.bitwise_or(x, scratch, out=x)
