"""Video in and out: files, folders, cameras and streams; H.264 written."""
