"""Peak memory of training, in a process of its own for each side (Linux only).

    python -m benchmarks.memory ours lenet_mnist 128

is such a process; it says when its imports are done, waits for a line, and trains some steps.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STEPS = 6
WORKERS = 2
_INTERVAL = 0.005
"""Seconds between two looks at a process's memory."""


def measure(side: str, network: str, batch: int) -> dict[str, int]:
    """Start a process for one side; its memory after ``imports`` and at its ``peak``, in bytes.

    Counted with all its child processes, a page that several of them share once (the kernel's
    'proportional set size'), and looked at every 5 ms.
    """
    command = [sys.executable, "-m", "benchmarks.memory", side, network, str(batch)]
    root = Path(__file__).resolve().parent.parent
    with Popen(command, cwd=root, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        imports = peak = _memory(process.pid)
        done = threading.Event()
        waiter = threading.Thread(target=lambda: (process.stdout.readline(), done.set()))
        waiter.start()
        print("train", file=process.stdin, flush=True)
        while not done.wait(_INTERVAL):
            peak = max(peak, _memory(process.pid))
        waiter.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return {"imports": imports, "peak": peak}


def _memory(pid: int) -> int:
    """Bytes of a process and its descendants."""
    total = 0
    with suppress(OSError):  # it may end at any moment
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total = int(line.split()[1]) * 1024
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += sum(map(_memory, map(int, (thread / "children").read_text().split())))
    return total


def _engine(network: str, batch: int) -> Callable[[], object]:
    import numpy as np

    from engine.data import Batches, Split
    from engine.losses import SoftmaxCrossEntropy
    from engine.models import build, preset
    from engine.optim import Momentum
    from engine.parallel.workers import Workers
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
    print("ready", flush=True)
    sys.stdin.readline()
    train()
    print("done", flush=True)


if __name__ == "__main__":
    main()
