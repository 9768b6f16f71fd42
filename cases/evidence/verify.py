"""Checks a packet from its file alone: needs neither our database nor us."""

import json
import logging
import shutil
import stat
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path

import bagit
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from cases.evidence.bag import PUBLIC_KEY, SIGNATURE, TAG_MANIFEST, zip_bag
from cases.evidence.build import rebuild
from cases.services.timeline import chain_hash, content_digest

FILES, BYTES = 10_000, 50 * 2**30  # more than a packet has; a bomb is refused before it unpacks

# it names every file at INFO and repeats as a warning what we answer
logging.getLogger("bagit").setLevel(logging.CRITICAL)


def verify(path: Path, *, trusted: bytes | None = None, again: bool = False) -> list[str]:
    """What does not hold, in words; empty when the packet is whole, signed, its chain unbroken.

    trusted: the sender's public key as PEM, had on another way; without it the signature shows
    only that the packet fits the key that lies in it. again: build it anew from its own data, so
    that reports which say something else than the data are found.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                problems = _unsafe(archive)
                if problems:
                    return problems
                _unpack(archive, Path(folder, "bag"))
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            return [f"{path}: cannot be read as a zip file: {error}"]
        (root,) = Path(folder, "bag").iterdir()
        problems = _bag_problems(root) or _signature_problems(root, trusted)
        problems = problems or _chain_problems(root)
        return problems or _zip_problems(path, root, Path(folder), again=again)


def signed_by(path: Path) -> str:
    """The id that the packet gives for its key, to be looked up at the sender's."""
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/data/report.json"))
        return json.loads(archive.read(name))["signed_by"]


def _unsafe(archive: zipfile.ZipFile) -> list[str]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if not names or len(names) > FILES or sum(entry.file_size for entry in entries) > BYTES:
        return ["not a packet: it has no files, or too many or too large ones"]
    problems = [f"{name}: is in the zip twice" for name in sorted(set(names)) if
                names.count(name) > 1]  # fmt: skip
    for entry in entries:
        parts = entry.filename.split("/")
        mode = stat.S_IFMT(entry.external_attr >> 16)
        if {"", ".", ".."} & set(parts[:-1]) or "\\" in entry.filename or ":" in parts[0]:
            problems.append(f"{entry.filename}: has an unsafe path")
        elif mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            problems.append(f"{entry.filename}: is not a plain file")
    if len({name.split("/")[0] for name in names}) != 1 or not any("/" in name for name in names):
        problems.append("not a packet: it must hold one folder")
    return problems


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    for entry in archive.infolist():
        target = folder / entry.filename
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out, 2**20)


def _bag_problems(root: Path) -> list[str]:
    try:
        bag = bagit.Bag(str(root))
        if "sha256" not in bag.algorithms:
            return ["the bag has no SHA-256 manifest"]
        found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        missing = sorted(set(bag.entries) - found)
        extra = sorted(found - set(bag.entries) - {TAG_MANIFEST, SIGNATURE, PUBLIC_KEY})
        if missing or extra:
            return [f"{name}: is missing" for name in missing] + [
                f"{name}: is in no manifest" for name in extra
            ]
        bag.validate()
    except bagit.BagValidationError as error:
        return [str(one) for one in error.details] or [str(error)]
    except (bagit.BagError, OSError, ValueError) as error:
        return [f"not a whole bag: {error}"]
    return []


def _signature_problems(root: Path, trusted: bytes | None) -> list[str]:
    try:
        pem = (root / PUBLIC_KEY).read_bytes()
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            return [f"{PUBLIC_KEY}: is not an Ed25519 key"]
        if key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) != pem:
            return [f"{PUBLIC_KEY}: was changed"]
        key.verify((root / SIGNATURE).read_bytes(), (root / TAG_MANIFEST).read_bytes())
    except FileNotFoundError as error:
        return [f"{Path(error.filename).relative_to(root)}: is missing, so it is not signed"]
    except (ValueError, TypeError):
        return [f"{PUBLIC_KEY}: cannot be read as a key"]
    except InvalidSignature:
        return [f"{SIGNATURE}: does not fit {TAG_MANIFEST} and {PUBLIC_KEY}"]
    try:
        expected = load_pem_public_key(trusted) if trusted else key
    except (ValueError, TypeError):
        return ["the key that you gave cannot be read: give the sender's PEM file"]
    if expected != key:
        return ["signed with another key than the one that you gave"]
    return []


def _zip_problems(path: Path, root: Path, folder: Path, *, again: bool) -> list[str]:
    """What no manifest covers: the zip's own bytes; with again the reports too."""
    try:
        if again:
            made = rebuild(root, folder / "again")
            rebuilt = folder / "again" / root.name
            differ = [
                name.relative_to(root).as_posix()
                for name in sorted(root.rglob("*"))
                if name.is_file() and name.read_bytes() != _bytes(rebuilt / name.relative_to(root))
            ]
            if differ:
                return [f"{name}: is not what the packet's data make" for name in differ]
        else:
            made = folder / "made.zip"
            as_of = json.loads((root / "data/case.json").read_bytes())["as_of"]
            zip_bag(root, made, at=datetime.fromisoformat(as_of), beat=lambda: None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"cannot be built again from its data: {type(error).__name__} {error}"]
    place = _first_difference(path, made)
    return [] if place is None else [f"the zip file itself was changed, at byte {place:,}"]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _first_difference(one: Path, other: Path) -> int | None:
    with open(one, "rb") as a, open(other, "rb") as b:
        place = 0
        while True:
            left, right = a.read(2**20), b.read(2**20)
            if left != right:
                pairs = enumerate(zip(left, right, strict=False))
                at = next((i for i, (x, y) in pairs if x != y), min(len(left), len(right)))
                return place + at
            if not left:
                return None
            place += len(left)


def _chain_problems(root: Path) -> list[str]:
    try:
        lines = (root / "data/timeline.jsonl").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        stated = json.loads((root / "data/case.json").read_bytes())["chain"]
        problems, previous = [], ""
        for place, event in enumerate(events, start=1):
            where = f"timeline event {event['seq']}"
            if event["seq"] != place:
                return [*problems, f"{where}: event {place} is missing"]
            if event["previous_hash"] != previous:
                problems.append(f"{where}: does not follow the event before it")
            if event["hash"] != chain_hash(
                event["previous_hash"], event["seq"], event["kind"],
                datetime.fromisoformat(event["at"]), event["actor"], event["content_digest"],
            ):  # fmt: skip
                problems.append(f"{where}: was changed")
            if event["content"] is not None:
                salt = bytes.fromhex(event["salt"])
                if content_digest(salt, event["content"]) != event["content_digest"]:
                    problems.append(f"{where}: its content was changed")
            previous = event["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"the timeline cannot be read: {type(error).__name__} {error}"]
    if not events or stated != {"seq": events[-1]["seq"], "hash": previous}:
        problems.append("case.json states another end of the timeline")
    return problems
