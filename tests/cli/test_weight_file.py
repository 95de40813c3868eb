"""Weight files are looked through without being read: nothing but data gets past."""

import base64
import json
import os
import pickle
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffolder.errors import FewshotError
from scaffolder.models import weight_file

# paddle.save(paddle.nn.Linear(3, 2).state_dict(), ...) of Paddle 3.0.0, by protocol.
BY_PADDLE = {
    4: "gASVIAEAAAAAAAB9lCiMBndlaWdodJSMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwF"
    "bnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwNLAoaUaAWMBWR0eXBllJOUjAJmNJSJiIeUUpQoSwOM"
    "ATyUTk5OSv////9K/////0sAdJRiiUMY0oLSvmxiUb/4UzE/IPlmPVXUAr82m6y+lHSUYowEYmlhc5RoBGgHSwCF"
    "lGgJh5RSlChLAUsChZRoEYlDCAAAAAAAAAAAlHSUYowbU3RydWN0dXJlZFRvUGFyYW1ldGVyTmFtZUBAlH2UKGgB"
    "jAxsaW5lYXJfMC53XzCUaBaMDGxpbmVhcl8wLmJfMJR1dS4=",
    2: "gAJ9cQAoWAYAAAB3ZWlnaHRxAWNudW1weS5jb3JlLm11bHRpYXJyYXkKX3JlY29uc3RydWN0CnECY251bXB5Cm5k"
    "YXJyYXkKcQNLAIVxBGNfY29kZWNzCmVuY29kZQpxBVgBAAAAYnEGWAYAAABsYXRpbjFxB4ZxCFJxCYdxClJxCyhL"
    "AUsDSwKGcQxjbnVtcHkKZHR5cGUKcQ1YAgAAAGY0cQ6JiIdxD1JxEChLA1gBAAAAPHERTk5OSv////9K/////0sA"
    "dHESYoloBVgkAAAAw5LCgsOSwr5sYlHCv8O4UzE/IMO5Zj1Vw5QCwr82wpvCrMK+cRNoB4ZxFFJxFXRxFmJYBAAA"
    "AGJpYXNxF2gCaANLAIVxGGgJh3EZUnEaKEsBSwKFcRtoEIloBVgIAAAAAAAAAAAAAABxHGgHhnEdUnEedHEfYlgb"
    "AAAAU3RydWN0dXJlZFRvUGFyYW1ldGVyTmFtZUBAcSB9cSEoaAFYDAAAAGxpbmVhcl8wLndfMHEiaBdYDAAAAGxp"
    "bmVhcl8wLmJfMHEjdXUu",
}


@pytest.mark.parametrize("protocol", BY_PADDLE)
def test_what_paddle_saves_is_taken(tmp_path, protocol):
    file = tmp_path / "a.pdparams"
    file.write_bytes(base64.b64decode(BY_PADDLE[protocol]))
    weight_file.check(file, "pdparams")


class Payload:
    def __reduce__(self):
        return os.system, ("touch ran",)


HOSTILE = {
    "plain": (pickle.dumps({"w": Payload()}, protocol=4), "asks for posix.system"),
    "old": (pickle.dumps({"w": Payload()}, protocol=0), "uses PUT"),
    "protocol 2": (pickle.dumps({"w": Payload()}, protocol=2), "asks for posix.system"),
    "inst": (b"(S'touch ran'\nios\nsystem\n.", "uses STRING"),
    # The last texts are allowed names, but not what lies on top of the stack.
    "popped": (b"\x80\x04\x8c\x05posix\x8c\x06system\x8c\x05numpy\x8c\x05dtype00\x93.", "uses POP"),
    "memo": (
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93.",
        "asks for posix.system",
    ),
    "covered": (b"\x80\x04\x8c\x05posix\x8c\x06system\x8c\x01a\x85\x93.", "asks for "),
    "memo of a list": (b"\x80\x04]\x8c\x05numpyaq\x00\x8c\x05dtypeh\x00\x93.", "asks for dtype.?"),
    "persistent": (b"\x80\x04\x8c\x01aQ.", "uses BINPERSID"),
    "new object": (b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93)\x81.", "uses NEWOBJ"),
    "extension": (b"\x80\x04\x82\x01.", "uses EXT1"),
    "dotted": (b"\x80\x04\x8c\x05numpy\x8c\x0cdtype.__new_\x93.", "asks for numpy.dtype.__new_"),
    "memo bomb": (b"\x80\x04Nr\xff\xff\xff\x7f.", "is not a whole pdparams file"),
    "length bomb": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".", "is not a whole"),
    "truncated": (pickle.dumps({"w": b"x" * 100}, protocol=4)[:-50], "is not a whole pdparams"),
    "text": (b"<html>Not found</html>", "is not a whole pdparams file"),
}


@pytest.mark.parametrize(("content", "text"), HOSTILE.values(), ids=HOSTILE)
def test_a_pickle_with_a_payload_is_refused(tmp_path, content, text):
    file = tmp_path / "a.pdparams"
    file.write_bytes(content)
    with pytest.raises(FewshotError, match=f"^a.pdparams {re.escape(text)}"):
        weight_file.check(file, "pdparams")


def header(**tensors: object) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


BROKEN = {
    "short": lambda whole: whole[:-1],
    "long": lambda whole: whole + b"x",
    "no header": lambda whole: b"\xff" * 8 + whole[8:],
    "tiny": lambda whole: b"\x01",
    "deep": lambda whole: struct.pack("<Q", 200_000) + b"[" * 200_000,
    "overlap": lambda whole: (
        header(
            a={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            b={"dtype": "F32", "shape": [1], "data_offsets": [2, 6]},
        )
        + bytes(6)
    ),
    "no tensor": lambda whole: header(a=[]),
    "no object": lambda whole: struct.pack("<Q", 2) + b"[]",
    "nothing": lambda whole: header(),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_damaged_safetensors_file_is_refused(tmp_path, safetensors, broken):
    file = tmp_path / "a.safetensors"
    file.write_bytes(broken(safetensors()))
    with pytest.raises(FewshotError, match="is not a whole safetensors file"):
        weight_file.check(file, "safetensors")


def test_parameters_are_counted(tmp_path, safetensors):
    file = tmp_path / "a.safetensors"
    file.write_bytes(safetensors((7, 5)))
    assert weight_file.check(file, "safetensors") == 35


@given(st.binary(min_size=1, max_size=200))
def test_noise_ends_in_one_line(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "noise"
    for kind, start in (("pdparams", b""), ("pdparams", b"\x80\x04"), ("safetensors", b"")):
        file.write_bytes(start + content)
        try:
            weight_file.check(file, kind)
        except FewshotError as error:
            assert "\n" not in str(error)
