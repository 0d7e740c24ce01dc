"""The cascade engine: recognise, answer, speak. Needs no GPU and no download.

The way of a caller's words: `bridge.engine.hearing` (voice activity, turns, words) → `thought` (a thread: recognise,
`answer` from facts or `llm`, gate, `voice`) → `mouth` (sound and words in frames). `slot` is one call, `engine` all.
"""
