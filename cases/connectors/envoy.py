"""Envoy's global rate limit service: renders its file, and checks what it has loaded.

The service has no call that changes a limit: it reads YAML from a folder. So each order rewrites
one file of a domain of our own, first in shadow mode; only when the service says (`/rlconfig`)
that it has loaded that line is it written again to be enforced, and the order is done when that too
is loaded, and a limit of none is seen to refuse. Held to the service's contract, not tried live.

Settings: file (the path; the folder is the service's), domain, admin_url (where /rlconfig is), keys
(target kind: descriptor key; account alone unless told). The address is the service's own, where
POST /json asks about a descriptor. No secret is needed.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

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
from cases.connectors.webhook import quoted
from ingest.outbound import Answer, NoAnswer, NotSent

LOADED_WITHIN = 4.0  # seconds that the service may take to see a new file
LOADED_BYTES = 4 * 2**20  # some ten thousand lines
LINE = re.compile(r"unit=MINUTE requests_per_unit=([0-9]+), shadow_mode: (true|false)")
ENTRY = re.compile(
    r'^  - key: "(?P<key>[^"]*)"\n    value: "(?P<value>[^"]*)"\n    rate_limit:\n'
    r"      unit: minute\n      requests_per_unit: (?P<most>[0-9]+)\n"
    r"    shadow_mode: (?P<shadow>true|false)\n",
    re.M,
)


class Envoy:
    honours_key = False  # a file says what is, not what to do
    reads_back = True

    def __init__(self, endpoint: Endpoint, wire: Wire):
        self._endpoint, self._wire = endpoint, wire
        settings = endpoint.settings
        self._file, self._domain = Path(settings["file"]), settings["domain"]
        self._admin = settings["admin_url"].rstrip("/")
        self._keys = settings.get("keys") or {"account": "account"}

    def preview(self, command: Command) -> str:
        key, value = self._descriptor(command.target)
        most = self._most(command)
        if most is None:
            return f"{self._file}: without {key}={value}"
        return f"{self._file}:\n{_rendered({(key, value): (most, False)}, self._domain)}"

    def read(self, target: Target) -> Reading:
        found = self._loaded(self._descriptor(target))
        if found is None or found[1]:  # in shadow mode nothing is refused
            return Reading("active", {"requests_per_minute": None})
        most = found[0]
        return Reading("limited" if most else "suspended", {"requests_per_minute": most})

    def apply(self, command: Command) -> Answer:
        place, most = self._descriptor(command.target), self._most(command)
        if most is None:
            self._write(place, None)
            self._wait(place, None)
            return Answer(200, {}, b"taken out of the file, and out of what is loaded")
        for shadow in (True, False):
            self._write(place, (most, shadow))
            self._wait(place, (most, shadow))
        if not most and not self._refuses(place):
            raise ReadBackFailed("it has loaded a limit of none, and lets a request through")
        return Answer(200, {}, b"loaded in shadow mode, then enforced, then loaded again")

    def revert(self, command: Command) -> Answer:
        return self.apply(command)

    def holds(self, reading: Reading, command: Command) -> bool:
        return reading.native["requests_per_minute"] == self._most(command)

    def probe(self) -> Probe:
        try:
            answer = self._wire.request(
                "probe", "GET", f"{self._admin}/rlconfig", headers={}, answer_bytes=LOADED_BYTES
            )
        except (NotSent, NoAnswer) as error:
            return Probe(False, f"It cannot be asked what it has loaded: {error}.")
        if answer.status != 200:
            return Probe(False, f"Asked what it has loaded, it answered {answer.status}.")
        if not os.access(self._file.parent, os.W_OK):
            return Probe(False, f"{self._file.parent} cannot be written to.")
        ours = answer.body.decode(errors="replace").count(f"{self._domain}.")
        return Probe(True, f"It has loaded {ours:,} limits of {self._domain}; the file is ours.")

    def _most(self, command: Command) -> int | None:
        """Requests a minute that the command comes to; None: no line of ours."""
        if command.state == "limited":
            most = command.limits.get("rpm", command.restore.get("requests_per_minute"))
            if most is None:
                raise CannotCarry("Envoy counts requests: a limit needs its requests a minute")
            return most
        if command.state == "suspended":
            return 0
        if command.state == "active":
            return command.restore.get("requests_per_minute")
        raise CannotCarry(f"Envoy cannot make anybody {command.state}")

    def _descriptor(self, target: Target) -> tuple[str, str]:
        """Key and value as the file has them; the value percent-encoded, as Envoy must send it."""
        if target.kind not in self._keys:
            raise CannotCarry(f"its settings name no descriptor key for a {target.kind}")
        return self._keys[target.kind], quoted(target.id)

    def _write(self, place: tuple[str, str], line: tuple[int, bool] | None) -> None:
        """Change one line of the file, whole or not at all; several workers take turns."""
        try:
            with open(self._file.with_suffix(".lock"), "wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                text = self._file.read_text() if self._file.exists() else ""
                lines = {
                    (one["key"], one["value"]): (int(one["most"]), one["shadow"] == "true")
                    for one in ENTRY.finditer(text)
                }
                lines.pop(place, None)
                if line:
                    lines[place] = line
                new = self._file.with_suffix(".new")
                with open(new, "w") as out:
                    out.write(_rendered(lines, self._domain))
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(new, self._file)
        except OSError as error:
            raise NotSent(f"{self._file} cannot be written: {error.strerror}") from None

    def _wait(self, place: tuple[str, str], line: tuple[int, bool] | None) -> None:
        """Until the service has loaded it. Raises ReadBackFailed when it does not."""
        end = time.monotonic() + LOADED_WITHIN
        while self._loaded(place) != line:
            if time.monotonic() > end:
                raise ReadBackFailed("the file is written, and the service has not loaded it")
            time.sleep(0.2)

    def _loaded(self, place: tuple[str, str]) -> tuple[int, bool] | None:
        answer = self._wire.request(
            "read", "GET", f"{self._admin}/rlconfig", headers={}, answer_bytes=LOADED_BYTES
        )
        if answer.status != 200:
            raise ReadBackFailed(f"/rlconfig answered {answer.status}", answer)
        name = f"{self._domain}.{place[0]}_{place[1]}: "
        for line in answer.body.decode(errors="replace").splitlines():
            if line.startswith(name) and (found := LINE.match(line.removeprefix(name))):
                return int(found[1]), found[2] == "true"
        return None

    def _refuses(self, place: tuple[str, str]) -> bool:
        entries = [{"key": place[0], "value": place[1]}]
        body = json.dumps({"domain": self._domain, "descriptors": [{"entries": entries}]})
        url = f"{self._endpoint.url.rstrip('/')}/json"
        headers = {"Content-Type": "application/json"}
        answer = self._wire.request("read", "POST", url, headers=headers, body=body.encode())
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            said = json.loads(answer.body).get("overallCode")
            return answer.status == 429 or said == "OVER_LIMIT"
        return answer.status == 429


def _rendered(lines: Mapping[tuple[str, str], tuple[int, bool]], domain: str) -> str:
    """The service's YAML: one descriptor a line of ours. Values hold no quote: they are encoded."""
    text = f'# written by Stillwatch; changes by hand are lost\ndomain: "{domain}"\ndescriptors:\n'
    for (key, value), (most, shadow) in sorted(lines.items()):
        text += (
            f'  - key: "{key}"\n    value: "{value}"\n    rate_limit:\n      unit: minute\n'
            f"      requests_per_unit: {most}\n    shadow_mode: {str(shadow).lower()}\n"
        )
    return text if lines else text.replace("descriptors:\n", "descriptors: []\n")
