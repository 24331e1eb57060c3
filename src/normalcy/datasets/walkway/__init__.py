"""The generated scene `walkway`: a corridor camera, ordinary walkers, and seven kinds of abnormal behaviour."""
