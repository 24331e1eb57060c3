"""A drawing with a horizontal and a vertical axis, as SVG."""

from dataclasses import dataclass

from normalcy.report import svg


@dataclass(frozen=True)
class Plot:
    """Where a drawing with axes lies in its view box, in its own units."""

    width: float = 440.0
    height: float = 360.0
    left: float = 66.0
    right: float = 12.0
    top: float = 12.0
    bottom: float = 48.0

    def x(self, share: float) -> float:
        """Place of a share of the horizontal axis."""
        return self.left + share * (self.width - self.left - self.right)

    def y(self, share: float) -> float:
        """Place of a share of the vertical axis, upwards."""
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def frame(self, *, x_name: str, y_name: str = "") -> str:
        """Axis names and the base lines."""
        base = svg.path(
            [(self.x(0), self.y(1)), (self.x(0), self.y(0)), (self.x(1), self.y(0))], class_="axis"
        )
        x_words = svg.text(x_name, x=self.x(0.5), y=self.height - 8, class_="name", text_anchor="middle")
        return f"{base}{x_words}{self._y_name(y_name) if y_name else ''}"

    def _y_name(self, words: str) -> str:
        turned = f"rotate(-90 13 {self.y(0.5)})"
        return svg.text(words, x=13, y=self.y(0.5), class_="name", text_anchor="middle", transform=turned)

    def x_tick(self, share: float, words: str) -> str:
        """A labelled place on the horizontal axis."""
        return svg.text(words, x=self.x(share), y=self.y(0) + 18, class_="tick", text_anchor="middle")

    def y_tick(self, share: float, words: str) -> str:
        """A labelled place on the vertical axis, with a faint line across."""
        rule = svg.path([(self.x(0), self.y(share)), (self.x(1), self.y(share))], class_="rule")
        return rule + svg.text(words, x=self.x(0) - 7, y=self.y(share) + 4, class_="tick", text_anchor="end")


def percent(share: float) -> str:
    """A share as per cent, with a decimal where whole ones would hide it."""
    hundredths = 100 * share
    fraction = 0 < hundredths < 9.95 and hundredths != round(hundredths)
    return f"{hundredths:.{1 if fraction else 0}f} %"
