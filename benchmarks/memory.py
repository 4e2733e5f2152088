"""Peak memory of training, in a process of its own for each side.

    python -m benchmarks.memory ours lenet_mnist 128

is such a process; it prints its peaks in bytes, after the imports and after some steps, as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STEPS = 6
WORKERS = 2


def peak_bytes() -> int:
    """The most memory that this process ever had.

    Linux says it in /proc. Its ``ru_maxrss`` would not do: a process inherits that of the one
    that started it, which here is the whole benchmark with PyTorch in it.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(side: str, network: str, batch: int) -> dict[str, int]:
    """Start a process for one side; its ``imports`` and ``peak`` in bytes."""
    command = [sys.executable, "-m", "benchmarks.memory", side, network, str(batch)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _engine(network: str, batch: int) -> Callable[[], object]:
    import numpy as np

    from engine.data import Batches, Split
    from engine.kernels.workers import Workers
    from engine.losses import SoftmaxCrossEntropy
    from engine.models import build, preset
    from engine.optim import Momentum
    from engine.train.trainer import Trainer

    def train() -> None:
        images, labels = _noise(network, batch)
        shape = images.shape[1:]
        middle = (0.5,) * shape[0]
        indices = np.arange(len(images))
        batches = Batches(
            Split(images, labels), indices, batch, seed=0, shuffle=False, mean=middle, std=middle
        )
        model = build(preset(network, 10), shape).initialise(np.random.default_rng(0))
        with Workers(WORKERS) as workers:
            loss, optimizer = SoftmaxCrossEntropy(), Momentum(lr=1e-3, momentum=0.9)
            trainer = Trainer(model, loss, optimizer, seed=0, workers=workers)
            for step in range(STEPS):
                trainer.step(batches, 0, step)

    return train


def _torch(layout: str, network: str, batch: int) -> Callable[[], object]:
    import numpy as np
    import torch
    from torch.nn import functional

    from benchmarks.torch_nets import to_torch
    from engine.models import build, preset

    def train() -> None:
        torch.set_num_threads(WORKERS)
        images, labels = _noise(network, batch)
        model = build(preset(network, 10), images.shape[1:]).initialise(np.random.default_rng(0))
        memory_format = getattr(torch, layout)
        net = to_torch(model, memory_format)
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
        for step in range(STEPS):
            part = slice(step * batch, (step + 1) * batch)
            x = torch.from_numpy(images[part]).float().div_(255).sub_(0.5).div_(0.5)
            optimizer.zero_grad()
            logits = net(x.to(memory_format=memory_format))
            functional.cross_entropy(logits, torch.from_numpy(labels[part])).backward()
            optimizer.step()

    return train


def _noise(network: str, batch: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    rng = np.random.default_rng(0)
    shape = (1, 28, 28) if network.endswith("mnist") else (3, 32, 32)
    images = rng.integers(0, 256, (STEPS * batch, *shape), dtype=np.uint8)
    return images, rng.integers(0, 10, len(images))


def main() -> None:
    side, network, batch = sys.argv[1:]
    train = _engine(network, int(batch)) if side == "ours" else _torch(side, network, int(batch))
    imports = peak_bytes()
    train()
    print(json.dumps({"imports": imports, "peak": peak_bytes()}))


if __name__ == "__main__":
    main()
