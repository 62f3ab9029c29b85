"""Standard 3GPP streaming data reporting and reliable notifications."""
