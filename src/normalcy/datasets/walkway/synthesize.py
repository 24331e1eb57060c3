"""Makes a set of videos with labels on disk."""

import logging
import multiprocessing
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from normalcy.config import build_config
from normalcy.datasets.walkway.actors import ANOMALY_KINDS, AnomalyKind
from normalcy.datasets.walkway.annotations import save
from normalcy.datasets.walkway.manifest import (
    FILE_NAME,
    EventEntry,
    Manifest,
    Recipe,
    VideoEntry,
    find_damage,
    read_manifest,
    sha256,
    write_manifest,
)
from normalcy.datasets.walkway.plan import PlannedVideo, plan_videos
from normalcy.datasets.walkway.render import RenderedFrame, annotate, render_frames
from normalcy.datasets.walkway.script import check_options, make_script
from normalcy.datasets.walkway.settings import SETTING_NAMES, SettingName
from normalcy.errors import ConfigError, DatasetError, OutputError
from normalcy.run_folder import writing_to
from normalcy.video.writer import VideoWriter

LOG = logging.getLogger(__name__)

# Constant rate factor of H.264: near the noise, so that compression leaves the scene as it is.
CRF = 18
_SPLIT_SEED = {"train": 1, "test": 2}

OnVideo = Callable[[int, int], None]


