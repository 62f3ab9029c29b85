"""A reader of captures, written from `specs/capture.md` and the standard library alone.

It imports nothing of mnstream, so that it proves the document and not the code. Read it beside the
document: the names are those of its sections.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGINNING = bytes.fromhex("d9ebad881b")
HEAD = struct.Struct(">4s cQ cI cQ cQ B cI cI cI")
HEAD_CONSTANTS = (
    b"\xd9\xeb\xad\x88",
    *(b"\x1b", b"\x1a", b"\x1b", b"\x1b"),
    *(b"\x1a", b"\x1a", b"\x5a"),
)
CONTENT_MAX = 0x17
CONTENT_AT = 36
SAME_IN_ALL_HEADS = (*range(5), 13, 18, 27, 37, 38, 39, 40, 41, 42, 47)
FRAMES, MIXED, SNAPSHOT = 0, 1, 2


class Refused(Exception):
    """A later version, or nothing that can be read."""


class Wrong(Exception):
    """Octets that are not what they should be."""


@dataclass(frozen=True)
class Frame:
    position: int
    wall_ms: int
    disposition: int
    cause: str
    payload: bytes
    connection: str | None
    streams: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Metadata:
    position: int
    items: list[Any]


@dataclass(frozen=True)
class Lost:
    first: int
    last: int | None


# --- CBOR ------------------------------------------------------------------------------------


def item_at(data: bytes, at: int) -> tuple[Any, int]:
    """Read one item and say where the next begins."""
    try:
        major, info = data[at] >> 5, data[at] & 31
    except IndexError as error:
        raise Wrong("cut off") from error
    at += 1
    number = info
    if 24 <= info <= 27:
        octets = 1 << (info - 24)
        raw = data[at : at + octets]
        if len(raw) < octets:
            raise Wrong("cut off")
        number, at = int.from_bytes(raw, "big"), at + octets
    elif info > 27:
        raise Wrong("an indefinite length")
    match major:
        case 0:
            return number, at
        case 1:
            return -1 - number, at
        case 2 | 3:
            text = data[at : at + number]
            if len(text) < number:
                raise Wrong("cut off")
            return (text if major == 2 else text.decode("utf-8")), at + number
        case 4:
            array: list[Any] = []
            for _ in range(number):
                value, at = item_at(data, at)
                array.append(value)
            return array, at
        case 5:
            members: dict[str, Any] = {}
            for _ in range(number):
                name, at = item_at(data, at)
                members[name], at = item_at(data, at)
            return members, at
        case 6:
            value, at = item_at(data, at)
            if number in (2, 3):
                value = int.from_bytes(value, "big")
                value = value if number == 2 else -1 - value
            return value, at
        case _:
            return simple(info, number), at


def simple(info: int, number: int) -> Any:
    if info in (25, 26, 27):
        form = {25: ">e", 26: ">f", 27: ">d"}[info]
        return struct.unpack(form, number.to_bytes(1 << (info - 24), "big"))[0]
    return {20: False, 21: True}.get(number)


# --- a file ----------------------------------------------------------------------------------


def header_of(data: bytes) -> tuple[dict[str, Any] | None, int]:
    """Give the header and where it ends; None and 0 when it is damaged."""
    try:
        header, end = item_at(data[:512], 0)
        names = list(header)
    except (Wrong, UnicodeDecodeError, TypeError):
        return None, 0
    covered = data[: end - 5]
    if not data.startswith(b"\xd9\xd9\xf7") or names[:2] != ["format", "version"]:
        return None, 0
    if header["format"] != "mnstream-log" or names[-1] != "crc32":
        return None, 0
    if data[end - 5 : end] != b"\x1a" + zlib.crc32(covered).to_bytes(4, "big"):
        return None, 0
    if header["version"] != 1:
        raise Refused(f"version {header['version']}")
    return header, end


@dataclass(frozen=True)
class Block:
    first_position: int
    count: int
    content: int
    mark: int
    body: bytes
    end: int


def block_at(data: bytes, at: int, mark: int | None) -> Block | None:
    """Read the block that stands here, if it is a good one."""
    if at + HEAD.size > len(data):
        return None
    fields = HEAD.unpack_from(data, at)
    # Constants and numbers take turns, but for the one octet of `content`.
    constants = (fields[0], *fields[1:9:2], *fields[10:16:2])
    _, _, first, _, count, _, _, _, _, content, _, its_mark, _, crc, _, length = fields
    if constants != HEAD_CONSTANTS or content > CONTENT_MAX or mark not in (None, its_mark):
        return None
    end = at + HEAD.size + length
    if end > len(data) or zlib.crc32(data[at : at + 42] + data[at + 47 : end]) != crc:
        return None
    return Block(first, count, content, its_mark, data[at + HEAD.size : end], end)


def blocks(data: bytes, at: int, mark: int | None) -> Iterator[Block | int]:
    """Give the good blocks of a file, and where there is none, searching for the next."""
    while at < len(data):
        block = block_at(data, at, mark)
        if block is None:
            yield at
        while block is None:
            at = data.find(BEGINNING, at + 1)
            if at < 0:
                return
            block = block_at(data, at, mark)
        mark = block.mark
        yield block
        at = block.end


# --- the end ---------------------------------------------------------------------------------


def without_zeros(data: bytes, at: int) -> bytes:
    """Leave out zeros at the end that nobody wrote."""
    if not any(data[at:]):
        return data[:at]
    sector = 512 * -(-len(data.rstrip(b"\0")) // 512)
    return data[:sector] if len(data) - sector >= 512 else data


def head_at(data: bytes, at: int, mark: int) -> tuple[int, int, int, int] | None:
    """Give first position, count, content and size of a block, by its head alone."""
    if len(data) - at < HEAD.size:
        return None
    fields = HEAD.unpack_from(data, at)
    constants = (fields[0], *fields[1:9:2], *fields[10:16:2])
    if constants != HEAD_CONSTANTS or fields[9] > CONTENT_MAX or fields[11] != mark:
        return None
    return fields[2], fields[4], fields[9], HEAD.size + fields[15]


def is_unfinished(data: bytes, at: int, mark: int) -> bool:
    written = without_zeros(data, at)
    if len(written) - at < HEAD.size:
        return begins_like_a_head(written[at:], mark)
    head = head_at(written, at, mark)
    if head is None or at + head[3] <= len(written):
        return False
    tags = range(at, len(data))
    return not any(data.startswith(b"\xd9\xd9\xf7", tag) and is_header(data, tag) for tag in tags)


def begins_like_a_head(octets: bytes, mark: int) -> bool:
    octets = octets.rstrip(b"\0")
    beginning, a8, a4, string = HEAD_CONSTANTS[0], b"\x1b", b"\x1a", b"\x5a"
    one = HEAD.pack(beginning, a8, 0, a4, 0, a8, 0, a8, 0, 0, a4, mark, a4, 0, string, 0)
    if len(octets) > CONTENT_AT and octets[CONTENT_AT] > CONTENT_MAX:
        return False
    return all(octets[at] == one[at] for at in SAME_IN_ALL_HEADS if at < len(octets))


def is_header(data: bytes, at: int) -> bool:
    try:
        return header_of(data[at : at + 512])[0] is not None
    except Refused:
        return True


def lost_at_end(data: bytes, at: int, mark: int, expected: int) -> Lost:
    """Say what is lost in damage that is no unfinished write."""
    position, written = expected, without_zeros(data, at)
    while (head := head_at(written, at, mark)) is not None and at + head[3] <= len(written):
        first, count, content, size = head
        if content in (FRAMES, MIXED):
            if first != position or count >= size - HEAD.size:
                return Lost(expected, None)
            position += count
        at += size
    known = position > expected and is_unfinished(data, at, mark)
    return Lost(expected, position - 1 if known else None)


# --- what is in force ------------------------------------------------------------------------


class Connections:
    """Streams by connection, and the newest version of each."""

    def __init__(self) -> None:
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.version: dict[str, int] = {}

    def apply(self, record: list[Any]) -> None:
        match record:
            case [1, _, version, connection, _, _, streams, *_]:
                self.streams[connection] = streams
                self._set(connection, version)
            case [2, _, version, connection, added, removed, *_] if connection in self.version:
                left = [
                    each for each in self.streams[connection] if each["streamId"] not in removed
                ]
                self.streams[connection] = left + added
                self._set(connection, version)
            case [3, _, connection, *_]:
                self.streams.pop(connection, None)
                self.version.pop(connection, None)
            case _:
                pass

    def _set(self, connection: str, version: int) -> None:
        self.version[connection] = version

    def find(self, version: int) -> tuple[str | None, tuple[dict[str, Any], ...]]:
        for connection, its_version in self.version.items():
            if its_version == version:
                return connection, tuple(self.streams[connection])
        return None, ()


# --- a capture -------------------------------------------------------------------------------


def read(path: Path) -> list[Frame | Metadata | Lost]:
    """Read a directory or a file; records of unknown kinds are left out."""
    if path.is_dir():
        files = [each for each in path.glob("*.mnlog") if each.stem.isdecimal()]
        files.sort(key=lambda each: int(each.stem))
    else:
        files = [path]
    return list(_Reading().all(files))


class _Reading:
    def __init__(self) -> None:
        self.expected: int | None = None
        self.connections = Connections()

    def all(self, files: list[Path]) -> Iterator[Frame | Metadata | Lost]:
        for number, file in enumerate(files):
            following = int(files[number + 1].stem) if number + 1 < len(files) else None
            yield from self.file(file, following)

    def file(self, file: Path, following: int | None) -> Iterator[Frame | Metadata | Lost]:
        data = file.read_bytes()
        header, at = header_of(data)
        if self.expected is None:
            if header is not None:
                self.expected = header["firstPosition"]
            elif file.stem.isdecimal() and len(file.stem) >= 16:
                self.expected = int(file.stem)
        mark: int | None = None if header is None else header["mark"]
        damage: list[Block | int] = []
        for block in blocks(data, at, mark):
            if isinstance(block, int):
                damage.append(block)
                continue
            mark = block.mark
            if self.expected is None:
                self.expected = block.first_position if block.content == SNAPSHOT else 0
            if block.content <= SNAPSHOT:
                damage.clear()
            elif damage:
                damage.append(block)
            if block.content == SNAPSHOT:
                for record in _records(block):
                    self.connections.apply(record)
            elif block.content in (FRAMES, MIXED) and not (
                following is not None and block.first_position >= following
            ):
                yield from self.lost_before(block.first_position)
                yield from self.block(block)
        if following is not None:
            yield from self.lost_before(following)
        elif mark is None:
            if self.expected is None:
                raise Refused("no capture")
            yield Lost(self.expected, None)
        elif damage:
            begin = damage[0]
            assert isinstance(begin, int)
            if len(damage) > 1 or not is_unfinished(data, begin, mark):
                yield lost_at_end(data, begin, mark, self.expected or 0)

    def lost_before(self, position: int) -> Iterator[Lost]:
        if self.expected is not None and self.expected < position:
            yield Lost(self.expected, position - 1)
        self.expected = max(position, self.expected or 0)

    def block(self, block: Block) -> Iterator[Frame | Metadata | Lost]:
        given = self.expected or 0
        self.expected = max(given, block.first_position + block.count)
        records = _records(block)
        if len(records) != block.count:
            yield Lost(block.first_position, block.first_position + block.count - 1)
        for position, record in enumerate(records, block.first_position):
            if position < given:
                continue
            if record[0] in (1, 2, 3):
                self.connections.apply(record)
                yield Metadata(position, record)
            elif record[0] == 0:
                _, wall_ms, version, disposition, cause, payload, *_ = record
                connection, streams = self.connections.find(version)
                yield Frame(position, wall_ms, disposition, cause, payload, connection, streams)


def _records(block: Block) -> list[list[Any]]:
    records: list[list[Any]] = item_at(block.body, 0)[0]
    return records
