"""PersonaPlex-7B in plain torch: many calls in lockstep, exact against golden vectors, from the published files.

Reading order: `config` (dimensions), `layers` and `window` (what a transformer is made of), `lm` (the language model),
`slots` and `step` (one 80 ms step of many calls), `mimi` (the codec), `prompt` (voice and persona as one prefill),
`runtime` (codec and language model tied together). The guide is docs/model-runtime.md.

Importing this package does not import torch; `config`, `voices`, `loudness` and `tokeniser` never do.
"""
