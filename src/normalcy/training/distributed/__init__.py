"""Training in several processes, one for each device: who starts them, what they exchange, how they fail together."""
