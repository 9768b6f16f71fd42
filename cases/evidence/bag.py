"""BagIt (RFC 8493) by the standard library: signed, and zipped to the same bytes anywhere."""

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = f"signature/{TAG_MANIFEST}.sig"
PUBLIC_KEY = "signature/public-key.pem"
DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
README = """\
This is an evidence packet of Stillwatch about case {ref}, as of {as_of}.

The report is data/report.html and data/report.pdf; data/case.json and the files beside it hold
what it rests on. Profile: {profile}. {leaves_out}

Is it whole and unchanged?  In this folder:

    sha256sum -c manifest-sha256.txt
    sha256sum -c tagmanifest-sha256.txt

or, with any BagIt tool:  bagit.py --validate .

Is it ours?  The tag manifest covers all of it, and is signed with Ed25519 (OpenSSL 3 or newer):

    openssl pkeyutl -verify -rawin -pubin -inkey {public_key} \\
        -in tagmanifest-sha256.txt -sigfile {signature}

The key in this folder proves nothing by itself: take key {key_id} from the desk that sent the
packet, at /.well-known/stillwatch-signing-keys/{key_id}.pem, and compare the two, or give openssl
that one.

Is the timeline unbroken?  For each event of data/timeline.jsonl, in order of "seq" from 1:

    content_digest = SHA-256( salt as bytes, then "content" as JSON with keys sorted, no spaces,
                              UTF-8, nothing escaped that need not be )
    hash           = SHA-256( previous_hash | seq | kind | at | actor | content_digest )

joined by "|", with "actor" empty when it is null, and previous_hash empty for the first and the
"hash" of the event before for the others. A null content was erased, or left out of this packet;
its digest still stands. The last event is number {seq}, with hash
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
    (root / TAG_MANIFEST).write_text(_manifest(root, covered), encoding="utf-8")


def sign(root: Path, signature: Callable[[bytes], bytes], public_pem: bytes) -> None:
    """Ed25519 over the bytes of the tag manifest, and so over all; beside it the public key."""
    (root / SIGNATURE).parent.mkdir()
    (root / SIGNATURE).write_bytes(signature((root / TAG_MANIFEST).read_bytes()))
    (root / PUBLIC_KEY).write_bytes(public_pem)


def zip_bag(root: Path, target: Path, *, at: datetime, beat: Callable[[], None]) -> None:
    """Zip the folder under its own name: sorted, every entry dated `at`, nothing else in it.

    Stored, not deflated: compressors differ between machines, and the same bag must give the same
    bytes on each.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            beat()
            entry = zipfile.ZipInfo(
                f"{root.name}/{path.relative_to(root).as_posix()}",
                at.astimezone(UTC).timetuple()[:6],
            )
            entry.create_system = 3  # Unix, wherever it is built
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
