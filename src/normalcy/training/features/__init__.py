"""What a frozen backbone sees in each frame of labelled videos, computed once and kept."""
