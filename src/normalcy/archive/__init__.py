"""Archives: thousands of videos, scored by many workers into tables, broken off and gone on with at any time."""
