"""Bytes from a web address, from ModelScope or from a local file, into a new file."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit, urlunsplit

from scaffolder import __version__, reading
from scaffolder.errors import FewshotError, UsageError
from scaffolder.models.entry import MODELSCOPE

MIRROR = "FEWSHOT_MIRROR"

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LARGEST = 8 << 30  # bytes of a model; more is a mistake or an attack
_TIMEOUT = 30  # seconds without a byte
_TRIES = 5  # while each of them brings something
_PAUSE = 0.5  # seconds before another try

# Told the bytes so far and, if known, all of them.
Tell = Callable[[int, int | None], None]


def fetch(source: str, to: Path, size: int | None, is_known: bool, tell: Tell) -> None:
    """Writes what a source holds into a new file.

    Args:
        source: https://…, modelscope:OWNER/MODEL/FILE, or the path of a file.
        to: The new file, in a folder that is removed afterwards.
        size: Bytes that it will have, if that is known.
        is_known: Whether the SHA-256 is known beforehand.
        tell: Is told how far it is.

    Raises:
        FewshotError: The bytes could not be had, or not all of them.
    """
    if source.startswith(MODELSCOPE):
        _from_modelscope(source, to)
    elif "://" in source:
        _download(source, to, size, is_known, tell)
    else:
        reading.copy(Path(os.path.realpath(source)), to)


def mirrored(address: str) -> str:
    """Returns the address at the mirror that FEWSHOT_MIRROR names: scheme and host are replaced,
    and a path of the mirror is put in front."""
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if not mirror:
        return address
    if not re.match("https?://[^/]", mirror):
        raise UsageError(f"{MIRROR} must be like https://mirror.example/models, not {mirror!r}")
    return mirror + urlunsplit(("", "", *urlsplit(address)[2:]))


def _require_safe(address: str, is_known: bool) -> None:
    """Raises UsageError unless an address can be trusted to give what its host published.

    Over plain http anyone on the way can change a file; that only matters while nobody knows its
    SHA-256, and not on this machine.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not re.fullmatch(r"[!-~]+", address):
        raise UsageError(f"{address!r} is not a web address: write what is unusual in it as %XX")
    if parts.username is not None:
        raise UsageError(f"an address with a password is not taken, since it is recorded: {host}")
    if parts.scheme == "http" and not (is_known or host in _LOCAL):
        raise UsageError(
            f"{host} would send the file over http, where it can be changed on the way, and its "
            "SHA-256 is not known yet: take https, or say what it is with --sha256"
        )
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"{parts.scheme}:// is not a kind of address for models: take https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where the first address could have led as well."""

    def __init__(self, is_known: bool):
        self.is_known = is_known

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str):  # type: ignore[no-untyped-def]
        _require_safe(newurl, self.is_known)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(address: str, to: Path, size: int | None, is_known: bool, tell: Tell) -> None:
    """Downloads a file; goes on where it broke off if the server can and the file is the same."""
    _require_safe(address, is_known)
    host = urlsplit(address).hostname
    opener = urllib.request.build_opener(_Redirects(is_known))
    why, mark = "", None
    with to.open("xb") as file:
        for _ in range(_TRIES):
            before = file.tell()
            headers = {"User-Agent": f"fewshot/{__version__}"}
            if before and mark:
                headers |= {"Range": f"bytes={before}-", "If-Range": mark}
            try:
                with opener.open(
                    urllib.request.Request(address, headers=headers), timeout=_TIMEOUT
                ) as answer:
                    mark = _mark(answer)
                    total = _place(answer, file)
                    if size and total and total != size:
                        raise FewshotError(f"{host} has {total} bytes, but {size} are recorded")
                    total = total or size
                    _copy(answer, file, total, tell)
                if total in (None, file.tell()):
                    return
                why = f"broke off after {file.tell()} of {total} bytes"
            except urllib.error.HTTPError as error:
                raise FewshotError(f"{host} answers {error.code} for {address}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = _reason(error)
            if not mark or file.tell() <= before:
                break
            time.sleep(_PAUSE)
    raise FewshotError(
        f"cannot get {address}: {why}. Nothing was kept. Without a way there: a mirror "
        f"({MIRROR}), --from FILE, or fewshot models import"
    )


def _mark(answer: Any) -> str | None:
    """Returns what identifies this version of the file, if the server can give parts of it."""
    if answer.status != 206 and answer.headers.get("Accept-Ranges") != "bytes":
        return None
    tag = answer.headers.get("ETag") or ""
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")


def _place(answer: Any, file: BinaryIO) -> int | None:
    """Sets the file to where the answer begins, and returns how long it will be in the end."""
    if answer.status == 206:
        begin = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if not begin or int(begin[1]) != file.tell():
            raise ValueError("the server sent another part than was asked for")
    else:
        file.seek(0)
        file.truncate()
    length = answer.headers.get("Content-Length")
    return file.tell() + int(length) if length else None


def _copy(answer: Any, file: BinaryIO, total: int | None, tell: Tell) -> None:
    while block := answer.read(1 << 16):
        try:
            file.write(block)
            file.flush()
        except OSError as error:
            raise FewshotError(f"cannot write {file.name}: {error.strerror}") from None
        if file.tell() > (total or _LARGEST):
            raise FewshotError(f"there is more than {total or _LARGEST} bytes: not taken")
        tell(file.tell(), total)


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _from_modelscope(source: str, to: Path) -> None:
    """Takes a file from https://modelscope.cn through ModelScope's own client."""
    found = re.fullmatch(r"modelscope:([\w.-]+/[\w.-]+)/([^@]+?)(?:@([\w./-]+))?", source)
    if not found:
        raise UsageError(f"{source!r} must be like modelscope:OWNER/MODEL/FILE or …/FILE@REVISION")
    try:
        from modelscope.hub.file_download import model_file_download
    except ImportError:
        raise FewshotError(f"{source} needs ModelScope's client: pip install modelscope") from None
    model, file, revision = found.groups()
    more = {"revision": revision} if revision else {}
    try:
        got = model_file_download(model, file, local_dir=str(to.parent / "modelscope"), **more)
    except Exception as error:  # whatever its libraries raise
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise FewshotError(f"cannot get {source}: {said[0]}") from None
    reading.copy(Path(got), to)
