"""What grouping is given: columns, in one canonical order whatever the order of the rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .rarity import FAMILY_CODE, KIND_CODE


@dataclass(frozen=True, slots=True)
class Previous:
    """A case as it stands: who is in it, and what a person said of them."""

    number: int
    members: frozenset[int]
    kept_in: frozenset[int] = frozenset()
    kept_out: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What people said of whole sets of accounts, by account id. It holds whatever the evidence.

    apart: pairs of sets (a split): no case holds accounts of both sides; accounts of neither side
    go with the side that ties them more. together: sets (a merge): the clusters in which three
    accounts of one set vote become one, each account keeping the better of its scores. An account
    that is in no cluster is not brought in by either: that is what a member's "in" is for.
    """

    apart: tuple[tuple[frozenset[int], frozenset[int]], ...] = ()
    together: tuple[frozenset[int], ...] = ()


def _column(rows: list, place: int, dtype) -> np.ndarray:
    return np.array([row[place] for row in rows], dtype=dtype)


@dataclass(frozen=True, slots=True)
class Facts:
    """Accounts, attributes, uses and signals as arrays; rows point at each other by position.

    account ids ascend, attribute ids ascend, uses ascend by (attribute, account). Times are whole
    seconds; −1 is unknown. carriers and population are NaN where the prevalence is unknown.
    """

    account: np.ndarray
    party: np.ndarray  # code of the organisation; an account without one is a party of its own
    aggregate: np.ndarray
    flagged: np.ndarray
    attribute: np.ndarray
    kind: np.ndarray
    carriers: np.ndarray
    population: np.ndarray
    networks: Callable[[np.ndarray], np.ndarray]  # attribute ids → code of the network, or −1
    use_account: np.ndarray
    use_attribute: np.ndarray
    use_first: np.ndarray
    use_last: np.ndarray
    signal_account: np.ndarray
    signal_family: np.ndarray
    signal_p: np.ndarray  # NaN: the detector gave none
    signal_group: np.ndarray  # −1: the signal is about this account alone
    signal_bits: np.ndarray  # what calibration makes of its score; NaN: not calibrated
    groups: np.ndarray  # codes of the observations about clusters, ascending

    @classmethod
    def from_columns(
        cls, *, account, party, aggregate, attribute, kind, carriers, population, networks,
        use_account, use_attribute, use_first, use_last,
        signal_account, signal_family, signal_p, signal_group, signal_bits=None,
    ):  # fmt: skip
        """Sort and join the columns. Accounts and attributes are named by id; signal_family is a
        family's code; signal_group a code below zero, or 0 for a signal about one account.

        networks gives for attribute ids (of addresses and of networks) a code of the network, −1
        for anything else: it is asked about the members of candidates only. Uses and signals of
        accounts or attributes that are not listed are left out, and so is a use that is listed
        twice. An account counts as flagged once a detector other than a watermark's has said
        anything about it.
        """
        account = np.asarray(account, dtype=np.int64)
        order = np.argsort(account, kind="stable")
        account = account[order]
        party = np.unique(np.asarray(party)[order], return_inverse=True)[1].astype(np.int64)
        aggregate = np.asarray(aggregate, dtype=bool)[order]

        attribute = np.asarray(attribute, dtype=np.int64)
        by_id = np.argsort(attribute, kind="stable")
        attribute = attribute[by_id]
        kind = np.asarray(kind, dtype=np.int8)[by_id]
        carriers = np.asarray(carriers, dtype=float)[by_id]
        population = np.asarray(population, dtype=float)[by_id]

        ua = positions(account, np.asarray(use_account, dtype=np.int64))
        uv = positions(attribute, np.asarray(use_attribute, dtype=np.int64))
        uses = _in_order(uv, ua, len(account))
        ua, uv = ua[uses].astype(np.int32), uv[uses].astype(np.int32)
        first = np.asarray(use_first, dtype=np.int64)[uses]
        last = np.asarray(use_last, dtype=np.int64)[uses]

        sa = positions(account, np.asarray(signal_account, dtype=np.int64))
        family = np.asarray(signal_family, dtype=np.int8)
        p = np.asarray(signal_p, dtype=float)
        code = np.asarray(signal_group, dtype=np.int64)
        bits = np.full(len(p), np.nan) if signal_bits is None else np.asarray(signal_bits)
        known = sa >= 0
        sa, family, p, code, bits = sa[known], family[known], p[known], code[known], bits[known]
        groups = np.unique(code[code < 0])
        group = np.where(code < 0, np.searchsorted(groups, code), -1)
        order = np.lexsort((bits, np.nan_to_num(p, nan=2.0), group, family, sa))
        flagged = np.zeros(len(account), dtype=bool)
        flagged[sa[family != FAMILY_CODE["watermark"]]] = True
        return cls(
            account, party, aggregate, flagged, attribute, kind, carriers, population, networks,
            ua, uv, first, last,
            sa[order], family[order], p[order], group[order], bits[order], groups,
        )  # fmt: skip

    @classmethod
    def from_tables(
        cls,
        *,
        account: Sequence[np.ndarray],
        attribute: Sequence[np.ndarray],
        use: Sequence[np.ndarray],
        signal: Sequence[np.ndarray],
        networks: Callable[[np.ndarray], np.ndarray],
    ):
        """From the columns of each table, as source.Source names them."""
        return cls.from_columns(
            account=account[0],
            party=account[1],
            aggregate=account[2],
            attribute=attribute[0],
            kind=attribute[1],
            carriers=attribute[2],
            population=attribute[3],
            networks=networks,
            use_account=use[0],
            use_attribute=use[1],
            use_first=use[2],
            use_last=use[3],
            signal_account=signal[0],
            signal_family=signal[1],
            signal_p=signal[2],
            signal_group=signal[3],
            signal_bits=signal[4],
        )

    @classmethod
    def from_rows(
        cls,
        accounts: Iterable[tuple[int, str, bool]],
        attributes: Iterable[tuple[int, str, float | None, float | None]],
        uses: Iterable[tuple[int, int, int | None, int | None]],
        signals: Iterable[tuple[int, str, float | None, str]],
        places: Mapping[int, int] | None = None,
    ):
        """For small tables: (id, organisation, aggregate), (id, kind, carriers, population),
        (account, attribute, first, last) and (account, family, p-value, group key); places: the
        network (an attribute) that an address lies in.
        """
        accounts, attributes = list(accounts), list(attributes)
        uses, signals = list(uses), list(signals)
        nan = float("nan")
        network = {pk: pk for pk, kind, _, _ in attributes if kind == "ip_prefix"}
        network |= places or {}
        return cls.from_columns(
            account=_column(accounts, 0, np.int64),
            party=np.array([org or f"\0{pk}" for pk, org, _ in accounts], dtype=str),
            aggregate=_column(accounts, 2, bool),
            attribute=_column(attributes, 0, np.int64),
            kind=np.array([KIND_CODE[kind] for _, kind, _, _ in attributes], dtype=np.int8),
            carriers=np.array([nan if d is None else d for _, _, d, _ in attributes], dtype=float),
            population=np.array([nan if n is None else n for *_, n in attributes], dtype=float),
            networks=lambda ids: np.array([network.get(int(pk), -1) for pk in ids], dtype=np.int64),
            use_account=_column(uses, 0, np.int64),
            use_attribute=_column(uses, 1, np.int64),
            use_first=np.array([-1 if f is None else f for _, _, f, _ in uses], dtype=np.int64),
            use_last=np.array([-1 if t is None else t for *_, t in uses], dtype=np.int64),
            signal_account=_column(signals, 0, np.int64),
            signal_family=np.array([FAMILY_CODE[f] for _, f, _, _ in signals], dtype=np.int8),
            signal_p=np.array([nan if p is None else p for _, _, p, _ in signals], dtype=float),
            signal_group=[observation_code(key) for *_, key in signals],
        )


