"""Every row of the conformance table against PyTorch: output, all gradients, all buffers."""

import numpy as np
import pytest

from tests.support.cases import Case
from tests.support.checks import kinks, ties
from tests.support.conformance import CASES, PROMISES
from tests.support.passes import run, same

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("every_kernel")]


@pytest.mark.parametrize("case", [c for c in CASES if PROMISES[c.layer].torch], ids=str)
def test_row_like_pytorch(case: Case) -> None:
    import torch

    from tests.support.torch_twins import set_rng, twin_of

    layer, x, dout = case.make(), case.input(), case.upstream()
    twin = twin_of(layer)
    found = run(layer, x, dout)

    set_rng(twin, np.random.default_rng(5))
    torch_x = torch.from_numpy(x.copy()).requires_grad_()
    out = twin(torch_x)
    out.backward(torch.from_numpy(dout.copy()))
    assert torch_x.grad is not None
    expected = {"output": out.detach().numpy(), "input": torch_x.grad.numpy()}
    for name, parameter in twin.named_parameters():
        assert parameter.grad is not None
        expected[f"d {name}"] = parameter.grad.numpy()
    for name, buffer in twin.named_buffers():
        if not name.endswith("num_batches_tracked"):
            expected[f"buffer {name}"] = buffer.numpy()
    same(found, expected, rtol=1e-11)


@pytest.mark.parametrize("case", [c for c in CASES if kinks.applies(c) or ties.applies(c)], ids=str)
def test_kinks_like_pytorch(case: Case) -> None:
    import torch

    from tests.support.torch_twins import twin_of

    dout = case.upstream()
    for x in (np.zeros(case.shape), np.round(3 * case.input())):
        ours = case.make()
        torch_x = torch.from_numpy(x.copy()).requires_grad_()
        twin_of(ours)(torch_x).backward(torch.from_numpy(dout.copy()))
        assert torch_x.grad is not None
        np.testing.assert_allclose(run(ours, x, dout)["input"], torch_x.grad.numpy())


@pytest.mark.parametrize("name", ["BatchNorm1D", "BatchNorm2D"])
def test_running_statistics_like_pytorch_after_five_batches(name: str) -> None:
    import torch

    from tests.support.torch_twins import twin_of

    case = next(case for case in CASES if case.layer == name and case.training)
    layer = case.make()
    twin = twin_of(layer)
    for seed in range(5):
        x = case.input(seed=seed)
        layer.forward(x)
        twin(torch.from_numpy(x))
    for buffer, expected in twin.named_buffers():
        if buffer != "num_batches_tracked":
            np.testing.assert_allclose(layer.buffers[buffer], expected.numpy(), rtol=1e-13)
    x = case.input(seed=9)
    layer.eval()
    expected = twin.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-11, atol=1e-12)
