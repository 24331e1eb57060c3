"""Pictures and words of why.

reasons.py           where, which term of the score, how far from usual, in a sentence; reasoner.py does it for a bundle
nearest.py           what a place usually looks like; normal_frames.py reads the frames to compare with
explained.py         what an explanation of a video holds
attention/           what attention across time did; attention_strip.py draws it below a video
heatmap.py           anomaly maps as colours
annotate.py          annotated video, made of painter.py, layout.py, trace.py, drawing.py, spans.py and ticks.py
"""
