"""An invented report: plausible arrays and pictures that come from a seeded generator, never from a detector."""

import numpy as np

from normalcy.report.data import Case, EventSummary, ReportData, TrainingLog, VideoTimeline

FPS = 10.0
THRESHOLD = 0.031


def invented_video(
    name: str, *, seed: int, frames: int = 180, span: tuple[int, int] | None = (60, 120)
) -> VideoTimeline:
    rng = np.random.default_rng(seed)
    label_T = np.zeros(frames, bool)
    if span:
        label_T[span[0] : span[1]] = True
    wander_T = np.convolve(rng.normal(size=frames + 14), np.ones(15) / 15, mode="valid")
    bump_T = np.convolve(label_T * rng.uniform(0.0, 1.0), np.ones(7) / 7, mode="same")
    smoothed_T = np.abs(0.021 + 0.014 * wander_T + 0.015 * bump_T).astype(np.float32)
    return VideoTimeline(
        name=name,
        pts_seconds_T=np.arange(frames) / FPS,
        smoothed_T=smoothed_T,
        label_T=label_T,
        alarmed_T=smoothed_T >= THRESHOLD,
        auc=_auc(smoothed_T, label_T),
        raw_T=np.abs(smoothed_T + 0.003 * rng.normal(size=frames)).astype(np.float32),
    )


def _auc(score_T, label_T):
    if label_T.all() or not label_T.any():
        return None
    return float((score_T[label_T][:, None] > score_T[~label_T]).mean())


def invented_case(kind: str, video: str, *, seed: int, size: tuple[int, int] = (120, 180)) -> Case:
    rng = np.random.default_rng(seed)
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    image = 90 + 60 * rows / height + 8 * rng.normal(size=size)
    centre = rng.uniform(0.25, 0.75, size=2) * (height, width)
    image[np.hypot((rows - centre[0]) / 2.2, columns - centre[1]) < height / 14] = 35
    map_HW = 0.01 * rng.random(size=(32, 48)) + 0.05 * np.exp(
        -(
            (np.mgrid[:32, :48][0] - 32 * centre[0] / height) ** 2
            + (np.mgrid[:32, :48][1] - 48 * centre[1] / width) ** 2
        )
        / 18
    )
    return Case(
        kind=kind,
        video=video,
        pts_seconds=float(rng.uniform(0, 18)),
        score=float(THRESHOLD * (rng.uniform(0.3, 0.95) if kind == "miss" else rng.uniform(1.05, 1.9))),
        parts={"reconstruction": float(rng.uniform(0.01, 0.05)), "motion": float(rng.uniform(0.2, 2))},
        image_HWC=np.clip(image, 0, 255).astype(np.uint8)[..., None],
        map_HW=map_HW.astype(np.float32),
    )


def invented_report(**changes) -> ReportData:
    spans = [(60, 120), (20, 75), (100, 180), None, (0, 180), (90, 110)]
    videos = tuple(
        invented_video(f"{place + 1:02d}", seed=place, span=span) for place, span in enumerate(spans)
    )
    kinds = ("miss", "false alarm", "detection")
    known = {
        "title": "stae on walkway",
        "method": "stae",
        "dataset": "walkway",
        "preset": "small",
        "seed": 0,
        "metrics": {
            "micro_auc": 0.9134,
            "micro_auc_smoothed": 0.9211,
            "micro_auc_minmax": 0.9402,
            "macro_auc": 0.9033,
            "macro_auc_sentinels": 0.9311,
            "average_precision": 0.8841,
            "equal_error_rate": 0.1512,
            "pixel_auc": 0.8714,
            "rbdc": None,
            "paper_protocol_auc": 0.9402,
            "detection_latency_seconds": 0.8,
        },
        "floors": {
            "noise": {
                "micro_auc": 0.5012,
                "macro_auc": 0.498,
                "macro_auc_sentinels": 0.68,
                "equal_error_rate": 0.5,
            },
            "flow-magnitude": {"micro_auc": 0.8911, "macro_auc": 0.9102, "equal_error_rate": 0.171},
        },
        "parts": {"reconstruction": 0.9134, "motion": 0.7421},
        "videos": videos,
        "threshold": THRESHOLD,
        "fitted_on_text": "8 videos of ordinary walkers, 1,600 frames",
        "calibration_text": "It was set on 4.0 min of held-out normal video for 24 false alarms a day.",
        "events": EventSummary(
            raised=9, found=4, total=5, false=3, false_alarms_per_hour=41.2, latency_seconds=0.8
        ),
        "cases": tuple(
            invented_case(kind, f"0{1 + place % 6}", seed=10 * place + len(kind))
            for kind in kinds
            for place in range(4)
        ),
        "config_yaml": "method: stae\npreset: small\ntraining:\n  epochs: 20\n  batch_size: 16\n",
        "commands": (
            "normalcy data synthesize walkway --root data/walkway",
            "normalcy fit stae --data walkway --root data/walkway --set method.preset=small",
            "normalcy evaluate runs/stae-walkway/bundle --data walkway --root data/walkway",
        ),
        "versions": {"normalcy": "0.1.0", "python": "3.11", "numpy": "2.4"},
        "hardware": "an invented CPU, 2 cores",
        "fit_seconds": 74.2,
        "frames_per_second": 212.0,
        "warnings": (
            "The calibration video is 4 minutes long: a rate under 360 alarms a day reaches beyond it.",
        ),
    }
    return ReportData(**(known | changes))


def invented_history(epochs: int, *, adversarial: bool = True) -> dict[str, list[tuple[int, float]]]:
    """What a training might log: losses that fall, and a validation error that rises again at the end."""
    rng = np.random.default_rng(epochs)
    done_E = np.arange(epochs) / max(epochs, 1)
    decay_E = np.exp(-5 * done_E)
    values = {
        "train_loss": 3 + 20 * decay_E,
        "validation_loss": 0.02 + 0.3 * decay_E + 0.03 * done_E**2 + 0.001 * rng.random(epochs),
    }
    if adversarial:
        values |= {
            "train_adversarial": 0.7 + 0.3 * rng.random(epochs),
            "train_attention_sparsity": 1e-4 + 0.5 * decay_E**3,
            "train_discriminator_loss": 0.5 + 0.1 * rng.random(epochs),
            "train_discriminator_diversity": 0.9 + 0.1 * rng.random(epochs),
            "validation_content": 0.02 + 0.3 * decay_E,
        }
    return {name: list(enumerate(value_E.tolist())) for name, value_E in values.items()}


def invented_training(epochs: int, *, adversarial: bool = True, **changes) -> TrainingLog:
    history = invented_history(epochs, adversarial=adversarial)
    summary = {
        "epochs": epochs,
        "steps": 60 * epochs,
        "clips": 480 * epochs,
        "best_validation_loss": min(value for _, value in history["validation_loss"]),
        "stopped_by": "epochs",
        "precision": "bf16-mixed",
        "train_seconds": 2.5 * epochs,
        "kept": "best",
        "warnings": [],
    }
    return TrainingLog(summary | changes, history)
