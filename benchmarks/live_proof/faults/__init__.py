"""All faults, by name, in the order in which they are tried."""

from live_proof.fault import Fault
from live_proof.faults import (
    alerts_killed,
    clock_jump,
    configuration_edited,
    full_disk,
    garbage,
    half_open,
    inference_killed,
    kill_anything,
    killed_in_outage,
    locked_database,
    receiver_down,
    receiver_refuses,
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
        receiver_refuses.FAULT,
        full_disk.FAULT,
        locked_database.FAULT,
        configuration_edited.FAULT,
        killed_in_outage.FAULT,
        kill_anything.FAULT,
    )
}
