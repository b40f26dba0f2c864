"""How are estimates drawn on their intervals, as wide as the page happens to be?

Every line of a picture is text beside a small SVG. Places along the axis are shares of
its width, so that neither text nor strokes are stretched; the text says all that is
drawn, and screen readers get it alone.
"""

import math

import numpy as np

from sklearn_equity.report._document import MINUS, Key, Mark, Plot, number
from sklearn_equity.report.page._text import text

_MIDDLE = 13  # of the height of a line, in pixels
_SHAPES = {
    "bad": '<path class="dot bad" d="M-7 0 0-7 7 0 0 7z"/>',
    "good": '<circle class="dot good" r="5.5"/>',
    "open": '<rect class="dot open" x="-5" y="-5" width="10" height="10"/>',
    "plain": '<rect class="dot plain" x="-5" y="-5" width="10" height="10"/>',
    "total": '<path class="dot total" d="M-6 5 0-6 6 5z"/>',
}


def render_plot(plot: Plot) -> str:
    """Write a picture with its lines and its axis."""
    ticks = nice_ticks(*plot.scale)
    lines = "\n".join(_line(mark, plot.scale, ticks) for mark in plot.marks)
    return (
        f"<figure>\n<figcaption>{text(plot.title)}</figcaption>\n"
        f'<ul class="marks">\n{lines}\n</ul>\n'
        f'<div class="axis">{_axis(plot.scale, ticks)}'
        f'<span class="name">{text(plot.axis)}</span></div>\n</figure>'
    )


def render_key(key: Key) -> str:
    """Write what the marks mean."""
    items = "".join(
        f"<li>{_sample(look)}<span>{text(words)}</span></li>"
        for look, words in key.items
    )
    return f'<ul class="key" aria-label="Key">{items}</ul>'


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round numbers between two, 1, 2 or 5 times a power of ten apart."""
    if not (np.isfinite([low, high]).all() and high > low):
        return [low] if np.isfinite(low) else []
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough
    )
    first, last = math.ceil(low / step), math.floor(high / step)
    return [step * i for i in range(first, last + 1)]


def _line(mark: Mark, scale: tuple[float, float], ticks: list[float]) -> str:
    return (
        f'<li class="{mark.look}"><span class="label">{text(mark.label)}</span>'
        f'<svg aria-hidden="true">{_grid(scale, ticks)}{_drawn(mark, scale)}</svg>'
        f'<span class="words">{_unbroken(text(mark.words))}</span></li>'
    )


def _unbroken(words: str) -> str:
    """Keep a number of people beside the "n" that names it."""
    return words.replace("n = ", "n&nbsp;=&nbsp;")


def _place(value: float, scale: tuple[float, float]) -> str:
    width = (scale[1] - scale[0]) or 1.0
    return f"{float(np.clip(100.0 * (value - scale[0]) / width, 0.0, 100.0)):.2f}%"


def _upright(x: str, css: str) -> str:
    return f'<line class="{css}" x1="{x}" x2="{x}" y1="0" y2="100%"/>'


def _grid(scale: tuple[float, float], ticks: list[float]) -> str:
    return "".join(_upright(_place(tick, scale), "grid") for tick in ticks)


def _drawn(mark: Mark, scale: tuple[float, float]) -> str:
    estimate, low, high = mark.figures
    parts = []
    if np.isfinite(mark.reference):
        parts.append(_upright(_place(mark.reference, scale), "reference"))
    if np.isfinite([low, high]).all():
        ends = f'x1="{_place(low, scale)}" x2="{_place(high, scale)}"'
        parts.append(
            f'<line class="ci {mark.look}" {ends} y1="{_MIDDLE}" y2="{_MIDDLE}"/>'
        )
        # An interval that leaves the picture ends in an arrow.
        for beyond, x, tip in ((low < scale[0], 0, 5), (high > scale[1], 100, -5)):
            if beyond:
                arrow = f'<path class="ci {mark.look}" d="M{tip}-5 0 0 {tip} 5"/>'
                parts.append(_at(f"{x}%", arrow))
    if np.isfinite(estimate):
        parts.append(_at(_place(estimate, scale), _SHAPES[mark.look]))
    return "".join(parts)


def _at(x: str, shape: str) -> str:
    return f'<svg x="{x}" y="{_MIDDLE}" width="1" height="1">{shape}</svg>'


def _axis(scale: tuple[float, float], ticks: list[float]) -> str:
    labels = "".join(
        f'<text x="{_place(tick, scale)}" y="14">{text(_tick(tick, ticks))}</text>'
        for tick in ticks
    )
    return f'<svg aria-hidden="true">{labels}</svg>'


def _tick(value: float, ticks: list[float]) -> str:
    """Write a tick with as many decimals as tell it from the next."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    if not 1e-4 < step < 1e5:
        return number(value)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{round(value, decimals) + 0.0:,.{decimals}f}"  # + 0.0: no "-0"
    return text.replace("-", MINUS)


def _sample(look: str) -> str:
    if look == "reference":
        shape = _upright("50%", "reference")
    else:
        shape = _at("50%", _SHAPES[look])
    return f'<svg aria-hidden="true">{shape}</svg>'
