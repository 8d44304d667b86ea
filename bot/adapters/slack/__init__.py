"""Connects to Slack: the Bolt app, chat, and the directory of people. Only here is slack_sdk known."""
