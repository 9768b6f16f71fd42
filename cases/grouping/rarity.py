"""How much a fact is worth, in bits: rarity of values, p-values, families and their caps."""

import math

import numpy as np
from scipy.special import gammaincinv

KINDS = (
    "ip", "ip_prefix", "asn", "payment", "email_domain", "registration", "device", "user_agent",
    "template", "harness", "partner_token",
)  # fmt: skip
KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}

# Facts of one family depend on each other, so a family is one witness and has one cap. The caps
# follow from the tiers, not from data: at a prior of 1 in 3,000 (−11.6 bits) one full family
# leaves an account below *possible* (needs 9.6), two full ones make it *core* (needs 15.8).
CAPS = {
    "payment": 8.0,
    "network": 8.0,
    "template": 8.0,
    "timing": 6.0,
    "behaviour": 6.0,
    "client": 4.0,
    "registration": 4.0,
    "volume": 3.0,
    "partner": 3.0,
    # a mark proves training on marked text, not who collected it
    "watermark": 0.0,
}
FAMILIES = tuple(CAPS)
FAMILY_CODE = {family: code for code, family in enumerate(FAMILIES)}
CAP = np.array([CAPS[family] for family in FAMILIES])

# What is said is one domain: a template and the likeness of all prompts rest on the same words.
# Families of one domain are shown apart, but are one of the two that must tie, under one cap.
DOMAIN = np.array([FAMILY_CODE["template" if f == "behaviour" else f] for f in FAMILIES])
CONTENT = (FAMILY_CODE["template"], FAMILY_CODE["behaviour"])

FAMILY_OF_KIND = {
    "ip": "network",
    "ip_prefix": "network",
    "asn": "network",
    "payment": "payment",
    "email_domain": "registration",
    "registration": "registration",
    "device": "client",
    "user_agent": "client",
    "harness": "client",
    "template": "template",
    "partner_token": "partner",
}
KIND_FAMILY = np.array([FAMILY_CODE[FAMILY_OF_KIND[kind]] for kind in KINDS])

# Half the world rents from a few network operators: one adds to other ties and is none by itself.
WEAK_KINDS = ("asn",)

# A detector's word about one account alone ties it to nobody: it says that the account is odd.
ALONE_CAP = 3.0
# Carried by more than one party in nine: context, never a tie.
CONTEXT_BITS = 3.0
# What few carry may tie and find newcomers. The bound is also what a look-up may have to read.
FEW, FEW_SHARE = 1_000, 1 / 64
LOWER_TAIL = 0.1587  # one standard deviation
# P(two accounts of one operator share a value that the operator uses), Fellegi–Sunter's m.
M = 0.9


def log_odds(p: float) -> float:
    """log2(p / (1 − p))."""
    return math.log2(p / (1 - p))


def probability(bits):
    """The inverse of log_odds, for a number or an array."""
    return 1 / (1 + np.exp2(-np.asarray(bits, dtype=float)))


# where the tiers begin
CORE, LIKELY, POSSIBLE = 0.95, 0.70, 0.20
CORE_BITS, LIKELY_BITS, POSSIBLE_BITS = (log_odds(p) for p in (CORE, LIKELY, POSSIBLE))


def tier(p: float) -> str:
    return "core" if p >= CORE else "likely" if p >= LIKELY else "possible"


def rarity_bits(carriers, population):
    """log2(m / u) with u = carriers / population; NaN where the prevalence is unknown.

    carriers and population count parties (organisations) where those are known, else accounts.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.asarray(carriers, dtype=float) / np.asarray(population, dtype=float)
        return np.where(u > 0, np.log2(M / u), np.nan)


def few(carriers, population):
    """Whether few parties carry a value: known, and at most FEW or FEW_SHARE of the population."""
    with np.errstate(invalid="ignore"):
        return carriers <= np.maximum(FEW, population * FEW_SHARE)


def p_value_bits(p):
    """The most that a p-value can be worth: log2 of 1 / (−e·p·ln p) for p < 1/e, else 0.

    Sellke, Bayarri and Berger (2001): an upper bound of the Bayes factor, which is why it is
    capped wherever it is used. NaN (no p-value) is worth 0: likelihood ratio 1 until calibrated.
    """
    p = np.asarray(p, dtype=float)
    known = np.clip(np.where(np.isnan(p), 1.0, p), 1e-300, 1.0)
    bound = np.where(known < 1 / math.e, known, 1 / math.e)
    return np.maximum(0.0, -np.log2(-math.e * bound * np.log(bound)))


_AT_LEAST = gammaincinv(np.maximum(np.arange(4_096), 1e-9), LOWER_TAIL)


def at_least(count):
    """The lower end of the 68 % interval of a Poisson mean of which count were seen.

    A value on two members is not yet their habit: what few carry is worth little, however rare.
    """
    count = np.asarray(count)
    few = _AT_LEAST[np.minimum(count, len(_AT_LEAST) - 1)]
    return np.where(count < len(_AT_LEAST), few, count - np.sqrt(count))


def paid(bits, rank, values):
    """What a hit of one kind is worth after the looks: bits, its rank from the best (0), and how
    many values of the kind the account has.

    The i-th best of s values pays log2(s / i), as in Simes' and Benjamini and Hochberg's tests: an
    account with fifty addresses shares one by chance fifty times as easily, yet not all of them.
    """
    return np.maximum(bits - np.log2(np.maximum(values, rank + 1.0) / (rank + 1.0)), 0.0)


def several(gain, rank):
    """What hits of one kind add, by their rank (0 first) in what is left of each after the looks.

    Simes' test takes the best of all ranks: who shares each of twelve values shares more than who
    shares one, though his best one pays for twelve looks. Every further hit counts half as much as
    the one before it: values of one kind come together, as the exits of one seller do.
    """
    return gain * np.exp2(-np.asarray(rank, dtype=float))
