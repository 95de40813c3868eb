"""Runs in Paddle Lite, on this machine's processor, the program that becomes a `.nb` for ARM.

An ARM file can't be run here. Paddle Lite itself can: it reads the same program and weights as its
converter and optimises them in the same way, for x86.
"""

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS
from pipeline.lite_program import readable
from pipeline.project import shown

# Runs in `.venv-lite`, so it can import nothing of the project, nor numpy. A request is a line with
# the input's shape and its bytes; an answer has that for every output.
SERVE = """
import json, os, sys
from array import array
from paddlelite import lite
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # Paddle Lite prints what it loads
config = lite.CxxConfig()
config.set_model_file(sys.argv[1])
config.set_param_file(sys.argv[2])
config.set_threads(len(os.sched_getaffinity(0)))
kinds = (lite.TargetType.X86, lite.TargetType.Host)
config.set_valid_places([lite.Place(kind, lite.PrecisionType.FP32) for kind in kinds])
predictor = lite.create_paddle_predictor(config)
for line in sys.stdin.buffer:
    shape = json.loads(line)
    size = 4
    for side in shape:
        size *= side
    tensor = predictor.get_input(0)
    tensor.resize(shape)
    tensor.set_float_data(array("f", sys.stdin.buffer.read(size)).tolist())
    predictor.run()
    outputs = [predictor.get_output(i) for i in range(len(predictor.get_output_names()))]
    answers.write(json.dumps(len(outputs)).encode() + b"\\n")
    for output in outputs:
        kind = "i" if output.precision() == lite.PrecisionType.INT32 else "f"
        data = array(kind, output.int32_data() if kind == "i" else output.float_data())
        answers.write(json.dumps([kind, output.shape()]).encode() + b"\\n" + data.tobytes())
    answers.flush()
"""
TYPES = {"i": np.int32, "f": np.float32}


class LitePredictor:
    """The network of an export in Paddle Lite, in a process of its own; use it in a `with` block.

    Args:
        python: with Paddle Lite, as from `lite_converter.prepare`.
        export: folder with `model.pdmodel` and `model.pdiparams`.
        log: file that what it prints is added to.
    """

    def __init__(self, python: Path, export: Path, log: Path):
        self.python, self.export, self.log = python, export, log

    def __enter__(self) -> "LitePredictor":
        self.scratch = TemporaryDirectory()
        program = Path(self.scratch.name) / MODEL
        program.write_bytes(readable((self.export / MODEL).read_bytes()))
        command = [str(self.python), "-I", "-c", SERVE, str(program), str(self.export / WEIGHTS)]
        with self.log.open("ab") as log:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log)
        return self

    def __exit__(self, *error) -> None:
        self.process.kill()
        self.process.communicate()
        self.scratch.cleanup()

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> the network's outputs.

        Raises:
            UserError: Paddle Lite stopped.
        """
        sent, received = self.process.stdin, self.process.stdout
        try:
            sent.write(json.dumps(x.shape).encode() + b"\n" + np.float32(x).tobytes())
            sent.flush()
            outputs = []
            for _ in range(json.loads(received.readline())):
                kind, shape = json.loads(received.readline())
                data = received.read(4 * int(np.prod(shape)))
                outputs.append(np.frombuffer(data, TYPES[kind]).reshape(shape))
            return outputs
        except (OSError, ValueError):
            raise UserError(
                f"{shown(self.export)}: Paddle Lite can't run the network; {shown(self.log)} says "
                "more. Nothing was written, since nothing could be compared."
            ) from None
