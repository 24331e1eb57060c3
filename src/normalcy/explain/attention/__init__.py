"""Temporal attention made visible, from a method's own weights.

watch.py        what the attention of a method did with a clip: weights, features before and after
statistics.py   what a pattern of attention is like, in five numbers
focus.py        what each frame attends to
enhancement.py  what attention does to the features, as a whole and place by place
comparison.py   whether two sets of clips differ, with effect size and rank test
journey.py      all of that, of one clip
over_time.py    which frames of a whole video are attended to
"""
