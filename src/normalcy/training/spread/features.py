"""What a frozen backbone sees in videos, side by side: workers write into the feature store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy.typing as npt

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.classes import ClassVideo
from normalcy.engines.opening import cores
from normalcy.errors import ConfigError, InputError, VideoError
from normalcy.methods.base import Classifying, Method
from normalcy.progress import Progress
from normalcy.training.config import FitConfig
from normalcy.training.features.store import FeatureStore
from normalcy.training.spread.settings import Spread
from normalcy.training.spread.threads import compute_in
from normalcy.training.spread.videos import at_its_place, require_arrived, unsaid_warnings

if TYPE_CHECKING:
    from normalcy.layers.backbones import Backbone


class Wanted(NamedTuple):
    """A video, and in how many views it is to be seen."""

    video: LabelledVideo
    views: int


@dataclass(frozen=True)
class See:
    """Looks at videos and keeps what is seen in the store.

    Attributes:
        fit: Settings, among them where the store lies.
        backbone: Its weights.
        folder: Name of the store that these weights and settings belong to.
        threads: That a worker computes in.
    """

    fit: FitConfig
    backbone: dict[str, npt.NDArray[Any]]
    folder: str
    threads: int

    def open(self) -> Callable[[Wanted], None]:
        """Opens the backbone once.

        Raises:
            InputError: This machine would see something else, or cannot look at all.
        """
        compute_in(self.threads)
        store = self._store()
        if store.folder.name != self.folder:
            raise InputError(
                f"a worker would keep what it sees as {store.folder.name}, not as {self.folder}",
                hint="Install the same versions on all machines",
            )

        def look(wanted: Wanted) -> None:
            with unsaid_warnings():
                store.open(wanted.video, views=wanted.views)

        return look

    def _store(self) -> FeatureStore:
        import torch

        from normalcy.training.fit import build_method
        from normalcy.training.fit_classes import store_of

        try:
            method = build_method(self.fit)
        except ConfigError as error:
            raise InputError(f"a worker cannot look as the others do: {error}") from error
        backbone = cast("Backbone", cast("Classifying", method).backbone)
        backbone.load_state_dict({name: torch.tensor(array) for name, array in self.backbone.items()})
        return store_of(self.fit, method)


def see(
    method: Method,
    store: FeatureStore,
    videos: Sequence[tuple[ClassVideo, int]],
    config: FitConfig,
    *,
    spread: Spread,
    progress: Progress | None = None,
) -> None:
    """Fills the store with what it does not hold of these videos, each in so many views.

    One that a worker cannot read is passed over with a warning: whoever reads it next finds that again.

    Raises:
        OutputError: The store cannot be written.
        InputError: A worker cannot open the backbone, or keeps what it sees where this machine does not find it.
    """
    missing = [
        Wanted(at_its_place(each.video), views)
        for each, views in videos
        if not _holds(store, each.video, views)
    ]
    if not missing:
        return
    with spread.open() as engine:
        threads = max(1, cores() // min(engine.workers, len(missing)))
        outcomes = engine.run(_job(method, store, config, threads), missing)
        for done, outcome in enumerate(outcomes, start=1):
            if progress:
                progress(f"looking at {missing[outcome.place].video.name}", done, len(missing))
            video, views = missing[outcome.place]
            is_held = _holds(store, video, views)
            require_arrived(outcome, video, is_held=is_held, setting="data.features")


def _holds(store: FeatureStore, video: LabelledVideo, views: int) -> bool:
    try:
        return store.holds(video, views=views)
    except VideoError:
        return True  # Nothing to look at: whoever reads it next says so.


def _job(method: Method, store: FeatureStore, config: FitConfig, threads: int) -> See:
    backbone = cast("Backbone", cast("Classifying", method).backbone)
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in backbone.state_dict().items()}
    data = config.data.model_copy(update={"features": config.data.features.expanduser().absolute()})
    return See(config.model_copy(update={"data": data}), weights, store.folder.name, threads)
