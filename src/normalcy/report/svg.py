"""Small SVG drawing: elements as strings, every attribute and text escaped. Colours come from the page's classes."""

from collections.abc import Iterable, Sequence
from html import escape


def element(name: str, *children: str, **attributes: object) -> str:
    """One element; `class_` and `stroke_width` become `class` and `stroke-width`, None leaves an attribute out.

    Children are markup and taken as they are; use `text` or `tooltip` for words.

    >>> element("rect", x=1, height="5%", class_="bar")
    '<rect x="1" height="5%" class="bar"/>'
    """
    written = "".join(
        f' {_attribute(key)}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return f"<{name}{written}/>"
    return f"<{name}{written}>{''.join(children)}</{name}>"


def text(words: str, **attributes: object) -> str:
    """A line of text."""
    return element("text", escape(words), **attributes)


def tooltip(words: str) -> str:
    """What a pointer resting on the parent shows, and a screen reader reads."""
    return element("title", escape(words))


def path(points: Iterable[tuple[float, float]], **attributes: object) -> str:
    """A line through points."""
    return element("path", d=_line(points), fill="none", **attributes)


def area(points: Sequence[tuple[float, float]], *, base: float, **attributes: object) -> str:
    """The surface between a line and the horizontal `base`."""
    ring = [(points[0][0], base), *points, (points[-1][0], base)]
    return element("path", d=_line(ring) + "Z", **attributes)


def picture(*children: str, label: str, **attributes: object) -> str:
    """A whole drawing, with the sentence that stands for it where it cannot be seen."""
    return element("svg", *children, role="img", aria_label=label, **attributes)


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_value(x)} {_value(y)}" for x, y in points)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
