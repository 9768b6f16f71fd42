"""What the timeline says of orders under way, appeals and authorisations. Pure."""

from collections.abc import Mapping
from datetime import datetime


def _ref(body: Mapping, name: str = "order") -> str:
    return str(body.get(name) or "an action")


def _quoted(body: Mapping, name: str = "reason") -> str:
    return f"“{body[name]}”" if body.get(name) else ""


def _many(body: Mapping, name: str = "accounts", noun: str = "account") -> str:
    number = body.get(name)
    if not isinstance(number, int):
        return ""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _day(body: Mapping, name: str = "until") -> str:
    try:
        return f"{datetime.fromisoformat(str(body.get(name))):%-d %b %Y}"
    except ValueError:
        return "a later day"


def _verb(verb: str, *, name: str = "order", quote: str = "reason"):
    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        return f"{who} {verb} {_ref(body, name)}", _quoted(body, quote)

    return words


def _staged(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"Stage {body.get('stage')} of {body.get('of')} of {_ref(body)} opened", _many(body)


def _paused(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{who} paused {_ref(body)}", str(body.get("reason") or "")


def _expired(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{_ref(body)} expired: nobody approved it in time", ""


def _lapsed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    back = f"{body['back']} puts back what it changed" if body.get("back") else ""
    return f"{_ref(body)} has reached its end", back


def _renewed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{who} renewed {_ref(body)} until {_day(body)}", _quoted(body)


def _renewal(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{_ref(body)} ends on {_day(body)} unless a second person renews it", ""


def _contacted(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{who} wrote to {_many(body) or 'customers'} for {_ref(body)}", _quoted(body, "note")


def _filed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    ref, account = _ref(body, "appeal"), str(body.get("account") or "an account")
    return f"{ref}: {account} appeals against {_ref(body)}", f"to be decided by {_day(body)}"


def _decided(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    outcome = str(body.get("outcome") or "decided")
    others = _many(body, "others", "other account")
    facts = [f"{others} caught by the same evidence"] if others else []
    facts += [_quoted(body, "rationale")] if body.get("rationale") else []
    return f"{who} {outcome} {_ref(body, 'appeal')} against {_ref(body)}", "; ".join(facts)


def _authorised(verb: str):
    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        what = f"{body.get('kind') or 'act'} up to {_many(body) or 'some accounts'}"
        return f"{who} {verb} {_ref(body, 'authorisation')}: {what}", _quoted(body)

    return words


def _drifted(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    accounts = _many(body) or "Accounts"
    return f"{accounts} changed at the platform by others", str(body.get("says") or "")


ORDER_WORDS = {
    "enforcement_changed": _verb("changed"),
    "enforcement_paused": _paused,
    "enforcement_resumed": _verb("let go on"),
    "enforcement_staged": _staged,
    "enforcement_expired": _expired,
    "enforcement_lapsed": _lapsed,
    "enforcement_renewed": _renewed,
    "renewal_asked": _renewal,
    "customers_contacted": _contacted,
    "appeal_filed": _filed,
    "appeal_taken": _verb("took", name="appeal"),
    "appeal_decided": _decided,
    "authorisation_proposed": _authorised("proposed"),
    "authorisation_approved": _authorised("approved"),
    "authorisation_refused": _authorised("refused"),
    "authorisation_ended": _authorised("ended"),
    "platform_drifted": _drifted,
}
