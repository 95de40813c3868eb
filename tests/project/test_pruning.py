"""Which channels go, and what the others do in their place."""

import numpy as np
import pytest


@pytest.fixture
def block(in_project):
    """A block whose 64 hidden channels are 32 channels twice."""
    import paddle

    from pipeline.efficientnet_lite import Block

    paddle.seed(0)
    block = Block(16, 24, 3, 1, expands=True, hidden=64)
    block.eval()
    for norm in (block.bn0, block.bn1, block.bn2):
        norm._variance.set_value(paddle.full_like(norm._variance, 0.05))
        norm.bias.set_value(paddle.ones_like(norm.bias))
    for layer in (block.conv_pw, block.conv_dw, block.bn0, block.bn1):
        for value in layer.state_dict().values():
            half = value[:32]
            value.set_value(paddle.concat([half, half]))
    return block


def watched(block, pictures: int):
    """Random maps, what the block makes of them, and the moments of its hidden channels."""
    import paddle

    from pipeline.pruning import Moments

    x, moments = paddle.randn([pictures, 16, 8, 8]), Moments(64)
    hook = block.conv_pwl.register_forward_pre_hook(moments.add)
    with paddle.no_grad():
        y = block(x).numpy()
    hook.remove()
    return x, y, moments


def narrow(block, cut):
    """A block of its own with the channels that a cut leaves."""
    from pipeline import pruning

    state = {f"block.{name}": value for name, value in block.state_dict().items()}
    made = type(block)(16, 24, 3, 1, expands=True, hidden=len(cut.kept))
    made.eval()
    arrays = pruning.narrowed(state, {"block": cut})
    made.set_state_dict({name.removeprefix("block."): a for name, a in arrays.items()})
    return made


def test_channels_that_others_can_stand_in_for_go_first(block):
    import paddle

    from pipeline import pruning

    x, wanted, moments = watched(block, 64)
    cut = pruning.cuts(block, moments)[32]
    assert len(set(cut.kept % 32)) == 32  # one of each pair

    with paddle.no_grad():
        given = narrow(block, cut)(x).numpy()
    np.testing.assert_allclose(given, wanted, atol=0.02 * wanted.std())


def test_a_cut_for_a_while_is_the_same_as_a_narrow_block_and_leaves_no_trace(block):
    import paddle

    from pipeline import pruning

    x, before, moments = watched(block, 4)
    cut = pruning.cuts(block, moments)[16]
    with paddle.no_grad():
        with pruning._cut(block, cut):
            during = block(x).numpy()
        np.testing.assert_allclose(during, narrow(block, cut)(x).numpy(), atol=1e-4)
        np.testing.assert_array_equal(block(x).numpy(), before)


def test_blocks_that_matter_keep_more(in_project):
    from pipeline.pruning import _cheapest

    rises = {"matters": {32: 0.0, 16: 1.0}, "idle": {32: 0.0, 16: 0.01}}
    each = {"matters": 10.0, "idle": 10.0}
    assert _cheapest(rises, each, 480) == {"matters": 32, "idle": 16}
    assert _cheapest(rises, each, 320) == {"matters": 16, "idle": 16}
    assert _cheapest(rises, each, 300) is None
