"""Which moments of a training a film keeps.

They follow from how far the training is, so a run that was interrupted has the same film.
"""

FRAMES = 32
"""Most frames of a film."""
BYTES = 32 << 20
"""Most bytes of a film."""


def room(frame: int) -> int:
    """How many frames of so many bytes a film has room for; 0 if not even for two."""
    frames = min(FRAMES, BYTES // frame)
    return frames if frames >= 2 else 0


def first_steps(steps_per_epoch: int, frames: int) -> list[int]:
    """The steps of the first epoch that are kept: 0, 1, 2, 4, 8, ..., where most happens.

    Args:
        steps_per_epoch: batches of an epoch; its end counts as an epoch, not here.
        frames: the film's room, of which these take a third, by leaving out every second one.
    """
    steps = [0]
    while (step := max(1, 2 * steps[-1])) < steps_per_epoch:
        steps.append(step)
    while len(steps) > max(1, frames // 3):
        steps = steps[::2]
    return steps


def kept(epochs: int, steps_per_epoch: int, frames: int) -> set[int]:
    """The optimizer steps whose frames are kept once some epochs are done.

    Every epoch while there is room, then every second, every fourth and so on, as far apart
    everywhere; the first frame and the last are always among them.

    Args:
        epochs: epochs done.
        steps_per_epoch: batches of an epoch.
        frames: the film's room, at least 2.
    """
    first = first_steps(steps_per_epoch, frames)
    apart = 1
    while -(-epochs // apart) > frames - len(first):
        apart *= 2
    ends = {*range(apart, epochs + 1, apart), *([epochs] if epochs else [])}
    return {*first, *(epoch * steps_per_epoch for epoch in ends)}
