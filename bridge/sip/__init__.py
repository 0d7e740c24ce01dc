"""SIP as configuration: which trunks and phones may call, and the Asterisk files that say so."""
