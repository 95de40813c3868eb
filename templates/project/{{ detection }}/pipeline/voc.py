"""Reads Pascal VOC's XML, and what is like it: one file a picture, corners in px.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
LabelMe 3.0 (as CVAT exports it) has polygons, roLabelImg turned boxes.
"""

import codecs
import math
import re
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from pipeline.annotations import (
    NO_BOX,
    Annotation,
    AnnotationError,
    Box,
    around,
    number,
    path_of,
    size_of,
)
from pipeline.problems import Problem, problem

CORNERS = ("xmin", "ymin", "xmax", "ymax")
TURNED = ("cx", "cy", "w", "h", "angle")  # px; angle in radians
CHINESE = (b"gb2312", b"gbk", b"gb18030")  # encodings that the parser does not know
DECLARED = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.-]+)[\"']")


def parse(path: Path, where: str) -> ElementTree.Element:
    """Parses a file; every element gets its line as the attribute `line`.

    A DOCTYPE is refused: it may declare entities that blow up to any size.

    Raises:
        AnnotationError: no valid XML, not in its encoding, or it has a DOCTYPE.
    """
    content, encoding = _decoded(path.read_bytes(), where)
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(encoding)

    def start(name: str, _: dict) -> None:
        builder.start(name, {"line": str(parser.CurrentLineNumber)})

    def refuse(*_: object) -> None:
        raise AnnotationError(problem("doctype", f"{where}:{parser.CurrentLineNumber}"))

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        where = f"{where}:{error.lineno}:{error.offset + 1}"
        reason = expat.ErrorString(error.code)
        raise AnnotationError(problem("bad_xml", where, reason=reason)) from None
    except ValueError as error:  # an encoding that the parser doesn't know
        raise AnnotationError(problem("bad_xml", where, reason=error)) from None
    return builder.close()


def _decoded(content: bytes, where: str) -> tuple[bytes, str | None]:
    """Turns Chinese encodings into UTF-8.

    Returns:
        The content, and its encoding; None: as the file declares it.
    """
    if content.startswith(codecs.BOM_UTF8):
        return content, "utf-8"
    declared = DECLARED.match(content[:200])
    name = declared[1].lower() if declared else b"utf-8"
    try:
        if name in CHINESE:
            return content.decode("gb18030").encode(), "utf-8"  # which holds the other two
        if name == b"utf-8" and not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            content.decode("utf-8")
    except UnicodeDecodeError:
        kind = "not_utf8" if name == b"utf-8" else "other_encoding"
        raise AnnotationError(problem(kind, where, encoding=name.decode())) from None
    return content, None


def read(root: ElementTree.Element, where: str) -> tuple[Annotation, list[Problem]]:
    """Reads what a file holds.

    Args:
        root: `annotation`, from `parse`.
        where: the file.
    """
    size = size_of(root.findtext("size/width"), root.findtext("size/height"))
    size = size or size_of(root.findtext("imagesize/ncols"), root.findtext("imagesize/nrows"))
    picture = path_of(root.findtext("filename")).name
    annotation, problems = Annotation(where, size=size, picture=picture), []
    for entry in root.findall("object"):
        if (entry.findtext("deleted") or "").strip() == "1":
            continue
        place = f"{where}:{entry.get('line')}"
        label = (entry.findtext("name") or "").strip()
        if not label:
            problems.append(problem("no_label", place))
        annotation.boxes.append(Box(label, _corners(entry), place))
    return annotation, problems


def _corners(entry: ElementTree.Element) -> tuple[float, float, float, float]:
    """Of an object's box, or around its polygon or its turned box."""
    if entry.find("bndbox") is None:
        if points := entry.findall("polygon/pt"):
            return around([[point.findtext("x"), point.findtext("y")] for point in points])
        if (turned := entry.find("robndbox")) is not None:
            return _around_turned(*(number(turned.findtext(value)) for value in TURNED))
    x0, y0, x1, y1 = (number(entry.findtext(f"bndbox/{corner}")) for corner in CORNERS)
    return x0, y0, x1, y1


def _around_turned(
    x: float, y: float, width: float, height: float, angle: float
) -> tuple[float, float, float, float]:
    if not math.isfinite(angle):
        return NO_BOX
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    across, down = width * cosine + height * sine, width * sine + height * cosine
    return x - across / 2, y - down / 2, x + across / 2, y + down / 2
