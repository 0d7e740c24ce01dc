"""Telling another system of calls: signed JSON over HTTP, kept on the disk until it has been taken.

events ──▶ outbox (files) ──▶ dispatch ──▶ delivery ──▶ the receiver
              dead letters ◀──┘ after the last attempt
"""
