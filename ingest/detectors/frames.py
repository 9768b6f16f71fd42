"""Frames that belong to one template: joined by the requests they share, and by their words."""

import difflib
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

SAME_REQUESTS = 0.5  # Jaccard of the requests that carry two frames
SAME_WORDS = 0.7  # Jaccard of the word 3-grams of two skeletons
PERMUTATIONS = 64  # the estimate of a Jaccard of .7 is then within .06
GAP = "⟨…⟩"


class Frame(NamedTuple):
    """An edge of a skeleton that several accounts share."""

    words: str
    edge: str  # which edge: skeletons.EDGES
    low: str  # the first and the last skeleton with this edge, in the alphabet
    high: str
    requests: int


class Groups:
    """Union–find over frames."""

    def __init__(self, items: Iterable[str]):
        self._parent = {item: item for item in items}

    def root(self, item: str) -> str:
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, one: str, other: str) -> None:
        one, other = sorted((self.root(one), self.root(other)))
        self._parent[other] = one

    def members(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for item in self._parent:
            found.setdefault(self.root(item), []).append(item)
        return found


def join_frames(
    frames: dict[str, Frame], together: Iterable[tuple[str, str, int]]
) -> dict[str, tuple[str, str]]:
    """Frame → (template id, label). together: two frames and the requests that carry both."""
    groups = Groups(frames)
    for one, other, both in together:
        either = frames[one].requests + frames[other].requests - both
        if both >= SAME_REQUESTS * either:
            groups.join(one, other)
    by_requests = groups.members()
    texts = {}
    for top, members in by_requests.items():
        leading = frames[_leading(frames, members)]
        texts[top] = canonical(leading.low, leading.high)
    lsh = MinHashLSH(threshold=SAME_WORDS, num_perm=PERMUTATIONS)
    sketches: dict[str, MinHash] = {}
    blank = MinHash(num_perm=PERMUTATIONS, seed=1)  # its permutations are dearer than a sketch
    for top in sorted(texts):
        shingles = word_shingles(texts[top])
        if len(shingles) < 3:
            continue  # too few words to call anything nearly the same
        sketch = blank.copy()
        sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
        for other in lsh.query(sketch):
            if sketch.jaccard(sketches[other]) >= SAME_WORDS:
                groups.join(top, other)
        sketches[top] = sketch
        lsh.insert(top, sketch)
    named = {}
    for members in groups.members().values():
        identity = template_id(frames, members)
        label = texts[_leading(frames, texts.keys() & set(members))]
        for frame in members:
            named[frame] = (identity, label)
    return named


def template_id(frames: dict[str, Frame], members: list[str]) -> str:
    """A name that the same wording gets on every run: the digest of its plainest frame.

    Among the frames with at least half of the most requests, the first in the alphabet: the
    others come and go with the log's length.
    """
    most = max(frames[member].requests for member in members)
    leading = [frames[member] for member in members if 2 * frames[member].requests >= most]
    words, edge = min((frame.words, frame.edge) for frame in leading)
    return "t-" + hashlib.sha256(f"{edge}|{words}".encode()).hexdigest()[:20]


def canonical(one: str, other: str, words: int = 120) -> str:
    """What two skeletons have in common, in order, with ⟨…⟩ for what differs."""
    a, b = one.split(" ")[:words], other.split(" ")[:words]
    if a == b:
        return " ".join(a)
    kept: list[str] = []
    at_a = at_b = 0
    for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        if block.size == 1 and 0 < block.a < len(a) - 1:
            continue  # a single word in the midst of a slot agrees by chance
        if (block.a > at_a or block.b > at_b) and kept[-1:] != [GAP]:
            kept.append(GAP)
        kept += a[block.a : block.a + block.size]
        at_a, at_b = block.a + block.size, block.b + block.size
    return " ".join(kept)


def word_shingles(text: str, size: int = 3) -> set[str]:
    """Runs of three words, not across a gap; a script without blanks gives runs of five signs."""
    found = set()
    for piece in text.split(GAP):
        words = piece.split()
        if len(words) < size and len(piece) > 40:
            found |= {piece[i : i + 5] for i in range(len(piece) - 4)}
        found |= {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}
    return found


def _leading(frames: dict[str, Frame], members: Iterable[str]) -> str:
    return max(members, key=lambda member: (frames[member].requests, frames[member].words))
