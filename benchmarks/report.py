"""What was measured, as Markdown and as a picture."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.runs.environment import environment


@dataclass(frozen=True)
class Verdict:
    """A figure that is asked for.

    Attributes:
        work: what was done.
        value: the figure.
        floor, goal: what it has to be, and what it should be.
        unit: printed after it.
        low: whether less is better.
        note: how it came about.
    """

    work: str
    value: float
    floor: float
    goal: float
    unit: str = ""
    low: bool = False
    note: str = ""

    @property
    def word(self) -> str:
        """``goal``, ``floor`` or ``below the floor``."""
        sign = -1 if self.low else 1
        if sign * self.value >= sign * self.goal:
            return "goal"
        return "floor" if sign * self.value >= sign * self.floor else "**misses the floor**"


@dataclass(frozen=True)
class Curve:
    """Seconds against a size, for the picture."""

    axis: str
    name: str
    x: Sequence[float]
    seconds: Sequence[float]


@dataclass
class Section:
    """One part of the report."""

    title: str
    text: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def milliseconds(seconds: float) -> str:
    """Three or more significant digits."""
    ms = 1e3 * seconds
    return f"{ms:.0f}" if ms >= 1000 else f"{ms:.1f}" if ms >= 100 else f"{ms:.3g}"


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """All figures that are asked for."""
    rows = [
        (
            v.work,
            f"{v.value:.3g}{v.unit}",
            f"{'≤' if v.low else '≥'} {v.floor:g}{v.unit}",
            f"{'≤' if v.low else '≥'} {v.goal:g}{v.unit}",
            v.word,
            v.note,
        )
        for v in verdicts
    ]
    return markdown_table(("work", "measured", "floor", "goal", "reached", ""), rows)


def machine() -> str:
    """What was measured on."""
    facts = environment()
    blas = ", ".join(
        f"{b['library']} {b['version']} ({b['architecture']}, {b['threads']} threads)"
        for b in facts["blas"]
    )
    lines = [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['platform']}",
        f"Python {facts['python']}, NumPy {facts['numpy']}; BLAS: {blas}",
    ]
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        kernels = torch.backends.cpu.get_cpu_capability()
        lines.append(f"PyTorch {torch.__version__}, {platform.machine()}, kernels for {kernels}")
    if "onnxruntime" in sys.modules:
        lines.append(f"ONNX Runtime {sys.modules['onnxruntime'].__version__}")
    return "\n".join(f"- {line}" for line in lines)


def load_average() -> float | None:
    """Processes that wanted to run in the last minute; None where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def write_markdown(
    path: Path,
    sections: Sequence[Section],
    preface: str,
    title: str = "The engine against PyTorch",
) -> None:
    """The whole report."""
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    parts = [f"# {title}", preface, machine()]
    if verdicts:
        parts += ["## What it shows", verdict_table(verdicts)]
    for section in sections:
        parts += [f"## {section.title}", *section.text]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_picture(path: Path, sections: Sequence[Section]) -> bool:
    """Ratios as bars and growth as curves; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    ratios = [v for s in sections for v in s.verdicts if not v.unit and not v.low]
    curves = [curve for section in sections for curve in section.curves]
    axes_names = list(dict.fromkeys(curve.axis for curve in curves))
    panels = bool(ratios) + len(axes_names)
    if not panels:
        return False
    columns = min(3, panels)
    rows = -(-panels // columns)
    figure = Figure(figsize=(5.5 * columns, 4.2 * rows), layout="constrained")
    places = iter(figure.subplots(rows, columns, squeeze=False).flat)
    if ratios:
        ax = next(places)
        y = range(len(ratios))[::-1]
        ax.barh(y, [v.value for v in ratios], color="#4c78a8")
        for at, v in zip(y, ratios, strict=True):
            ax.plot([v.floor] * 2, [at - 0.4, at + 0.4], color="#e45756")
            ax.plot([v.goal] * 2, [at - 0.4, at + 0.4], color="#54a24b")
        ax.set_yticks(list(y), [v.work for v in ratios], fontsize=7)
        ax.set_title("throughput, ours / other (red: floor, green: goal)", fontsize=9)
    for axis in axes_names:
        ax = next(places)
        for curve in (curve for curve in curves if curve.axis == axis):
            ax.loglog(curve.x, [1e3 * s for s in curve.seconds], "o-", label=curve.name, ms=3)
        sizes = next(curve.x for curve in curves if curve.axis == axis)
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.set_xticks([], minor=True)
        ax.set_xlabel(axis)
        ax.set_ylabel("ms a training step")
        ax.legend(fontsize=7)
        ax.grid(alpha=0.3)
    for ax in places:
        ax.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return True
