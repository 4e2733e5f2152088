"""Rules on the layers: ReLUs that are dead, gradients that vanish or explode."""

import math
from statistics import median

from engine.hints.changes import scaled_lr
from engine.hints.evidence import Evidence
from engine.hints.registry import Fix, Found, register

DEAD, _KILLED = 0.75, 0.9
VANISHING = 1e-3
_LOOKED = 2  # epochs
_LARGE, _JUMP = 100.0, 10.0


@register(
    "dead_relus",
    title="dead ReLUs",
    when="in two epochs, three in four channels of a ReLU or more were 0 for all images looked at",
    remedy="train.lr ÷3; ÷10 where nine in ten are dead",
    why=(
        "A ReLU that is 0 for every image passes on nothing, and gets no gradient to change that. "
        "Large steps push units there, and they stay."
    ),
)
def dead_relus(evidence: Evidence) -> Found | None:
    """Channels that are 0 whatever the image."""
    looks = evidence.looks[-_LOOKED:]
    if len(looks) < _LOOKED:
        return None
    shares = [
        {layer.name: layer.dead for layer in look.layers if layer.dead is not None}
        for look in looks
    ]
    lasting = {name: min(share, shares[0].get(name, 0.0)) for name, share in shares[1].items()}
    name, share = max(lasting.items(), key=lambda item: item[1], default=("", 0.0))
    if share < DEAD:
        return None
    several = sum(dead >= DEAD for dead in lasting.values())
    more = f", and most of {several - 1} others" if several > 1 else ""
    return (
        f"{share:.0%} of the channels of layer {name} ReLU are 0 for all images looked at{more}",
        scaled_lr(evidence, 0.1 if share >= _KILLED else 1 / 3),
    )


@register(
    "vanishing",
    title="vanishing gradients",
    when=(
        "in two epochs, the gradient of a layer in the first half of the network was less than "
        "a thousandth of the largest (root mean squares)"
    ),
    remedy="train.optimizer=adam with train.lr=0.001, which measures each gradient by itself",
    why=(
        "On its way back every layer multiplies the gradient; with many factors below 1 nothing is "
        "left for the first layers, and they keep their random weights. ReLU instead of Sigmoid or "
        "Tanh, batch norm and shortcuts keep it alive."
    ),
)
def vanishing(evidence: Evidence) -> Found | None:
    """Early layers that get no gradient."""
    looks = evidence.looks[-_LOOKED:]
    if len(looks) < _LOOKED:
        return None
    found = []
    for look in looks:
        sizes = [(layer.grad_rms, layer) for layer in look.layers if layer.grad_rms is not None]
        largest = max((size for size, _ in sizes if math.isfinite(size)), default=0.0)
        size, layer = min(sizes[: len(sizes) // 2], key=lambda pair: pair[0], default=(1.0, None))
        if layer is None or not largest or size >= VANISHING * largest:
            return None
        found.append((layer, size / largest))
    layer, share = found[-1]
    train = evidence.config.train
    adaptive = train.optimizer not in ("sgd", "momentum")
    plain = ("train.nesterov=false",) if train.nesterov else ()
    fix = Fix(
        "let Adam measure each gradient by itself",
        ("train.optimizer=adam", "train.lr=0.001", *plain),
    )
    return (
        f"the gradient of layer {layer.name} {layer.kind} is {share:.1g} of the largest",
        None if adaptive else fix,
    )


@register(
    "exploding",
    title="exploding gradients",
    when=(
        "grad_norm is above 100, or ten times the median of the epochs before it, and above 10; "
        "never with train.clip_norm"
    ),
    remedy="train.clip_norm=1",
    why=(
        "On its way back every layer multiplies the gradient; with many factors above 1 it becomes "
        "so large that one step throws away what was learnt. Clipping keeps its direction and "
        "limits its length."
    ),
)
def exploding(evidence: Evidence) -> Found | None:
    """A gradient that is far too long."""
    norms = [norm for norm in evidence.column("grad_norm") if not math.isnan(norm)]
    if not norms or evidence.config.train.clip_norm is not None:
        return None
    before = median(norms[:-1]) if len(norms) > 2 else math.inf
    if not (norms[-1] > _LARGE or norms[-1] > max(_JUMP * before, 10)):
        return None
    usual = f"; the median before is {before:.3g}" if math.isfinite(before) else ""
    return (
        f"the gradient's norm is {norms[-1]:.3g}{usual}",
        Fix("clip the norm of the gradient at 1", ("train.clip_norm=1.0",)),
    )
