"""How work is spread over processes and machines: one contract, an engine of local processes and one of Ray."""
