"""Studies: the same budget and the same seeds for every row, so that rows differ in nothing else.

plan.py      which rows a study has, and which one the others are compared with
cells.py     a row at a seed: its settings, and the folder that keeps what it came to
cell.py      makes one cell, in a process of its own
runner.py    makes all cells, several at once; what is there already is not made again
outcome.py   rows, means, paired differences
written.py   table and picture
study.py     all of that in a row
transfer.py  fits on each of several scenes, judged on all; transfer_cell.py, transfer_outcome.py
attention.py whether attention differs between normal and abnormal clips of fitted detectors; attention_outcome.py
files.py     what the studies' files and processes share
"""
