"""Getting the model's files over the network: what there is to get, what is on the disk, and the way between."""
