"""Pictures of why: heat maps and annotated video."""
