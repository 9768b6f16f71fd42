"""What the pages about partners show: their records, what was matched, what came in."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from analyst.partner_access import visible_matches
from cases.matching.transcript import BadTranscript, check_all
from cases.models import MatchPeer, MatchSession, Partner, SharedObject, Tip
from cases.services.match_set import BLOBS, asks_left
from cases.services.partner_record import Record, records_of
from cases.services.signing import signing_key
from ingest.models import Attribute

PAGE = 100
INBOX = 40
BESIDE = 20
FOUND_SHOWN = 500
LARGE = ("transcript", "attributes", "found", "evaluated", "points", "answer", "sealed_scalar")
State = MatchSession.State
STANDING = {  # state of a matching -> icon, tone
    State.WAITING: ("clock", ""),
    State.ANSWERED: ("half", ""),
    State.COUNTED: ("check", ""),
    State.WANTED: ("clock", "up"),
    State.AGREED: ("lock", ""),
    State.REFUSED: ("no", ""),
    State.NAMED: ("check", "good"),
    State.FAILED: ("warn", "bad"),
}
TIP_STANDING = {
    Tip.State.OPEN: ("no", ""), Tip.State.TAKEN: ("check", "good"), Tip.State.ASIDE: ("x", ""),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A partner with its record; bar: the posterior mean and interval in 0 to 100."""

    partner: Partner
    record: Record
    kinds: list[Record]

    @property
    def bar(self) -> dict:
        low, high = self.record.interval
        return {
            "mean": round(100 * self.record.mean, 1), "low": round(100 * low, 1),
            "span": round(100 * (high - low), 1),
        }  # fmt: skip


def partner_rows(partners: list[Partner]) -> list[Row]:
    """In one query more, however many."""
    found = records_of(partners)
    return [Row(one, found[one.pk][0], found[one.pk][1:]) for one in partners]


def dressed(sessions: list[MatchSession]) -> list[MatchSession]:
    for one in sessions:
        one.icon, one.tone = STANDING[one.state]
    return sessions


def latest_matches(user: User, after: str) -> tuple[list[MatchSession], int | None]:
    """Newest first, a page by key, and the key of the next page."""
    return _page(visible_matches(user).defer(*LARGE), after)


def latest_tips(after: str, state: str = "") -> tuple[list[Tip], int | None]:
    rows = Tip.objects.select_related("partner", "entered_by").defer(
        "body", "observables", "words", "problems"
    )
    if state in Tip.State.values:
        rows = rows.filter(state=state)
    tips, following = _page(rows, after)
    for tip in tips:
        tip.icon, tip.tone = TIP_STANDING[tip.state]
    return tips, following


def _page(rows, after: str) -> tuple[list, int | None]:
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    if found and isinstance(found[0], MatchSession):
        dressed(found)
    return found, found[-1].pk if more else None


def inbox() -> list[SharedObject]:
    """What partners sent over TAXII, newest first."""
    rows = SharedObject.objects.filter(collection__way="in", removed_at=None, is_last=True)
    return list(rows.select_related("collection__partner").defer("body").order_by("-pk")[:INBOX])


def around(user: User) -> dict:
    """What the Sharing page shows beside the shares: inbox, partners' records, last matches."""
    partners = list(Partner.objects.filter(enabled=True).select_related("detector")[:BESIDE])
    matches = visible_matches(user).defer(*LARGE)
    tips = list(
        Tip.objects.select_related("partner")
        .defer("body", "observables", "words", "problems")
        .order_by("-pk")[:BESIDE]
    )
    for tip in tips:
        tip.icon, tip.tone = TIP_STANDING[tip.state]
    return {
        "rows": partner_rows(partners) if partners else [],
        "matches": dressed(list(matches.order_by("-pk")[:8])),
        "tips": tips,
        "incoming": inbox() if partners else [],
    }


def facts_of(partner: Partner) -> dict:
    """Key, quota and signing key of private matching with a partner."""
    key = partner.match_keys.filter(retired_at=None).defer(*BLOBS).select_related("job").first()
    asks, values = asks_left(partner)
    peer = MatchPeer.objects.filter(partner=partner).first()
    return {
        "key": key,
        "asks_left": asks,
        "values_left": values,
        "signing_key": bytes(peer.signing_key).hex() if peer else "",
    }


@dataclass(frozen=True)
class MatchPage:
    statements: list[dict]
    holds: str  # empty: it does; else why not
    found: list[Attribute]
    cut: bool


def match_page(session: MatchSession) -> MatchPage:
    """The transcript, whether it holds, and the values that both hold."""
    rows = Attribute.objects.filter(pk__in=session.found or []).order_by("kind", "value")
    found = list(rows[: FOUND_SHOWN + 1])
    statements = [one["statement"] for one in session.transcript]
    return MatchPage(
        statements=[
            {
                "step": one["step"],
                "by": "we" if (one["by"] == "asker") == session.ours else session.partner.name,
                "facts": ", ".join(
                    f"{name} {str(value)[:16]}" for name, value in sorted(one.items())
                    if name not in ("protocol", "step", "session", "by", "after")
                ),
            }
            for one in statements
        ],
        holds=_holds(session),
        found=found[:FOUND_SHOWN],
        cut=len(found) > FOUND_SHOWN,
    )  # fmt: skip


def _holds(session: MatchSession) -> str:
    peer = MatchPeer.objects.filter(partner=session.partner).first()
    ours = bytes(signing_key()[0].public_key)
    theirs = bytes(peer.signing_key) if peer else ours
    asker, answerer = (ours, theirs) if session.ours else (theirs, ours)
    try:
        check_all(session.transcript, str(session.uid), asker=asker, answerer=answerer)
    except BadTranscript as error:
        return str(error)
    return ""
