"""Timing a bundle: reading, windows, inference by backend and batch, scoring, and all together."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from normalcy.environment import available_cores, hardware, versions
from normalcy.errors import FallbackWarning, MissingPackage, NormalcyError, VideoError
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import VideoInfo, probe
from normalcy.workflows.bench.models import EAGER, bench_names
from normalcy.workflows.bench.options import BenchOptions
from normalcy.workflows.bench.processes import BackendProcess, backend_processes
from normalcy.workflows.bench.timing import in_turns


@dataclass
class BenchResult:
    """What was measured.

    Attributes:
        about: Bundle, video, settings, versions and hardware.
        stages: Milliseconds of each stage that does not depend on the backend: a frame of `decode`, `resize` and
            `window`, a clip of `scoring`.
        backends: By name: from clips to scores by batch, all together, memory, size.
    """

    about: dict[str, Any]
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    backends: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.about, "stages": self.stages, "backends": self.backends}


def bench(path: Path, video: Path, options: BenchOptions, *, progress: Progress | None = None) -> BenchResult:
    """Times a bundle on a video: a process for each backend, the same clips for all, in turns.

    Args:
        path: Bundle folder, or the run folder that holds it.
        video: File.
        options: How much is timed.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        VideoError: The video cannot be read, or holds no clip.
        BundleError, ConfigError: A backend that was named is not there.
        MissingPackage: Nothing of it runs here.
        NormalcyError: A backend's process died.
    """
    bundle = Bundle.load(path)
    info = probe(video)
    names = options.backends or bench_names(bundle)
    with backend_processes(path, names, video, options) as processes:
        opened = _opened(processes, named=bool(options.backends), progress=progress)
        return _Bench(bundle, info, options, processes, opened, progress).run()


def _opened(
    processes: Mapping[str, BackendProcess], *, named: bool, progress: Progress | None
) -> dict[str, dict[str, Any]]:
    """What each backend says of itself; one that nobody named and that cannot be had is left out, with a warning."""
    found = {}
    for number, (name, process) in enumerate(processes.items()):
        if progress:
            progress(f"opening {name}", number, len(processes))
        try:
            found[name] = process.opened()
        except VideoError:
            raise
        except NormalcyError as error:
            if named:
                raise
            warnings.warn(f"{name} is left out: {error}", FallbackWarning, stacklevel=2)
    if not found:
        raise MissingPackage("nothing that this bundle runs on is installed", hint="See the warnings above")
    return found


@dataclass
class _Bench:
    bundle: Bundle
    info: VideoInfo
    options: BenchOptions
    processes: Mapping[str, BackendProcess]
    opened: Mapping[str, dict[str, Any]]
    progress: Progress | None

    def run(self) -> BenchResult:
        spec = next(iter(self.opened.values()))["spec"]
        result = BenchResult(self._about(spec))
        result.stages = self.processes[list(self.opened)[-1]].stages()
        for name in self.opened:
            result.backends[name] = {"batches": {}, **self._kept(name)}
        self._time_inference(result.backends)
        self._time_together(result.backends, frames=spec["frames"])
        _compare(result.backends)
        return result

    def _time_inference(self, backends: Mapping[str, dict[str, Any]]) -> None:
        """Milliseconds of a clip, by batch."""
        for batch in self.options.batches:
            found = in_turns(
                {name: partial(self.processes[name].infer, batch) for name in self.opened},
                rounds=self.options.rounds,
                on_turn=self._telling(f"inference, {batch} at once"),
            )
            for name, times in found.items():
                a_clip = times.shared_by(batch)
                backends[name]["batches"][str(batch)] = {
                    **a_clip.summary(),
                    "deciles_ms": a_clip.deciles(),
                    "cores_busy": round(times.cores_busy, 2),
                }

    def _time_together(self, backends: Mapping[str, dict[str, Any]], *, frames: int) -> None:
        """Milliseconds of a frame, from opening the video to the last verdict."""
        found = in_turns(
            {name: self.processes[name].together for name in self.opened},
            rounds=max(1, self.options.rounds // 2),
            on_turn=self._telling("all together"),
        )
        for name, times in found.items():
            a_frame = times.shared_by(frames).summary()
            backends[name]["together_ms_a_frame"] = a_frame
            backends[name]["frames_per_second"] = round(1000 / a_frame["p50_ms"], 2)

    def _telling(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(what, done, total) if self.progress else None

    def _kept(self, name: str) -> dict[str, Any]:
        """Memory, size and threads."""
        assert self.bundle.path is not None
        record = next((each for each in self.bundle.exports if each.name == name), None)
        weights = self.bundle.path / "model.safetensors"
        return {
            "model_bytes": sum(each.size_bytes for each in record.graphs)
            if record
            else weights.stat().st_size,
            "peak_memory_mib": self.opened[name]["peak_memory_mib"],
            "threads": self.options.threads or available_cores(),
        }

    def _about(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        header = self.bundle.header
        return {
            "method": header.method,
            "preset": header.fit.preset,
            **spec,
            "hop_frames": header.scoring.hop_frames,
            "video": {
                "codec": self.info.codec,
                "size_px": [self.info.height_px, self.info.width_px],
                "frames_per_second": self.info.fps,
            },
            "rounds": self.options.rounds,
            "clips_a_round": self.options.clips,
            "threads": self.options.threads,
            "versions": versions(),
            "hardware": hardware(),
        }


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
