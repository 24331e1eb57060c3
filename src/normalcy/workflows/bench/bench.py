"""Timing a bundle: reading, windows, inference by backend and batch, scoring, and all together."""

import itertools
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normalcy.environment import available_cores, hardware, versions
from normalcy.errors import ConfigError, FallbackWarning, MissingPackage, VideoTooShort
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import Found, ScoringModel
from normalcy.scoring.pipeline import SourceScorer, clip_scores
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, VideoInfo, open_video, probe
from normalcy.video.timing import time_reading
from normalcy.workflows.bench.memory import peak_memory_mib
from normalcy.workflows.bench.models import EAGER, bench_names, open_model
from normalcy.workflows.bench.timing import Times, in_turns

BATCHES = (1, 4)


@dataclass(frozen=True)
class BenchOptions:
    """How much is timed.

    Attributes:
        backends: Which; all that run here where empty.
        batches: Clips that are looked at together.
        rounds: How often each has its turn.
        clips: Clips of the video that are looked at in a turn.
        frames: Frames of the video that are read at most.
        threads: Threads of each backend; all cores without.
        memory: Whether peak memory is measured, in a process for each backend.
    """

    backends: tuple[str, ...] = ()
    batches: tuple[int, ...] = BATCHES
    rounds: int = 5
    clips: int = 20
    frames: int = 240
    threads: int | None = None
    memory: bool = True


@dataclass
class BenchResult:
    """What was measured.

    Attributes:
        about: Bundle, video, settings, versions and hardware.
        stages: Milliseconds of each stage that does not depend on the backend: a frame of `decode`, `resize` and
            `window`, a clip of `scoring`.
        backends: By name: inference by batch, all together, memory, size.
    """

    about: dict[str, Any]
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    backends: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.about, "stages": self.stages, "backends": self.backends}


def bench(path: Path, video: Path, options: BenchOptions, *, progress: Progress | None = None) -> BenchResult:
    """Times a bundle on a video; every backend sees the same clips, in turns.

    Args:
        path: Bundle folder, or the run folder that holds it.
        video: File.
        options: How much is timed.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        VideoError: The video cannot be read, or holds no clip.
        BundleError, ConfigError: A backend that was named is not there.
    """
    bundle = Bundle.load(path)
    models: dict[str, ScoringModel] = {}
    for name in options.backends or bench_names(bundle):
        try:
            models[name] = open_model(bundle, name, threads=options.threads)
        except (ConfigError, MissingPackage) as error:
            if options.backends:
                raise
            warnings.warn(f"{name} is left out: {error}", FallbackWarning, stacklevel=2)
    with _torch_threads(options.threads):
        return _Bench(bundle, video, options, models, probe(video), progress).run()