def observation_code(key: str) -> int:
    """A code below zero that a group key keeps, or 0 for none."""
    if not key:
        return 0
    return -1 - int.from_bytes(blake2b(key.encode(), digest_size=7).digest())


def _in_order(major: np.ndarray, minor: np.ndarray, size: int) -> np.ndarray:
    """Rows sorted by (major, minor), each pair once, without those where either is −1."""
    key = major * size + minor
    key[(major < 0) | (minor < 0)] = -1
    if len(key) > 1 and (np.diff(key) <= 0).any():
        order = np.argsort(key, kind="stable")
        key = key[order]
    else:
        order = np.arange(len(key))
    fresh = key >= 0
    fresh[1:] &= key[1:] != key[:-1]
    return order if fresh.all() else order[fresh]


def distinct(values: np.ndarray) -> np.ndarray:
    """The values ascending, each once. By sorting: np.unique's table is slower for many keys."""
    if not len(values):
        return values
    values = np.sort(values)
    return values[np.concatenate(([True], values[1:] != values[:-1]))]


def union(*parts: np.ndarray) -> np.ndarray:
    """What is in any of them, ascending, each once."""
    return distinct(np.concatenate(parts))


def among(values: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Which of the values are among the ascending ids."""
    return positions(ids, values) >= 0


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted id stands in the ascending ids; −1 where it does not."""
    if not len(ids) or not len(wanted):
        return np.full(len(wanted), -1, dtype=np.int64)
    if ids[0] >= 0 and ids[-1] < 4 * len(ids) + len(wanted):  # dense: a table is faster
        table = np.full(int(ids[-1]) + 2, -1, dtype=np.int64)
        table[ids] = np.arange(len(ids))
        inside = (wanted >= 0) & (wanted <= ids[-1])
        return table[np.where(inside, wanted, len(table) - 1)]
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1)
