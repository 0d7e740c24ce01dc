"""Hearing a caller, for every engine that wants their words: voice activity, turns, recognition.

The way of a caller's sound: `voice_activity` (is this speech?) → `ear` (where does a turn begin and end?) →
`recogniser` (which words?). `scribe` does all of it in threads, for engines that need no words themselves.
"""
