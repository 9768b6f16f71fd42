"""A LiteLLM proxy by its admin calls: keys, end users (customers) and teams.

Held to the contract that proxy 1.108.7 serves at /openapi.json; live only where LITELLM_URL names a
proxy with a database. Some calls answer 200 without an effect: `/customer/block` writes a flag that
no open code path looks at. So end users get a budget of no requests instead, and every order is
done only when it was read back.

The connector's secret is an admin key. Settings: account_is ("key", "end_user" or "team"): what an
account of the desk is in this proxy. A key is named by its hash, never as sk-….
"""

import json
from collections.abc import Mapping
from urllib.parse import quote

from cases.connectors.protocol import (
    CannotCarry,
    Command,
    Endpoint,
    Probe,
    ReadBackFailed,
    Reading,
    Target,
    Wire,
)
from ingest.outbound import Answer, NoAnswer, NotSent

LIMITS = {"rpm": "rpm_limit", "tpm": "tpm_limit"}
NONE_ALLOWED = "stillwatch-none-allowed"
UNLIMITED = "stillwatch-unlimited"
NOUNS = {"key": "key", "end_user": "end_user", "organisation": "team"}
STOPS = ("suspended", "revoked")


class LiteLLM:
    honours_key = False  # its calls know no idempotency key: they set, and are read back
    reads_back = True

    def __init__(self, endpoint: Endpoint, wire: Wire):
        self._endpoint, self._wire = endpoint, wire
        self._base = endpoint.url.rstrip("/")

    def preview(self, command: Command) -> str:
        return "\n".join(f"POST {path}\n{json.dumps(body)}" for path, body in self._calls(command))

    def read(self, target: Target) -> Reading:
        noun, name = self._noun(target), self._name(target)
        path, field = {
            "key": ("/key/info?key=", "info"),
            "end_user": ("/customer/info?end_user_id=", None),
            "team": ("/team/info?team_id=", "team_info"),
        }[noun]
        answer = self._ask("read", "GET", path + quote(name, safe=""))
        if answer.status == 404:
            return Reading(None)
        if answer.status != 200:
            raise ReadBackFailed(f"reading back answered {answer.status}", answer)
        found = _object(answer)
        found = found.get(field) if field else found
        if not isinstance(found, Mapping):
            raise ReadBackFailed("reading back gave no settings", answer)
        native = {"blocked": bool(found.get("blocked"))}
        where = found
        if noun == "end_user":
            where = found.get("litellm_budget_table") or {}
            native["budget_id"] = found.get("budget_id") or where.get("budget_id")
        native |= {name: where.get(name) for name in LIMITS.values()}
        stopped = native["rpm_limit"] == 0 if noun == "end_user" else native["blocked"]
        ended = "revoked" if target.kind == "key" else "suspended"
        return Reading(ended if stopped else "active", native)

    def apply(self, command: Command) -> Answer:
        answer = None
        for path, body in self._calls(command):
            if path == "/budget/new" and self._has_budget(body):
                continue
            answer = self._ask("send", "POST", path, body, by=command.order)
            if not 200 <= answer.status < 300:
                return answer
        return answer

    def revert(self, command: Command) -> Answer:
        if command.state == "active" and not command.restore:
            raise CannotCarry("what it was before was not recorded: set it in the proxy")
        return self.apply(command)

    def holds(self, reading: Reading, command: Command) -> bool:
        native = reading.native
        if command.state in STOPS:
            return reading.state in STOPS
        if reading.state in STOPS:
            return False
        if command.state == "limited":
            asked = self._limits(command)
            return all(native.get(name) == most for name, most in asked.items())
        told = ("budget_id", *LIMITS.values())
        return all(
            native.get(name) == command.restore[name]
            or (name == "budget_id" and command.restore[name] is None
                and native.get(name) == UNLIMITED)
            for name in told if name in command.restore
        )  # fmt: skip

    def probe(self) -> Probe:
        try:
            answer = self._ask("probe", "GET", "/key/info")
        except (NotSent, NoAnswer) as error:
            return Probe(False, f"It cannot be asked: {error}.")
        if answer.status == 200:
            return Probe(True, "It knows the admin key.")
        if "Database not connected" in answer.body.decode(errors="replace"):
            return Probe(False, "It has no database: use the list that the proxy reads instead.")
        return Probe(False, f"Asked for the admin key's own entry, it answered {answer.status}.")

    def _calls(self, command: Command) -> list[tuple[str, dict]]:
        """The calls of one order, in turn. Each sets, so all of them may be made again."""
        noun, name = self._noun(command.target), self._name(command.target)
        if command.kind == "verify":
            raise CannotCarry("LiteLLM has no way to ask somebody to verify an account")
        if noun == "end_user":
            return self._calls_for_end_user(name, command)
        field = "team_id" if noun == "team" else "key"
        if command.state in STOPS:
            return [(f"/{noun}/block", {field: name})]
        if command.state == "limited":
            return [(f"/{noun}/update", {field: name, **self._limits(command)})]
        calls = [(f"/{noun}/unblock", {field: name})]
        was = command.restore
        limits = {one: was[one] for one in LIMITS.values() if one in was}
        if limits:
            calls.append((f"/{noun}/update", {field: name, **limits}))
        return calls

    def _calls_for_end_user(self, name: str, command: Command) -> list[tuple[str, dict]]:
        if command.state in STOPS:
            budget = {"budget_id": NONE_ALLOWED, "rpm_limit": 0}
        elif command.state == "limited":
            limits = self._limits(command)
            said = "-".join(
                f"{short}{limits[long]}" for short, long in LIMITS.items() if long in limits
            )
            budget = {"budget_id": f"stillwatch-{said}", **limits}
        elif was := command.restore.get("budget_id"):
            return [("/customer/update", {"user_id": name, "budget_id": was})]
        else:  # a budget cannot be taken away again: one without limits stands for none
            budget = {"budget_id": UNLIMITED}
        return [
            ("/budget/new", budget),
            ("/customer/update", {"user_id": name, "budget_id": budget["budget_id"]}),
        ]

    def _has_budget(self, budget: Mapping) -> bool:
        """A budget of that name is made once; a second /budget/new of it is an error."""
        answer = self._ask("read", "POST", "/budget/info", {"budgets": [budget["budget_id"]]})
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return False
        return answer.status == 200 and any(
            isinstance(one, Mapping) and one.get("budget_id") == budget["budget_id"]
            for one in (found if isinstance(found, list) else [])
        )

    def _limits(self, command: Command) -> dict[str, int]:
        limits = {LIMITS[name]: most for name, most in command.limits.items() if name in LIMITS}
        limits = limits or {
            name: command.restore[name]
            for name in LIMITS.values()
            if command.restore.get(name) is not None
        }
        if not limits:
            raise CannotCarry("LiteLLM needs the requests or tokens a minute of a limit")
        return limits

    def _noun(self, target: Target) -> str:
        if target.is_account:
            return self._endpoint.settings.get("account_is", "key")
        return NOUNS[target.kind]

    def _name(self, target: Target) -> str:
        if target.id.startswith("sk-"):
            raise CannotCarry("a key is named by its hash, never as sk-…")
        return target.id

    def _ask(self, step: str, method: str, path: str, body=None, *, by: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {self._endpoint.secret}"}
        if by:
            headers["litellm-changed-by"] = f"Stillwatch {by}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        return self._wire.request(step, method, self._base + path, headers=headers, body=content)


def _object(answer: Answer) -> Mapping:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ReadBackFailed("reading back gave no JSON", answer) from None
    if not isinstance(found, Mapping):
        raise ReadBackFailed("reading back gave no object", answer)
    return found
