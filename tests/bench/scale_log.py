"""A large invented log, written column by column: what it costs to look at, not whom to find.

As many accounts a request as a provider has, most of them at work on things of their own, in
prompts of 400 characters on average; some products whose wording many use, some campaigns that
share wordings, addresses and cards. Larger logs have more accounts, not busier ones.
"""

from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.simulate.words import ASKS, FOLLOW_UPS, STATEMENTS, Writer

START = 1_793_577_600  # seconds; Monday, 2 November 2026
DAYS = 14
ROWS = 1_000_000  # of a file, which is a slice of the time
REQUESTS_AN_ACCOUNT = 50
PIECES = 30_000  # texts that prompts are put together from: nearly all prompts differ
PRODUCTS = 12
CAMPAIGN = 400  # accounts of one
IN_CAMPAIGNS = 0.03  # of all accounts
COMMON = 0.1  # of the requests open and close as others do
FOLLOWING_UP = 0.15  # of the requests: a few words
IN_PRODUCTS = 0.1  # of the accounts, with half of their requests
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 11, 12, 12, 11, 10, 9, 9, 9, 8, 6, 4)
MODELS = ("lumen-large", "lumen-small", "lumen-think")


def write_log(folder: Path, requests: int, seed: int = 1) -> None:
    """folder/part-….parquet: so many requests, in the order of time. The same arguments give the
    same rows."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    cast = _Cast(draw, max(CAMPAIGN, requests // REQUESTS_AN_ACCOUNT))
    texts = _Texts(seed)
    parts = -(-requests // ROWS)
    for part in range(parts):
        rows = min(ROWS, requests - part * ROWS)
        at = _moments(draw, rows, DAYS * part / parts, DAYS * (part + 1) / parts)
        who = draw.choice(cast.size, rows, p=cast.share)
        columns = {"request_id": _named("req-", part * ROWS + np.arange(rows))}
        columns |= {"at": pa.array(at).cast(pa.timestamp("ms", tz="UTC"))}
        columns |= cast.columns(draw, who, at) | {"prompt": texts.prompts(draw, cast, who)}
        columns |= _answers(draw, columns["prompt"])
        pq.write_table(
            pa.table(columns), folder / f"part-{part:04}.parquet",
            compression="zstd", row_group_size=122_880,
        )  # fmt: skip


class _Cast:
    """The accounts: what each is, and what it carries."""

    def __init__(self, draw: np.random.Generator, size: int):
        self.size = size
        busy = draw.lognormal(0, 1.1, size)
        campaigns = max(1, int(size * IN_CAMPAIGNS / CAMPAIGN))
        members = draw.permutation(size)[: campaigns * CAMPAIGN]
        self.campaign = np.full(size, -1)
        self.campaign[members] = np.arange(len(members)) % campaigns
        inside = self.campaign >= 0
        busy[inside] = draw.uniform(1.5, 3.0, inside.sum())
        self.share = busy / busy.sum()
        self.product = np.where(
            draw.random(size) < IN_PRODUCTS, draw.integers(0, PRODUCTS, size), -1
        )
        self.product[inside] = -1
        alone = draw.random(size) < 0.9
        self._organisation = np.where(alone, np.arange(size), draw.integers(0, size, size))
        self._plan = draw.choice(3, size, p=(0.6, 0.3, 0.1))
        self._created = (START - draw.exponential(300, size) * 86_400).astype(np.int64) * 1000
        self._created[inside] = (
            START - draw.uniform(0, 20, inside.sum()) * 86_400_000 / 1000
        ).astype(np.int64) * 1000
        self._home = np.where(
            draw.random(size) < 0.9, np.arange(size), draw.integers(0, size, size)
        )
        self._network = draw.zipf(1.5, size) % 300
        self._network[inside] = 400 + self.campaign[inside] % 40
        self._agent = draw.zipf(1.6, size) % 500
        self._mail = draw.zipf(1.4, size) % 3000
        # people have cards of their own; one in twenty pays with somebody else's too
        cards = np.where(draw.random(size) < 0.95, np.arange(size), draw.integers(0, size, size))
        cards[inside] = size + self.campaign[inside] * 40 + draw.integers(0, 40, inside.sum())
        self._card = cards
        self._device = draw.permutation(size)

    def columns(self, draw: np.random.Generator, who: np.ndarray, at: np.ndarray) -> dict:
        rows, campaign = len(who), self.campaign[who]
        mobile = draw.random(rows)
        address = np.where(
            mobile < 0.15, self.size * 5 + draw.integers(0, 400, rows), self._home[who]
        )
        rented = (campaign >= 0) & (mobile < 0.6)
        address = np.where(
            rented, self.size * 6 + campaign * 150 + draw.integers(0, 150, rows), address
        )
        throttled = draw.random(rows) < np.where(campaign >= 0, 0.03, 0.004)
        return {
            "account_id": _named("acct-", who),
            "organisation": _named("org-", self._organisation[who]),
            "plan": pa.array(np.array(["free", "build", "scale"])[self._plan[who]]),
            "account_created_at": pa.array(self._created[who]).cast(pa.timestamp("ms", tz="UTC")),
            "ip": _addresses(address),
            "asn": pa.array(64_512 + self._network[who]),
            "user_agent": _named("client/", self._agent[who]),
            "payment": _named("card-", self._card[who]),
            "email_domain": _named("mail-", self._mail[who]),
            "device": _named("device-", self._device[who]),
            "status": pa.array(np.where(throttled, 429, 200)),
        }


class _Texts:
    """Prompts: an opening, some sentences, and what a wording has before and after its slot."""

    def __init__(self, seed: int):
        random = Random(seed)
        writer = Writer(random)
        fields = writer.fields
        of_one = [random.choice(fields) for _ in range(PIECES)]
        asks, follow_ups = random.choices(ASKS, k=PIECES), random.choices(FOLLOW_UPS, k=PIECES)
        self._asks = pa.array([writer.fill(*pair) for pair in zip(asks, of_one, strict=True)])
        self._short = pa.array(
            [writer.fill(*pair) for pair in zip(follow_ups, of_one, strict=True)]
        )
        self._words = pa.array(
            sorted({word for text in self._asks.to_pylist() for word in text.split()})
        )
        self._pieces = pa.array([_piece(writer, random, field) for field in of_one])
        self._before = pa.array([_opening(writer, random) for _ in range(PRODUCTS + 4000)])
        self._after = pa.array(
            [f" {writer.text(random.choice(fields), 1)}" for _ in range(PRODUCTS + 4000)]
        )

    def prompts(self, draw: np.random.Generator, cast: _Cast, who: np.ndarray) -> pa.Array:
        rows = len(who)
        pick = lambda pool: pool.take(pa.array(draw.integers(0, len(pool), rows)))  # noqa: E731
        worded = (cast.product[who] >= 0) & (draw.random(rows) < 0.5)
        wording = np.where(worded, cast.product[who], -1)
        campaign = cast.campaign[who]
        of_campaign = PRODUCTS + campaign % 1000 * 4 + draw.integers(0, 4, rows)
        wording = np.where((campaign >= 0) & (draw.random(rows) < 0.95), of_campaign, wording)
        index = pa.array(wording, mask=wording < 0)
        before, after = self._before.take(index), self._after.take(index)
        own = pc.binary_join_element_wise(*(pick(self._words) for _ in range(4)), " ")
        asked = pa.array(draw.random(rows) < COMMON)
        opening = pc.coalesce(before, pc.if_else(asked, pick(self._asks), own))
        closing = pc.binary_join_element_wise(*(pick(self._words) for _ in range(4)), " ")
        after = pc.coalesce(after, pc.if_else(asked, pa.scalar(None, pa.string()), closing))
        longer = pa.array(draw.random(rows) < 0.95)
        second = pc.if_else(longer, pick(self._pieces), pa.scalar(None, pa.string()))
        number = pa.array(draw.integers(2, 5000, rows)).cast(pa.string())
        whole = pc.binary_join_element_wise(
            opening, pick(self._pieces), number, second, after, " ", null_handling="skip"
        )
        brief = pa.array((draw.random(rows) < FOLLOWING_UP) & (wording < 0))
        return pc.if_else(brief, pick(self._short), whole)


def _piece(writer: Writer, random: Random, field: str) -> str:
    """Sentences; some with what a mask has to find: links, quotations, ids, code, line ends."""
    text = writer.text(field, 1 if random.random() < 0.1 else 5)
    extra = random.random()
    if extra < 0.08:
        text += f" See https://{random.choice(writer.fields)}.example/{random.randrange(10**6)}?q=1"
    elif extra < 0.2:
        text += f' They wrote "{writer.text(field, 1)}" again.'
    elif extra < 0.25:
        text += f" Ticket {random.randrange(16**20):020x}."
    elif extra < 0.35:
        text = "\n\n".join(("Notes:", "- " + text, f"```\nrow_{random.randrange(99)} = 4.5\n```"))
    elif extra < 0.355:
        text = " ".join(writer.text(field, 5) for _ in range(40))  # a pasted document
    return text


def _opening(writer: Writer, random: Random) -> str:
    told = " ".join(
        writer.fill(random.choice(STATEMENTS), random.choice(writer.fields)) for _ in "12"
    )
    return f"You are {writer.fill('{p} and {q}', writer.fields[0])}. {told} Text:"


def _moments(draw: np.random.Generator, rows: int, since: float, until: float) -> np.ndarray:
    """Milliseconds, in order: by the hour of the day, less at night."""
    moments = draw.uniform(since, until, 3 * rows)
    weight = np.array(BY_HOUR)[(moments * 24).astype(int) % 24] / max(BY_HOUR)
    kept = moments[draw.random(3 * rows) < weight]
    kept = np.concatenate([kept, moments])[:rows]
    return ((START + np.sort(kept) * 86_400) * 1000).astype(np.int64)


def _answers(draw: np.random.Generator, prompt: pa.Array) -> dict:
    rows = len(prompt)
    model = draw.choice(len(MODELS), rows, p=(0.5, 0.4, 0.1))
    output = draw.lognormal(5.4, 0.7, rows).astype(np.int64) + 1
    thought = pa.array((output * 0.7).astype(np.int64), mask=model < 2)
    refused = draw.random(rows) < 0.004
    return {
        "model": pa.array(np.array(MODELS)[model]),
        "input_tokens": pa.array(pc.utf8_length(prompt).to_numpy() // 4 + 8),
        "output_tokens": pa.array(output),
        "reasoning_tokens": thought,
        "stop_reason": pa.array(np.where(refused, "refusal", "end_turn")),
    }


def _named(prefix: str, number: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(number).cast(pa.string()), "")


def _addresses(number: np.ndarray) -> pa.Array:
    parts = [pa.array(part).cast(pa.string()) for part in
             (number // 65_536 % 256, number // 256 % 256, number % 256)]  # fmt: skip
    return pc.binary_join_element_wise(
        pa.array(10 + number // 16_777_216).cast(pa.string()), *parts, "."
    )