@contextmanager
def _torch_threads(threads: int | None) -> Iterator[None]:
    """Torch with as many threads as all others."""
    torch: Any = sys.modules.get("torch")
    if torch is None or threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class _Bench:
    bundle: Bundle
    video: Path
    options: BenchOptions
    models: Mapping[str, ScoringModel]
    _info: VideoInfo
    progress: Progress | None

    def run(self) -> BenchResult:
        frames = self._frames()
        clips = self._clips(frames)
        result = BenchResult(self._about(frames))
        result.stages = self._stages(frames, clips)
        for name in self.models:
            result.backends[name] = {"batches": {}, **self._kept(name)}
        for batch in self.options.batches:
            for name, times in self._inference(clips, batch).items():
                result.backends[name]["batches"][str(batch)] = {
                    **times.summary(),
                    "deciles_ms": times.deciles(),
                    "cores_busy": round(times.cores_busy, 2),
                }
        for name, times in self._together(len(frames)).items():
            a_frame = Times(tuple(each / len(frames) for each in times.milliseconds)).summary()
            result.backends[name]["together_ms_a_frame"] = a_frame
            result.backends[name]["frames_per_second"] = round(1000 / a_frame["p50_ms"], 2)
        _compare(result.backends)
        return result

    @property
    def _reading(self) -> ReadOptions:
        spec = next(iter(self.models.values())).spec
        return ReadOptions(size_px=spec.size_px, grey=spec.channels == 1)

    def _frames(self) -> list[Frame]:
        with open_video(self.video, self._reading) as reader:
            return list(itertools.islice(reader, self.options.frames))

    def _window(self) -> ClipWindow:
        spec = next(iter(self.models.values())).spec
        return ClipWindow(spec, hop_frames=self.bundle.header.scoring.hop_frames)

    def _clips(self, frames: Sequence[Frame]) -> list[Clip]:
        window = self._window()
        found = [clip for frame in frames if (clip := window.push(frame))]
        if not found:
            raise VideoTooShort(f"has {len(frames)} frames, and no clip fits in", where=self.video)
        return found

    def _stages(self, frames: Sequence[Frame], clips: Sequence[Clip]) -> dict[str, dict[str, float]]:
        reading = time_reading(self.video, self._reading, frames=len(frames))
        # The first frame opens what later ones find open.
        return {
            "decode": Times(tuple(reading.decode[1:])).summary(),
            "resize": Times(tuple(reading.resize[1:])).summary(),
            "window": self._pushing(frames).summary(),
            "scoring": self._scoring(clips).summary(),
        }

    def _pushing(self, frames: Sequence[Frame]) -> Times:
        """Of each frame, all but those of the first round."""
        taken: list[float] = []
        for number in range(self.options.rounds + 1):
            window = self._window()
            found = [_milliseconds(window.push, frame) for frame in frames]
            taken += found if number else []
        return Times(tuple(taken))

    def _scoring(self, clips: Sequence[Clip]) -> Times:
        """From what was found in clips to verdicts: the camera where there is one, smoothing, calibration, events."""
        model = list(self.models.values())[-1]
        clips = clips[: self.options.clips]
        found = model.infer([clip.clip_TCHW for clip in clips])
        taken = [self._judged(model, clips, found) for _ in range(self.options.rounds + 1)]
        return Times(tuple(each for times in taken[1:] for each in times))

    def _judged(self, model: ScoringModel, clips: Sequence[Clip], found: Sequence[Found]) -> list[float]:
        """Milliseconds of each clip."""
        header = self.bundle.header
        camera = model.camera("bench")
        track = ScoreTrack(
            model.spec, source_id="bench", settings=header.scoring, calibration=self.bundle.calibration
        )

        def judge(clip: Clip, each: Found) -> None:
            track.update(clip, clip_scores(each, clip=clip, camera=camera))

        return [_milliseconds(judge, clip, each) for clip, each in zip(clips, found, strict=True)]

    def _inference(self, clips: Sequence[Clip], batch: int) -> dict[str, Times]:
        """Milliseconds of a clip."""
        count = max(1, min(self.options.clips, len(clips)) // batch)
        batches = [
            [clip.clip_TCHW for clip in itertools.islice(itertools.cycle(clips), n * batch, (n + 1) * batch)]
            for n in range(count)
        ]
        times = in_turns(
            {
                name: lambda number, model=model: model.infer(batches[number])  # type: ignore[misc]
                for name, model in self.models.items()
            },
            rounds=self.options.rounds,
            runs=count,
            on_run=self._telling(f"inference, {batch} at once"),
        )
        return {
            name: Times(tuple(each / batch for each in found.milliseconds), found.cores_busy)
            for name, found in times.items()
        }

    def _together(self, frames: int) -> dict[str, Times]:
        """Milliseconds from opening the video to the last verdict."""
        return in_turns(
            {
                name: lambda _, model=model: self._watch(model, frames)  # type: ignore[misc]
                for name, model in self.models.items()
            },
            rounds=max(1, self.options.rounds // 2),
            runs=1,
            on_run=self._telling("all together"),
        )

    def _watch(self, model: ScoringModel, frames: int) -> None:
        header = self.bundle.header
        scorer = SourceScorer(
            model, settings=header.scoring, calibration=self.bundle.calibration, source_id="bench"
        )
        with open_video(self.video, self._reading) as reader:
            for _ in scorer.run(itertools.islice(reader, frames)):
                pass

    def _telling(self, what: str) -> Any:
        return lambda done, total: self.progress(what, done, total) if self.progress else None

    def _kept(self, name: str) -> dict[str, Any]:
        """Memory and size."""
        assert self.bundle.path is not None
        record = next((each for each in self.bundle.exports if each.name == name), None)
        weights = self.bundle.path / "model.safetensors"
        size = sum(graph.size_bytes for graph in record.graphs) if record else weights.stat().st_size
        if self.progress and self.options.memory:
            self.progress(f"memory of {name}", 0, 0)
        threads = self.options.threads
        memory = peak_memory_mib(self.bundle.path, name, threads) if self.options.memory else None
        return {
            "model_bytes": size,
            "peak_memory_mib": None if memory is None else round(memory, 1),
            "threads": threads or available_cores(),
        }

    def _about(self, frames: Sequence[Frame]) -> dict[str, Any]:
        header, spec = self.bundle.header, next(iter(self.models.values())).spec
        return {
            "method": header.method,
            "preset": header.fit.preset,
            "clip_frames": spec.length_frames,
            "size_px": list(spec.size_px),
            "channels": spec.channels,
            "hop_frames": header.scoring.hop_frames,
            "frames": len(frames),
            "video": {
                "codec": self._info.codec,
                "size_px": [self._info.height_px, self._info.width_px],
                "frames_per_second": self._info.fps,
            },
            "rounds": self.options.rounds,
            "clips_a_round": self.options.clips,
            "threads": self.options.threads,
            "versions": versions(),
            "hardware": hardware(),
        }


def _milliseconds(work: Callable[..., object], *given: object) -> float:
    start = time.perf_counter()
    work(*given)
    return (time.perf_counter() - start) * 1000


def _compare(backends: Mapping[str, dict[str, Any]]) -> None:
    """Enters how many times as fast as the plainest way each is."""
    plain = backends.get(EAGER)
    if plain is None:
        return
    for own in backends.values():
        own["times_as_fast"] = {
            batch: round(times["p50_ms"] / own["batches"][batch]["p50_ms"], 2)
            for batch, times in plain["batches"].items()
        }
        own["times_as_fast_together"] = round(own["frames_per_second"] / plain["frames_per_second"], 2)
