"""The live engine: many cameras, events, alerts and a dashboard.

capture (a process per camera)      frames/          inference (one process)            store/
cameras/: open, pace, reconnect --> shared memory --> engine/: window, model, track --> events, outbox
                                         |            events/: one incident, one event      |        |
                                         v                                                 v        v
                                    web/ (main process, with the supervisor)  <--------  alerts/ (one process)
"""
