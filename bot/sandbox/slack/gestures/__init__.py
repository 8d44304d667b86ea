"""Plays people's gestures in Slack's client: checked as the client would, sent to the app as Slack would."""
