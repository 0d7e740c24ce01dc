"""Layer 1: the audio path. mu-law, resampling, framing, playout accounting; numpy only, no clock."""
