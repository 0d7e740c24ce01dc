"""The phone in the browser, and those who watch and listen."""
