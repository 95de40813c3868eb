"""Makes Paddle 3's programs readable for Paddle Lite 2.13, which knows Paddle 2's operators."""

import paddle

from pipeline.console import UserError

CORE = paddle.base.core
# The attribute that held the constant's numbers in Paddle 2.
VALUES = {
    CORE.VarDesc.VarType.BOOL: "bool_values",
    CORE.VarDesc.VarType.INT32: "int32_values",
    CORE.VarDesc.VarType.INT64: "int64_values",
    CORE.VarDesc.VarType.FP32: "fp32_values",
}


def readable(program: bytes) -> bytes:
    """The program of a `model.pdmodel`, with what Paddle Lite misses in it; it computes the same.

    - `assign_value` holds its numbers in an attribute of a type that Paddle Lite can't parse.
    - `flatten_contiguous_range` lacks the output `XShape`, without which Paddle Lite crashes.
    - `swish` lacks the attribute `beta`, which is always 1 there.

    Raises:
        UserError: a constant of a type that Paddle 2 did not know.
    """
    description = CORE.ProgramDesc(program)
    for block in map(description.block, range(description.num_blocks())):
        for operator in map(block.op, range(block.op_size())):
            if operator.type() == "assign_value" and operator.has_attr("values"):
                _name_values(operator)
            elif operator.type() == "flatten_contiguous_range" and not _has_xshape(operator):
                _add_xshape(block, operator)
            elif operator.type() == "swish" and not operator.has_attr("beta"):
                operator._set_attr("beta", 1.0)
    return description.serialize_to_string()


def _name_values(operator) -> None:
    kind = CORE.VarDesc.VarType(operator.attr("dtype"))
    if kind not in VALUES:
        raise UserError(f"Paddle Lite has no constants of type {kind.name}.")
    values = [scalar.value() for scalar in operator.attr("values")]
    operator.remove_attr("values")
    operator._set_attr(VALUES[kind], values)


def _has_xshape(operator) -> bool:
    return "XShape" in operator.output_names() and bool(operator.output("XShape"))


def _add_xshape(block, operator) -> None:
    name = f"{operator.output('Out')[0]}.xshape"
    variable = block.var(name.encode())
    variable.set_type(CORE.VarDesc.VarType.LOD_TENSOR)
    variable.set_dtype(CORE.VarDesc.VarType.FP32)
    operator.set_output("XShape", [name])
