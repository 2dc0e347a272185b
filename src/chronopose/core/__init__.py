"""The nouns of the house: skeletons, poses, tracks, geometry; numpy only."""
