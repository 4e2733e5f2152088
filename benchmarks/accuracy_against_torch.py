"""Train a config's network in PyTorch: same files, split, batches, augmentation and schedule.

    python -m benchmarks.accuracy_against_torch configs/cifar10_tiny_vgg.yaml

Prints the metrics by epoch and the test accuracy, to be held against those of
``cnn-tui --no-ui --config`` with the same config. The initial weights are the engine's; only
dropout masks and rounding differ.
"""

import sys
from typing import Any

import torch
from torch.nn import functional

from benchmarks.torch_nets import to_torch
from engine.config import Config, load
from engine.data import Batches
from engine.rng import Purpose, stream
from engine.train import factory


def make_optimizer(config: Config, net: torch.nn.Module) -> torch.optim.Optimizer:
    train = config.train
    common: dict[str, Any] = {"lr": train.lr, "weight_decay": train.weight_decay}
    if train.optimizer in ("adam", "adamw"):
        kind = torch.optim.AdamW if train.optimizer == "adamw" else torch.optim.Adam
        return kind(net.parameters(), betas=train.betas, eps=train.eps, **common)
    if train.optimizer in ("sgd", "momentum"):
        return torch.optim.SGD(
            net.parameters(), momentum=train.momentum_or_default, nesterov=train.nesterov, **common
        )
    raise SystemExit(f"no PyTorch twin for {train.optimizer}")


@torch.no_grad()
def accuracy(net: torch.nn.Module, batches: Batches) -> float:
    net.eval()
    correct = 0
    for step in range(batches.steps_per_epoch):
        x, y = batches.load(batches.batch_indices(0, step))
        correct += int((net(torch.from_numpy(x)).argmax(1).numpy() == y).sum())
    net.train()
    return correct / batches.samples_per_epoch


def main() -> None:
    config = load(sys.argv[1], sys.argv[2:])
    torch.manual_seed(config.seed)
    if config.train.workers is not None:
        torch.set_num_threads(config.train.workers)
    sources = factory.make_sources(config, factory.load_dataset(config))
    batches = sources.train
    net = to_torch(factory.make_model(config), torch.channels_last)
    optimizer = make_optimizer(config, net)
    scheduler = factory.make_scheduler(config, batches.steps_per_epoch)
    done = 0
    for epoch in range(config.train.epochs):
        total = 0.0
        for step in range(batches.steps_per_epoch):
            for group in optimizer.param_groups:
                group["lr"] = scheduler.lr(epoch, done)
            rng = stream(Purpose.AUGMENT, config.seed, epoch, step, 0)
            x, y = batches.load(batches.batch_indices(epoch, step), rng)
            optimizer.zero_grad()
            loss = functional.cross_entropy(
                net(torch.from_numpy(x)),
                torch.from_numpy(y),
                label_smoothing=config.train.label_smoothing,
            )
            loss.backward()
            optimizer.step()
            total += loss.item()
            done += 1
        mean = total / batches.steps_per_epoch
        print(
            f"epoch {epoch + 1}  loss {mean:.4f}  val_acc {accuracy(net, sources.validation):.4f}"
        )
    print(f"test_acc {accuracy(net, sources.test):.4f}")


if __name__ == "__main__":
    main()
