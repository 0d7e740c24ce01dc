"""The console in a real Chromium, on a real server."""