def synthesize(
    root: Path,
    *,
    seed: int = 0,
    size_px: tuple[int, int] = (96, 144),
    fps: float = 10.0,
    train_videos: int = 8,
    test_videos: int = 10,
    seconds_per_video: float = 24.0,
    settings: Sequence[SettingName] = SETTING_NAMES,
    anomalies: Sequence[AnomalyKind] = ANOMALY_KINDS,
    processes: int = 1,
    on_video: OnVideo | None = None,
) -> None:
    """Makes the scene in a folder, whole or not at all; a complete folder of the same settings is left as it is.

    Args:
        root: Folder to make.
        seed: The same seed and settings make the same frames and labels.
        size_px: (height, width), both even, as H.264 asks for.
        fps: Frames per second.
        train_videos: Normal videos.
        test_videos: Videos with one or two anomalies; as many as there are kinds, or more, have every kind.
        seconds_per_video: Length of each video.
        settings: Places, used in turn.
        anomalies: Kinds of anomaly, used in turn.
        processes: How many videos are drawn at a time; a script that asks for more than one must be importable.
        on_video: Called after each video with how many are done and how many there are.

    Raises:
        ConfigError: A setting is out of range.
        OutputError: The folder holds something else, or cannot be written.
        DiskFull: No room left.
    """
    options = {
        "seed": seed,
        "size_px": size_px,
        "fps": fps,
        "train_videos": train_videos,
        "test_videos": test_videos,
        "seconds_per_video": seconds_per_video,
        "settings": tuple(settings),
        "anomalies": tuple(anomalies),
    }
    recipe = build_config(Recipe, options, where="walkway")
    plan = _checked_plan(recipe)
    if _is_made(root, recipe):
        LOG.info("%s holds this scene already", root)
        return
    with writing_to(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
        try:
            _fill(draft, recipe, plan, processes, on_video)
            _publish(draft, root, recipe)
        except OutputError as error:
            # The draft is gone by the time that anybody reads this.
            raise type(error)(error.what, where=root, hint=error.hint) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _checked_plan(recipe: Recipe) -> list[PlannedVideo]:
    if recipe.seed < 0:
        raise ConfigError(f"seed {recipe.seed} is negative", where="walkway", hint="Choose 0 or more")
    if any(side % 2 for side in recipe.size_px):
        height, width = recipe.size_px
        hint = f"H.264 needs even sides; {height + height % 2}x{width + width % 2} would do"
        raise ConfigError(f"size {height}x{width} is odd", where="walkway", hint=hint)
    if recipe.train_videos < 0 or recipe.test_videos < 0 or recipe.train_videos + recipe.test_videos == 0:
        counts = f"{recipe.train_videos} training and {recipe.test_videos} test videos"
        raise ConfigError(f"{counts} cannot be made", where="walkway", hint="Choose at least one video")
    check_options(size_px=recipe.size_px, fps=recipe.fps, seconds=recipe.seconds_per_video)
    return plan_videos(
        train_videos=recipe.train_videos,
        test_videos=recipe.test_videos,
        settings=recipe.settings,
        anomalies=recipe.anomalies,
    )


def _is_made(root: Path, recipe: Recipe) -> bool:
    """Whether the folder is complete with these settings; False where there is nothing.

    Raises:
        OutputError: There is something else.
    """
    if root.is_file():
        raise OutputError("is a file", where=root, hint="Choose a folder that does not exist yet")
    if not root.is_dir() or not any(root.iterdir()):
        return False
    if not (root / FILE_NAME).is_file():
        raise OutputError("holds other files", where=root, hint="Choose a folder that does not exist yet")
    try:
        manifest = read_manifest(root)
    except DatasetError as error:
        raise OutputError(
            "holds a damaged scene", where=root, hint="Delete it, or choose another folder"
        ) from error
    if manifest.recipe != recipe:
        change = ", ".join(_differences(manifest.recipe, recipe))
        hint = "Choose another folder, or delete this one"
        raise OutputError(f"holds a scene with other settings ({change})", where=root, hint=hint)
    damage = next(find_damage(root, manifest), None)
    if damage is not None:
        hint = "Delete the folder to make it again"
        raise OutputError(f"holds a damaged scene ({damage.status}: {damage.what})", where=root, hint=hint)
    return True


def _differences(there: Recipe, wanted: Recipe) -> Iterator[str]:
    for name, value in there.model_dump().items():
        other = getattr(wanted, name)
        if value != other:
            yield f"{name} {value} instead of {other}"


def _fill(
    folder: Path, recipe: Recipe, plan: Sequence[PlannedVideo], processes: int, on_video: OnVideo | None
) -> None:
    for split in sorted({planned.split for planned in plan}):
        (folder / split).mkdir()
    entries: list[VideoEntry] = []
    for entry in _made(folder, recipe, plan, processes):
        entries.append(entry)
        if on_video is not None:
            on_video(len(entries), len(plan))
    write_manifest(folder, Manifest(recipe=recipe, videos=tuple(entries)))


def _made(folder: Path, recipe: Recipe, plan: Sequence[PlannedVideo], processes: int) -> Iterator[VideoEntry]:
    """Makes the videos, in order; drawing is the work of Python, so that only processes can share it."""
    may_have_children = not multiprocessing.current_process().daemon
    if min(processes, len(plan)) <= 1 or not may_have_children:
        yield from (_make_video(folder, planned, recipe) for planned in plan)
        return
    # Ctrl-C is for the process that was asked; the others end with it.
    quiet = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(plan)), mp_context=context, initializer=quiet) as pool:
        made = [pool.submit(_make_video, folder, planned, recipe) for planned in plan]
        try:
            yield from (each.result() for each in made)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _make_video(folder: Path, planned: PlannedVideo, recipe: Recipe) -> VideoEntry:
    script = make_script(
        planned.setting,
        seed=(recipe.seed, _SPLIT_SEED[planned.split], planned.number),
        size_px=recipe.size_px,
        fps=recipe.fps,
        seconds=recipe.seconds_per_video,
        anomaly=planned.kinds,
        scene_seed=recipe.seed,
    )
    video_path = folder / planned.split / f"{planned.name}.mp4"
    labels_path = folder / planned.split / f"{planned.name}.labels.npz"
    with VideoWriter(video_path, fps=recipe.fps, crf=CRF) as writer:
        annotations = annotate(script, _written(render_frames(script), writer))
    save(annotations, labels_path)
    return VideoEntry(
        name=planned.name,
        split=planned.split,
        setting=planned.setting,
        frames=script.frames,
        events=tuple(EventEntry(**vars(span)) for span in annotations.spans()),
        video_sha256=sha256(video_path),
        labels_sha256=sha256(labels_path),
    )


def _written(frames: Iterable[RenderedFrame], writer: VideoWriter) -> Iterator[RenderedFrame]:
    """Passes frames on after writing their pictures."""
    for frame in frames:
        writer.write(frame.image_HWC)
        yield frame


def _publish(draft: Path, root: Path, recipe: Recipe) -> None:
    """Gives the finished folder its name, unless another process made the same one meanwhile."""
    draft.chmod(0o755)
    with suppress(OSError):
        root.rmdir()  # an empty folder gives way
    try:
        draft.rename(root)
    except OSError:
        if not _is_made(root, recipe):
            raise
