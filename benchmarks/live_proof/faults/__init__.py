"""All faults, by name, in the order in which they are tried."""

from live_proof.fault import Fault
from live_proof.faults import (
    alerts_killed,
    clock_jump,
    full_disk,
    garbage,
    half_open,
    inference_killed,
    kill_anything,
    locked_database,
    receiver_down,
    resolution_change,
    stream_cut,
    stream_stalled,
    wedged_decoder,
)

FAULTS: dict[str, Fault] = {
    each.name: each
    for each in (
        stream_cut.FAULT,
        stream_stalled.FAULT,
        half_open.FAULT,
        garbage.FAULT,
        resolution_change.FAULT,
        clock_jump.FAULT,
        wedged_decoder.FAULT,
        inference_killed.FAULT,
        alerts_killed.FAULT,
        receiver_down.FAULT,
        full_disk.FAULT,
        locked_database.FAULT,
        kill_anything.FAULT,
    )
}
