"""Files, folders, cameras and streams become frames; frames become files. The only room that decodes or encodes."""
