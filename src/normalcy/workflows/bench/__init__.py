"""How fast a detector is here, stage by stage and backend by backend."""
