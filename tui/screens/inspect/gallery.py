"""Pictures in a pane, with the numbers of the chosen one beside them."""

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui import text
from tui.charts import colours, layer_images
from tui.charts.layer_images import Gallery
from tui.screens.inspect.glossary import explained
from tui.widgets.tiles import Tiles, lay_out
from tui.widgets.titles import set_titles
from tui.widgets.words import Words


class Pictures(Tiles):
    """Filters or feature maps."""

    HELP_TEXT = (
        "Blue is below zero, orange above, and the darker (on a light theme: the lighter) the "
        "nearer to zero; the scale is in the line below, and the numbers of the chosen picture "
        "beside it. Filters that see a colour image are in colour themselves: grey is 0. Arrows "
        "choose a picture, m changes between filters and feature maps, [ and ] choose the input "
        "channel of filters, n another sample for feature maps, z maximizes the pane, enter "
        "explains one of the numbers. "
    ) + explained("filter", "feature map")


class Sample(Tiles, can_focus=False):
    """The image that the feature maps are of."""


class GalleryPane(Vertical):
    """Small pictures, a scale, and the numbers of the chosen picture."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._gallery: Gallery | None = None
        self._sample: tuple[np.ndarray, str] | None = None
        self._shape: list[int] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Sample(id="sample")
            yield Pictures(id="pictures")
            yield Static(id="numbers", markup=False)
        yield Words(id="scale")

    def show(
        self,
        shown: Gallery | None,
        title: str,
        subtitle: str,
        note: str = "",
        sample: tuple[np.ndarray, str] | None = None,
    ) -> None:
        """Set the pictures.

        Args:
            shown: what to show.
            title, subtitle: of the pane.
            note: why there is nothing to show.
            sample: the image that they are of, as ``Tiles`` takes images, and its caption.
        """
        self._sample = sample
        self._show_sample()
        tiles = self.query_one(Pictures)
        self._gallery = shown
        tiles.empty = note
        if shown is None:
            tiles.show(np.zeros((0, 1, 1)), (), 0.0)
        elif shown.in_colour:
            tiles.show(layer_images.as_colours(shown), shown.captions, None)
        else:
            tiles.show(shown.pictures, shown.captions, shown.limit)
        set_titles(self, Content(title), Content(subtitle))
        self.describe()

    def _show_sample(self) -> None:
        """The image, as large as it can be within a third of the pane's width and its height."""
        tiles = self.query_one(Sample)
        tiles.display = self._sample is not None
        if self._sample is not None:
            image, caption = self._sample
            height, width = image.shape[1:3]
            space = self.size.width // 3, self.size.height - 1
            tiles.styles.width = lay_out(1, height, width, space).width + 1
            tiles.show(image, (caption,), None)

    def describe(self) -> None:
        """Write the numbers of the chosen picture."""
        shown, tiles = self._gallery, self.query_one(Pictures)
        grid, scale = self.query_one("#numbers", Static), self.query_one("#scale", Words)
        if shown is None or tiles.cursor >= len(shown.pictures):
            grid.display = False
            scale.show(Content(""))
            return
        picture = shown.pictures[tiles.cursor]
        room = self.size.width * 2 // 5
        lines = layer_images.numbers(picture, room, self.size.height - 3)
        grid.display = lines is not None
        if lines is not None:
            caption = shown.captions[tiles.cursor]
            head = f"{caption or 'all'}  {picture.shape[0]}×{picture.shape[1]}"
            words = Content("\n").join([Content.styled(head, "$primary"), *map(_signed, lines)])
            shape = [content.cell_length for content in words.split("\n")]
            grid.update(words, layout=shape != self._shape)  # which draws the whole screen anew
            self._shape = shape
        scale.show(self._scale(shown, picture, tiles.cursor))

    def _scale(self, shown: Gallery, picture: np.ndarray, index: int) -> Content:
        limit = text.short(shown.limit)
        parts: list[tuple[str, str]] = []
        if shown.in_colour:
            parts.append(("grey is 0; colours are what the filter looks for", "$muted"))
        else:
            shades = colours.diverging(self.query_one(Pictures).palette)
            step = 4 if self.size.width < 60 else 1
            parts.append((f"-{limit} ", "$muted"))
            parts += [("█", colour) for colour in shades[1::step]]
            parts.append((f" {limit}", "$muted"))
        caption = shown.captions[index]
        note = f"{shown.notes[index]}  " if shown.notes else ""
        low, high = float(np.min(picture)), float(np.max(picture))
        parts.append((f"  {caption and '▴'}{caption} ", "$primary"))
        parts.append((note, "$success"))
        parts.append((f"{text.short(low)} to {text.short(high)}", "$foreground"))
        rms = float(np.sqrt(np.mean(np.square(picture, dtype=np.float64))))
        room = self.size.width - sum(len(part) for part, _ in parts)
        parts += [(f"  rms {text.short(rms)}", "$muted")] if room >= 12 else []
        return Content.assemble(*parts).truncate(max(self.size.width, 1), ellipsis=True)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)  # the first one comes before the widgets

    def _fit(self) -> None:
        self._show_sample()
        self.describe()

    def on_tiles_moved(self, event: Tiles.Moved) -> None:
        self.describe()

    async def on_tiles_chosen(self, event: Tiles.Chosen) -> None:
        await self.app.run_action("microscope", default_namespace=self.screen)


def _signed(line: str) -> Content:
    """Numbers, those below zero in another colour; the sign says it too."""
    return Content.assemble(
        *(
            (word + " ", "$curve-train" if word.strip().startswith("-") else "$curve-val")
            for word in words_of(line)
        )
    )


def words_of(line: str) -> list[str]:
    """The numbers of a line of ``gallery.numbers``, each as wide as all."""
    size = layer_images.NUMBER
    return [line[i : i + size] for i in range(0, len(line), size + 1)]
