"""Slack: the Bolt app, chat, and the directory of people. The only place that knows slack_sdk."""
