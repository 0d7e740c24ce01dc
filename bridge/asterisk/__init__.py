"""Asterisk as a program on this machine: found or installed, started, watched, and told whom to keep out."""
