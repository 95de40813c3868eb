"""Full-width punctuation where YAML wants ordinary one: `test_share：0.25` is no key to it."""

import re

import yaml

ORDINARY = {
    "：": "colon (:)",
    "，": "comma (,)",
    "、": "comma (,)",
    "“": 'quotation mark (")',
    "”": 'quotation mark (")',
    "【": "bracket ([)",
    "】": "bracket (])",
    "（": "bracket ([)",
    "\u3000": "space",
}
# Names may hold these too; the opening ones count only where a value begins.
MISLEADING = re.compile(r"[：，、】”\u3000]|(?<![^\s\[,，、:：-])[【“（]")
QUOTED = re.compile(r"\"[^\"“”]*\"|'[^']*'")
COMMENT = re.compile(r"(^|[ \t])#.*")


def near(text: str, error: yaml.YAMLError) -> str:
    """A sentence on what may be the cause of a fault in the YAML `text`; empty if nothing is."""
    lines = text.splitlines()
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    problem, context = (mark.line if mark else -1 for mark in marks)
    for index in (problem, problem - 1, context):
        if 0 <= index < len(lines) and (sentence := found(lines[index], index + 1)):
            return sentence
    return ""


def found(text: str, line: int) -> str:
    """A sentence on the first such character outside of quotes and comments; empty without one.

    Args:
        text: of a file, one or more lines.
        line: number of the first of them.
    """
    for number, written in enumerate(text.split("\n"), line):
        if match := MISLEADING.search(COMMENT.sub("", QUOTED.sub("", written))):
            shown = "space" if match[0].isspace() else match[0]
            return f" Full-width {shown} on line {number}: write an ordinary {ORDINARY[match[0]]}."
    return ""
