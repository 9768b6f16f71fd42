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

from cases.services.timeline import chain_hash, content_digest

FILES, BYTES = 10_000, 50 * 2**30  # more than a packet has; a bomb is refused before it unpacks

# it names every file at INFO and repeats as a warning what we answer
logging.getLogger("bagit").setLevel(logging.CRITICAL)


def verify(path: Path) -> list[str]:
    """What does not hold, in words; empty when the packet is whole and its chain unbroken."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                problems = _unsafe(archive)
                if problems:
                    return problems
                _unpack(archive, Path(folder))
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            return [f"{path}: cannot be read as a zip file: {error}"]
        (root,) = Path(folder).iterdir()
        return _bag_problems(root) or _chain_problems(root)


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
        extra = sorted(
            name for name in found - set(bag.entries) if not name.startswith("tagmanifest-")
        )
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


def _chain_problems(root: Path) -> list[str]:
    try:
        events = json.loads((root / "data/timeline.json").read_bytes())
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
