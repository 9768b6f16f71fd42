"""BagIt (RFC 8493) by the standard library: manifests in order, zipped to the same bytes."""

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
README = """\
This is an evidence packet of Stillwatch about case {ref}, as of {as_of}.

The report is data/report.html and data/report.pdf; data/case.json and the files beside it hold
what it rests on. Prompts are left out.

Is it whole and unchanged?  In this folder:

    sha256sum -c manifest-sha256.txt
    sha256sum -c tagmanifest-sha256.txt

or, with any BagIt tool:  bagit.py --validate .

The SHA-256 of the zip file itself stands in the desk's timeline (packet_sealed), so compare that
of your file with the one that you were given on another way.

Is the timeline unbroken?  For each event of data/timeline.json, in order of "seq" from 1:

    content_digest = SHA-256( salt as bytes, then "content" as JSON with keys sorted, no spaces,
                              UTF-8, nothing escaped that need not be )
    hash           = SHA-256( previous_hash | seq | kind | at | actor | content_digest )

joined by "|", with "actor" empty when it is null, and previous_hash empty for the first and the
"hash" of the event before for the others. A null content was erased; its digest still stands. The
last event is number {seq}, with hash
{head}
"""


def write_tags(root: Path, *, info: list[tuple[str, str]], readme: str) -> None:
    """Declaration, bag-info, README and both SHA-256 manifests around root/data."""
    files = sorted(path for path in (root / "data").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(
            f"{name}: {value}\n"
            for name, value in [*info, ("Payload-Oxum", f"{size}.{len(files)}")]
        ),
        "README.txt": readme,
        "manifest-sha256.txt": _manifest(root, files),
    }
    for name, text in tags.items():
        (root / name).write_text(text, encoding="utf-8")
    covered = sorted(root / name for name in tags)
    (root / "tagmanifest-sha256.txt").write_text(_manifest(root, covered), encoding="utf-8")


def zip_bag(root: Path, target: Path, *, at: datetime, beat: Callable[[], None]) -> None:
    """Zip the folder under its own name: sorted, every entry dated `at`, nothing else in it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            beat()
            entry = zipfile.ZipInfo(
                f"{root.name}/{path.relative_to(root).as_posix()}", at.timetuple()[:6]
            )
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            with (
                open(path, "rb") as source,
                archive.open(entry, "w", force_zip64=path.stat().st_size > 2**30) as out,
            ):
                shutil.copyfileobj(source, out, 2**20)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(root: Path, files: list[Path]) -> str:
    return "".join(f"{sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in files)
